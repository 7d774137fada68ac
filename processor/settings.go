package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// What a person has configured enters decisions, and a person configures anew. So a cycle names the settings that
// decided it, by a hash of their content, and a cycle that is run again is run under those. They stand themselves in
// the first cycle under them, in the first of a processor on a partition, and in each 64th: a name is 10 bytes of a
// cycle, they are some 50 in the built-in stages and may be more in others. A cycle under new ones has the ones
// before too. So wherever retention has cut the topic, the settings of each cycle that is left stand in one that is
// left: in an earlier one, or in the next that has them, or where they end. The state has those of its last cycle,
// which is how a change is noticed.

// settingsEvery is how many cycles lie between two that have their settings in full.
const settingsEvery = 64

// settings are those of all stages, under their name.
type settings struct {
	hash  uint64
	value *events.CycleSettings
}

func newSettings(value *events.CycleSettings) (*settings, error) {
	if n := value.SizeVT(); n > stage.MaxSettingsBytes {
		return nil, fmt.Errorf("the settings of all stages have %d bytes, the limit is %d: a cycle must have room for them",
			n, stage.MaxSettingsBytes)
	}
	raw, err := value.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("writing the settings of a cycle: %w", err)
	}
	return &settings{max(xxhash.Sum64(raw), 1), value}, nil // 0 is a cycle's that does not say
}

// partitionSettings are what a partition decides by.
type partitionSettings struct {
	// offered is what the stages are configured with now; nil until they are asked.
	offered *settings
	// recorded decided the last cycle in the state; nil where that is not known.
	recorded *settings
	// inForce is what the tasks decide by: offered in operation, in a replay what the cycle says.
	inForce *settings
	// told: a cycle of this processor has offered in full.
	told bool
	// replaced is what recorded was before the cycle at hand, nil if the same or unknown.
	replaced *settings
	// unsaid: cycles do not say; see Deps.
	unsaid bool
}

// loadSettings reads what decided the last cycle in the state.
func (p *partition) loadSettings() error {
	p.settings.recorded = nil
	raw, ok, err := p.own.Get(settingsKey)
	if err != nil || !ok {
		return err
	}
	value := &events.CycleSettings{}
	if err := value.UnmarshalVT(raw); err != nil {
		return fmt.Errorf("reading the settings in the state of partition %d: %w", p.id, err)
	}
	p.settings.recorded, err = newSettings(value)
	return err
}

// offer asks the stages what they are configured with. It does not allocate while that is the same.
func (p *partition) offer() (*settings, error) {
	s := &p.settings
	var was *events.CycleSettings
	if s.offered != nil {
		was = s.offered.value
	}
	if now := p.stages.Offered(was); now != was {
		next, err := newSettings(now)
		if err != nil {
			return nil, err
		}
		s.offered, s.told = next, false
	}
	return s.offered, nil
}

// configure has the tasks decide by s from here on. known: s is what the coming cycle is, or was, decided under, and
// the state takes note of it with the cycle; else it is the best guess.
func (p *partition) configure(s *settings, known bool) error {
	has := &p.settings
	same := has.recorded != nil && has.recorded.hash == s.hash
	if has.inForce != nil && has.inForce.hash == s.hash && (same || !known) {
		return nil
	}
	var before *events.CycleSettings
	if known && has.recorded != nil {
		before = has.recorded.value
	}
	if err := p.stages.Configure(before, s.value); err != nil {
		if errors.Is(err, stage.ErrNewerSettings) {
			err = fmt.Errorf("%w: %w; that program, or a later one, would be right", ErrNewerDecisions, err)
		}
		return err
	}
	has.inForce = s
	if known && !same {
		raw, err := s.value.MarshalVT()
		if err != nil {
			return fmt.Errorf("writing settings down: %w", err)
		}
		p.own.Put(settingsKey, raw)
		has.replaced, has.recorded = has.recorded, s
	}
	return nil
}

// tellSettings writes into a cycle what is due of its settings.
func (p *partition) tellSettings(c *events.Cycle) {
	s := &p.settings
	if s.unsaid {
		c.SettingsHash = 0
		return
	}
	if !s.told || s.replaced != nil || c.Seq%settingsEvery == 0 {
		c.Settings, s.told = s.offered.value, true
	}
	if s.replaced != nil {
		c.PreviousSettings, s.replaced = s.replaced.value, nil
	}
}

// guess answers the settings to decide by where nobody knows: those of the cycle before, else of the one after, else
// today's. Stages that those do not list run under today's.
func (p *partition) guess(after *settings) *settings {
	s := p.settings.recorded
	if s == nil {
		s = after
	}
	if s == nil {
		return p.settings.offered
	}
	whole := &events.CycleSettings{Stages: slices.Clone(s.value.Stages)}
	for _, of := range p.settings.offered.value.Stages {
		if stage.SettingsOf(whole, of.Stage) == nil {
			whole.Stages = append(whole.Stages, of)
		}
	}
	if len(whole.Stages) == len(s.value.Stages) {
		return s
	}
	slices.SortFunc(whole.Stages, func(a, b *events.StageSettings) int { return strings.Compare(a.Stage, b.Stage) })
	if guessed, err := newSettings(whole); err == nil {
		return guessed
	}
	return s
}

// retained is why settings are not found where cycles name them.
const retained = "Kafka keeps too little of the topic: no cycle in it has them"

// A settingsLog is what a replay knows of settings by their names.
type settingsLog struct {
	known map[uint64]*settings
	// absent are names that no cycle behind them has.
	absent map[uint64]bool
}

// begin takes what the partition knows: what decided its last cycle, and what is configured now.
func (l *settingsLog) begin(part *partition) error {
	offered, err := part.offer()
	if err != nil {
		return err
	}
	l.known, l.absent = map[uint64]*settings{offered.hash: offered}, map[uint64]bool{}
	if s := part.settings.recorded; s != nil {
		l.known[s.hash] = s
	}
	return nil
}

func (l *settingsLog) add(value *events.CycleSettings) error {
	if value == nil {
		return nil
	}
	s, err := newSettings(value)
	if err == nil && l.known[s.hash] == nil {
		l.known[s.hash] = s
	}
	return err
}

// learn takes what a cycle tells in full.
func (l *settingsLog) learn(c *events.Cycle) error {
	return errors.Join(l.add(c.Settings), l.add(c.PreviousSettings))
}

// settingsOf answers what a cycle was decided under. known is false where that cannot be told: of cycles of programs
// that did not say, and where retention left less of the topic than settingsEvery cycles.
func (r *replayer) settingsOf(
	ctx context.Context, c *events.Cycle, rec *kgo.Record, end int64,
) (s *settings, known bool, err error) {
	if err := r.settings.learn(c); err != nil {
		return nil, false, err
	}
	if c.SettingsHash == 0 {
		r.p.guessSettings(r.part.id, "they are of a program that did not say")
		return r.part.guess(nil), false, nil
	}
	if s := r.settings.known[c.SettingsHash]; s != nil {
		return s, true, nil
	}
	if r.settings.absent[c.SettingsHash] {
		r.p.guessSettings(r.part.id, retained)
		return r.part.guess(nil), false, nil
	}
	if err := r.p.eachVisible(ctx, rec.Topic, r.part.id, rec.Offset+1, end, func(rec *kgo.Record) (bool, error) {
		later := &events.Cycle{}
		if err := later.UnmarshalVT(rec.Value); err != nil {
			return false, fmt.Errorf("reading offset %d of %s partition %d: %w", rec.Offset, rec.Topic, rec.Partition, err)
		}
		err := r.settings.learn(later)
		return r.settings.known[c.SettingsHash] == nil, err
	}); err != nil {
		return nil, false, err
	}
	if s := r.settings.known[c.SettingsHash]; s != nil {
		return s, true, nil
	}
	r.settings.absent[c.SettingsHash] = true
	r.p.guessSettings(r.part.id, retained)
	return r.part.guess(nil), false, nil
}

// guessSettings says, once, that cycles are run again under settings that may not be theirs.
func (p *Processor) guessSettings(id int32, why string) {
	p.metrics.guessedSettings.Inc()
	if !p.toldSettings.CompareAndSwap(false, true) {
		return
	}
	p.log.Warn("cycles do not tell the settings that they were decided under: they are run again under those of the "+
		"cycle before them that does, else under today's. Where these are others than then, the rebuilt state differs "+
		"from the lost one (docs/recovery.md)",
		zap.Int32("partition", id), zap.String("reason", why), zap.String("topic", p.kafkaName(schemas.TopicCycles)))
}
