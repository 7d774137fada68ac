package join

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"tributary/processor/stage"
)

// settingsVersion is the form of the stage's settings: this byte, and as varints window, grace, book retention, most
// parked, fast conversion, clock skew, clicks of an IP a minute. Raise it with another form, and read the earlier
// ones.
const settingsVersion = 1

// fields are what decides, in the order of the settings.
func (o *Options) fields() []*int64 {
	s := &o.Rules.Scoring
	return []*int64{&o.Rules.WindowMS, &o.GraceMS, &o.BookRetentionMS, &s.FastMS, &s.ClockSkewMS}
}

func (o *Options) appendSettings(dst []byte) []byte {
	dst = append(dst, settingsVersion)
	for _, f := range o.fields() {
		dst = binary.AppendVarint(dst, *f)
	}
	dst = binary.AppendUvarint(dst, uint64(o.MaxParked))
	return binary.AppendUvarint(dst, uint64(o.Rules.Scoring.IPClicksPerMinute))
}

var errSettings = errors.New("settings are damaged")

// readSettings sets what decides.
func (o *Options) readSettings(b []byte) error {
	if len(b) == 0 || b[0] != settingsVersion {
		return errSettings
	}
	b = b[1:]
	for _, f := range o.fields() {
		v, n := binary.Varint(b)
		if n <= 0 {
			return errSettings
		}
		*f, b = v, b[n:]
	}
	parked, n := binary.Uvarint(b)
	if n <= 0 {
		return errSettings
	}
	clicks, m := binary.Uvarint(b[n:])
	if m <= 0 || n+m != len(b) {
		return errSettings
	}
	o.MaxParked, o.Rules.Scoring.IPClicksPerMinute = int(parked), uint32(clicks)
	return nil
}

// Settings is of stage.Configured.
func (s *Stage) Settings() []byte { return s.settings }

// floors are what earlier settings leave behind. A longer window does not bring back what went under a shorter one,
// and whether it has gone already is not asked: a rebuilt state removes it at other times.
type floors struct {
	// clicksMS and booksMS are horizons that were reached.
	clicksMS, booksMS int64
	// keptMS is the longest that anything was kept for after its arrival.
	keptMS int64
}

// floorsKey: version 1 · clicks · books · kept, as varints.
var floorsKey = []byte{kindFloors}

const floorsVersion = 1

func (t *task) openFloors(ctx *stage.Context) error {
	t.floors = floors{}
	b, ok, err := ctx.State.Get(floorsKey)
	if err != nil || !ok {
		return err
	}
	if len(b) == 0 || b[0] != floorsVersion {
		return fmt.Errorf("reading what earlier settings left behind: %w", errSettings)
	}
	b = b[1:]
	for _, f := range []*int64{&t.floors.clicksMS, &t.floors.booksMS, &t.floors.keptMS} {
		v, n := binary.Varint(b)
		if n <= 0 {
			return fmt.Errorf("reading what earlier settings left behind: %w", errSettings)
		}
		*f, b = v, b[n:]
	}
	return nil
}

// Configure is of stage.Configurable.
func (t *task) Configure(ctx *stage.Context, before, now []byte) error {
	if err := t.opts.readSettings(now); err != nil {
		return err
	}
	if before == nil || bytes.Equal(before, now) {
		return nil
	}
	was := t.opts
	if err := was.readSettings(before); err != nil {
		return err
	}
	f := &t.floors
	f.clicksMS = max(f.clicksMS, was.clickHorizonMS(ctx.WatermarkMS()))
	f.booksMS = max(f.booksMS, was.bookHorizonMS(ctx.WatermarkMS()))
	f.keptMS = max(f.keptMS, was.keptMS())
	b := []byte{floorsVersion}
	for _, ms := range []int64{f.clicksMS, f.booksMS, f.keptMS} {
		b = binary.AppendVarint(b, ms)
	}
	ctx.State.Put(floorsKey, b)
	return nil
}

// clickHorizonMS is the event time before which clicks are no longer remembered under these options.
func (o *Options) clickHorizonMS(watermarkMS int64) int64 {
	return watermarkMS - o.Rules.WindowMS - o.GraceMS - expiryEveryMS
}

// bookHorizonMS is the same for the conversions of a click.
func (o *Options) bookHorizonMS(watermarkMS int64) int64 {
	return watermarkMS - o.BookRetentionMS - expiryEveryMS
}

// keptMS is the longest that anything is kept for: a foreign click's book from its first conversion on, which may
// come a window after the click.
func (o *Options) keptMS() int64 { return o.BookRetentionMS + o.Rules.WindowMS + o.GraceMS }
