package oracle

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/catalog/published"
	"tributary/cli/blocklist"
	"tributary/schemas"
	"tributary/schemas/events"
)

// commandLimit is how long a command waits for Kafka.
const commandLimit = 30 * time.Second

// A wrote is what came of a change.
type wrote struct {
	*Change
	author  string
	id      string // of the block
	started time.Time
	// acked is zero where nobody was told that it is written.
	acked    time.Time
	revision int64
	err      string
}

// declared is a catalog.Config as the source of a publication.
type declared catalog.Config

func (d declared) Declared(context.Context) (catalog.Config, error) { return catalog.Config(d), nil }

// write makes a change as a command does, from a machine of its own, which may die amid it.
func (w *World) write(c *Change) {
	done := &wrote{Change: c, author: fmt.Sprint("c", c.Number), started: time.Now()}
	w.planeMu.Lock()
	w.written = append(w.written, done)
	w.planeMu.Unlock()
	h := w.network.host(done.author, w.scenario.Seed^uint64(c.Number)<<20)
	h.slow(w.scenario.Latency, w.scenario.Latency/2)
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	if c.Kill > 0 {
		w.later(c.Kill, func() {
			h.kill()
			cancel()
		})
	}
	// Whoever writes has a clock of his own: order is not by it.
	skew := time.Duration(c.Arg%120)*time.Second - time.Minute
	now := func() time.Time { return time.Now().Add(skew) }
	id, revision, err := w.command(ctx, h, now, c, done.author)
	w.planeMu.Lock()
	defer w.planeMu.Unlock()
	done.id, done.revision = id, revision
	if err == nil && !h.isCut() {
		done.acked = time.Now()
	}
	if err != nil {
		done.err = shorten(err)
	}
	w.trace.add(done.author, "%s of zone %d: %s revision %d: %s", c.Kind, c.Zone, id, revision, done.err)
}

func (w *World) command(ctx context.Context, h *host, now func() time.Time, c *Change, author string) (id string, revision int64, err error) {
	if c.Kind == changeBad {
		return "", 0, w.writeBad(ctx, h, c, author)
	}
	writer, err := control.NewWriter(w.controlConfig(h, now, zap.NewNop()))
	if err != nil {
		return "", 0, err
	}
	defer writer.Close()
	desk := &blocklist.Desk{Writer: writer, Author: author, Reason: "why not", Now: now}
	var done *blocklist.Done
	switch c.Kind {
	case changeBlock:
		v := &events.Block{SourceId: planeSource, Source: "shady", Sub: 1, SubValue: fmt.Sprint("z", c.Zone), Answer: events.Block_ANSWER_FALLBACK, Shadow: c.Shadow}
		if c.For > 0 {
			v.UntilMs = now().Add(c.For).UnixMilli()
		}
		done, err = desk.Add(ctx, v)
	case changeUndo:
		var ids []string
		w.planeMu.Lock()
		for _, one := range w.written {
			if one.Kind == changeBlock && one.id != "" && one.Zone > 1 {
				ids = append(ids, one.id)
			}
		}
		w.planeMu.Unlock()
		if len(ids) == 0 {
			return "", 0, fmt.Errorf("there is no block to undo")
		}
		done, err = desk.Undo(ctx, ids[c.Arg%uint64(len(ids))])
	case changeCatalog:
		limit := w.scenario.Plane.Cap
		if w.raised() {
			limit = w.scenario.Plane.Raised
		}
		revision, _, err = published.Apply(ctx, writer, declared(planeCatalog(c.Number, limit)), published.Plan{Author: author, Reason: "another", Base: planeBase()})
		return "", revision, err
	}
	if err != nil {
		return "", 0, err
	}
	return done.ID, done.Revision, nil
}

// raised tells whether the cap is another in catalogs from now on: in the second half of the run.
func (w *World) raised() bool {
	return w.scenario.Plane.Raised > 0 && time.Since(w.began) > w.scenario.Active/2
}

// writeBad writes an entry that breaks a rule, as another program might, without asking anybody: in the place of a block or of the
// campaign, or new.
func (w *World) writeBad(ctx context.Context, h *host, c *Change, author string) error {
	client, err := kgo.NewClient(append(w.kafka(h), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	m := events.ControlEntry{Version: 1, Kind: block.Kind, Id: block.NewID(), Author: author, Reason: "wrong", AtMs: time.Now().UnixMilli()}
	m.Value, _ = (&events.Block{Answer: events.Block_ANSWER_PAGE}).MarshalVT() // of nothing
	switch c.Arg % 4 {
	case 0: // in the place of the first block
		m.Id = w.written[1].id
	case 1:
		m.Kind, m.Id, m.Value = "campaign", "plane", []byte("{")
	case 2:
		m.Version = 99
	}
	value, err := m.MarshalVT()
	if err != nil {
		return err
	}
	return client.ProduceSync(ctx, &kgo.Record{Topic: schemas.TopicControl, Key: []byte(m.Kind + "/" + m.Id), Value: value}).FirstErr()
}

// watched is what an edge has in force of the topic control, as it shows it.
type watched struct {
	edge     string
	revision int64
	// of has the revision of each entry that is shown, by key.
	of map[string]int64
	at time.Time // by the edge's clock
}

func (w *World) watched(p *process, s *control.State) {
	now := p.now()
	seen := watched{edge: p.name, revision: s.Revision(), of: map[string]int64{}, at: now}
	for _, kind := range s.Kinds() {
		for e := range s.Each(kind) {
			seen.of[e.Key()] = e.Revision
		}
	}
	w.trace.add(p.name, "revision %d of the topic control, %d entries", seen.revision, len(seen.of))
	w.planeMu.Lock()
	defer w.planeMu.Unlock()
	w.seen = append(w.seen, seen)
}

// settlePlane waits until every edge shows the same, and returns what the topics have.
func (w *World) settlePlane(ctx context.Context) (*planeLog, error) {
	if w.scenario.Plane == nil {
		return nil, nil
	}
	w.useUp()
	var log planeLog
	var err error
	if log.control, err = w.topic(ctx, schemas.TopicControl); err != nil {
		return nil, err
	}
	if log.changes, err = w.topic(ctx, schemas.TopicControlChanges); err != nil {
		return nil, err
	}
	if log.books, err = w.topic(ctx, schemas.TopicLeases); err != nil {
		return nil, err
	}
	end := int64(0)
	for _, p := range placedOf(log.control, w.written) {
		if p.write != "" { // what somebody else put there moves no revision
			end = p.revision
		}
	}
	for began := time.Now(); ; time.Sleep(time.Second) {
		behind := ""
		for _, p := range w.order {
			if p.port == 0 {
				continue
			}
			life := p.edge.Load()
			if life == nil || life.reader.Now().Revision() < end || !life.reader.Blind().IsZero() {
				behind = p.name
			}
		}
		if behind == "" {
			break
		}
		if time.Since(began) > 5*time.Minute {
			w.fail("the edge %s does not show the end of the topic control five minutes after the last fault", behind)
			return &log, nil
		}
	}
	for _, p := range w.order {
		if p.port == 0 {
			continue
		}
		life := p.edge.Load()
		log.ends = append(log.ends, endOf(p.name, life.reader, p.now()))
	}
	return &log, nil
}

// planeLog is what is known of control, blocks and leases at the end.
type planeLog struct {
	control, changes, books []*kgo.Record
	ends                    []endState
}

// endState is what an edge shows at the end.
type endState struct {
	edge    string
	at      time.Time
	values  map[string]string
	refused []string
}

func endOf(name string, r *control.Reader, now time.Time) endState {
	e := endState{edge: name, at: now, values: map[string]string{}}
	s := r.Now()
	for _, kind := range s.Kinds() {
		for entry := range s.Each(kind) {
			e.values[entry.Key()] = string(entry.Value)
		}
	}
	for _, one := range r.Refused() {
		e.refused = append(e.refused, fmt.Sprintf("%s/%s at %d", one.Kind, one.ID, one.Revision))
	}
	slices.Sort(e.refused)
	return e
}

// topic reads the committed records of a topic that are in its first partition.
func (w *World) topic(ctx context.Context, name string) (records []*kgo.Record, err error) {
	h := w.network.host("auditor-"+name, 0)
	h.slow(minLatency, 0)
	client, err := kgo.NewClient(append(w.kafka(h), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{name: {0: kgo.NewOffset().AtStart()}})
	// The records of transactions' ends have offsets and are not seen: what is last is found out by silence.
	for quiet := 0; quiet < 3; {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		fetches := client.PollFetches(limited)
		cancel()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("reading the topic %s back: %w", name, ctx.Err())
		}
		quiet++
		fetches.EachRecord(func(r *kgo.Record) {
			records, quiet = append(records, r), 0
		})
	}
	return records, nil
}
