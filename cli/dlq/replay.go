package dlq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/catalog"
	"tributary/cli/misuse"
)

// DefaultReplayLimit is how many letters one replay looks at.
const DefaultReplayLimit = 10_000

// ReplayOptions say what to replay and by which rules.
type ReplayOptions struct {
	Source
	Filter Filter
	// Limit is how many letters are sent, the oldest that can be, and how many others are named; 0 for DefaultReplayLimit.
	Limit int
	// Send does it; else nothing is written anywhere.
	Send bool
	// Rate bounds letters a second; 0 for no bound.
	Rate float64
	// Catalog judges postbacks; when it is nil, NoCatalog says why. CatalogOf names where it is from, for the person.
	Catalog              *catalog.Catalog
	NoCatalog, CatalogOf string
	// ClickHouse says what is booked and loaded already. Nil: rows are held back, and older postbacks of a conversion may
	// come after newer ones.
	ClickHouse driver.Conn
	Database   string
	// Overtake sends postbacks even if the ledger has a newer entry of their conversion; Repeats those that say the same as
	// another letter.
	Overtake, Repeats bool
	// TransactionalID names the replayer to Kafka: a second one of the same name ends the first.
	TransactionalID string
	// JSON prints plans as lines for machines.
	JSON bool
	Out  io.Writer
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
}

// Outcome is what a replay came to.
type Outcome struct {
	// Plans has up to Limit letters that can be sent and as many of the others, oldest first.
	Plans []*Plan
	// Unnamed counts the others that Plans has no room for.
	Unnamed map[Verdict]int
	// Sent were sent and noted; 0 in a dry run.
	Sent int
	// More could be sent beyond Limit.
	More int64
}

// Replay plans and, if asked to, sends. A replay that ends early is taken up by the next one: what was sent is noted.
func Replay(ctx context.Context, o ReplayOptions) (*Outcome, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Limit = cmp.Or(o.Limit, DefaultReplayLimit)
	switch {
	case o.Limit < 1 || o.Limit > MaxLetters:
		return nil, misuse.Errorf("--limit %d is out of range; right would be 1 to %d", o.Limit, MaxLetters)
	case o.Rate < 0:
		return nil, misuse.Errorf("--rate %g is out of range; right would be letters a second, or 0 for no bound", o.Rate)
	case o.ClickHouse != nil && !identifier.MatchString(o.Database):
		return nil, misuse.Errorf("%q is not the name of a database; right would be letters, digits and underscores", o.Database)
	}
	var s *sender
	if o.Send {
		var err error
		if s, err = newSender(ctx, &o); err != nil {
			return nil, err
		}
		defer s.close()
	}
	out, err := plans(ctx, &o)
	if err != nil {
		return nil, err
	}
	if s != nil {
		var list []*Plan
		for _, p := range out.Plans {
			if p.Verdict == Send {
				list = append(list, p)
			}
		}
		out.Sent, err = s.send(ctx, list, o.Rate, o.progress)
	}
	if printErr := out.print(&o); err == nil {
		err = printErr
	}
	return out, err
}

func (o *ReplayOptions) progress(p Progress) {
	if o.Progress != nil {
		o.Progress(p)
	}
}

// plans decides about letters, twice: first as they are read, so that those that cannot go take no room from those that can;
// then, of what is kept, oldest first. Letters that were replayed come before all: later ones may repeat them.
func plans(ctx context.Context, o *ReplayOptions) (*Outcome, error) {
	fresh, old, rest := keeper{limit: o.Limit}, keeper{limit: MaxLetters, newest: true}, keeper{limit: o.Limit}
	out := &Outcome{Unnamed: map[Verdict]int{}}
	scout := o.planner()
	if _, err := o.each(ctx, o.Filter, func(l *Letter) error {
		switch verdict := scout.plan(l).Verdict; {
		case len(l.Replayed) > 0:
			old.add(l)
		case verdict == Send:
			fresh.add(l)
		case rest.Len() < o.Limit && rest.bytes < maxHeldBytes:
			rest.add(l)
		default:
			out.Unnamed[verdict]++
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out.More = fresh.dropped
	p := o.planner()
	for _, l := range old.sorted() {
		out.Plans = append(out.Plans, p.plan(l))
	}
	both := keeper{limit: 2 * o.Limit, held: append(fresh.held, rest.held...)}
	for _, l := range both.sorted() {
		out.Plans = append(out.Plans, p.plan(l))
	}
	if err := o.check(ctx, out.Plans); err != nil {
		return nil, err
	}
	return out, nil
}

func (o *ReplayOptions) planner() *planner {
	return &planner{prefix: o.TopicPrefix, catalog: o.Catalog, noCatalog: o.NoCatalog, now: o.Now, repeats: o.Repeats, first: map[identity]string{}}
}

func (o *ReplayOptions) check(ctx context.Context, list []*Plan) error {
	if o.ClickHouse != nil {
		g := ledger{conn: o.ClickHouse, database: o.Database, overtake: o.Overtake}
		return g.check(ctx, list, func(done, total int) {
			o.progress(Progress{What: "asking the ledger", Done: int64(done), Total: int64(total)})
		})
	}
	for _, p := range list {
		if table := tableOf(p.Topic); p.Verdict == Send && table != nil {
			p.Verdict, p.Why = Held, "whether table "+table.Name+" has it already is unknown without ClickHouse"
		}
	}
	return nil
}

// PlanFor says what replaying one letter does, for a person who looks at it; nothing is sent.
func PlanFor(ctx context.Context, o ReplayOptions, l *Letter) (*Plan, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	plan := o.planner().plan(l)
	return plan, o.check(ctx, []*Plan{plan})
}

// errTaken is matched when another replay of the same name began.
var errTaken = errors.New("another `tributary dlq replay` took over")

func resumable(sent, total int, err error) error {
	return fmt.Errorf("%w; %d of %d were sent and noted, run the same command again for the rest", err, sent, total)
}
