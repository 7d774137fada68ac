package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"tributary/schemas"
)

// A refusal is a row that ClickHouse refuses by itself, and why.
type refusal struct {
	row   uint32
	cause error
}

// maxRefused bounds the rows of one batch that are put aside. Where ClickHouse refuses more, it is the table that does not
// fit, and the loader waits for somebody to mend it.
const maxRefused = 1000

var (
	// errPartial: some rows of a span are in the table and some are not, so it was not one insert that brought them.
	errPartial = errors.New("the table has a part of these rows")
	// errOrphan: ClickHouse took the insert for a repeated one and has none of its rows. It writes a token down before it
	// gives the block its name, and was killed in between.
	errOrphan = errors.New("ClickHouse remembers the token of these rows and has none of them")
	// errStale: so long ago was the plan committed that another member may have taken the partition over.
	errStale = errors.New("the batch plan is too old for an insert under it")
)

// behindMS is how much earlier than a batch's rows those of later offsets may have been received: what waited for its
// click, or in an edge's spool, comes late.
const behindMS = 24 * 60 * 60 * 1000

// prepare makes a plan ready for its first commit.
func (o *owner) prepare(p *plan, spans []span) error {
	if !o.offsetsInDoubt {
		return nil
	}
	return o.insist(func(ctx context.Context) error {
		// Rows behind the batch: it is a hole, and the table has what follows.
		behind := place{partition: o.partition, first: p.last + 1, last: math.MaxInt64, minMS: math.MaxInt64, maxMS: schemas.MaxTimeMS}
		for _, s := range spans {
			at := o.place(s)
			have, err := o.insert.present(ctx, at)
			if err != nil {
				return err
			}
			if have > 0 {
				p.at = &piece{}
				*p.at = noPiece
			}
			behind.minMS = max(0, min(behind.minMS, at.minMS-behindMS))
		}
		have := 0
		if p.at == nil && len(spans) > 0 {
			var err error
			if have, err = o.insert.present(ctx, behind); err != nil {
				return err
			}
		}
		o.offsetsInDoubt = p.at != nil || have > 0
		if p.at != nil {
			o.loader.log.Warn("rows that Kafka gives are in the table already; only those that are not will be inserted. Were the group's offsets set back or lost?",
				zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int64("first", p.first), zap.Int64("last", p.last))
		}
		return nil
	})
}

// explainLoss says what is left of a replayed plan when Kafka no longer has all of its records. What the table has of it is complete; of the rest
// those rows are inserted that Kafka still has.
func (o *owner) explainLoss(p *plan) error {
	rows := 0
	err := o.insist(func(ctx context.Context) (err error) {
		rows, err = o.insert.countOffsets(ctx, o.partition, p.first, p.last)
		return err
	})
	if err != nil {
		return err
	}
	o.loader.log.Error("Kafka no longer has all records of a batch plan: its topic's retention is too short for this stop, or records were deleted",
		zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int64("first", p.first), zap.Int64("last", p.last),
		zap.Int("planned_records", p.records), zap.Int("left_records", o.batch.records()), zap.Int("rows_in_table", rows))
	if p.at == nil {
		p.at = &piece{}
	}
	*p.at = noPiece
	return nil
}

// landSpan lands a month of the batch. again: an earlier life may have tried.
func (o *owner) landSpan(p *plan, s span, again bool) error {
	if p.at == nil {
		return o.land(p, s, again)
	}
	// In pieces. The one that the plan names may have been tried; the rows around it are in the table or have yet to be.
	tried := *p.at
	if again && tried.month == s.month && tried.first <= tried.last {
		low, middle, high := o.cut(s, tried)
		if len(middle.order) > 0 {
			if err := o.land(p, middle, true); err != nil {
				return err
			}
		}
		for _, rest := range []span{low, high} {
			if len(rest.order) > 0 {
				if err := o.landRest(p, rest); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return o.landRest(p, s)
}

// cut divides a span into the rows before, of and after a piece.
func (o *owner) cut(s span, at piece) (low, middle, high span) {
	t := o.batch.table
	low, middle, high = span{month: s.month, from: s.to}, span{month: s.month, from: s.to}, span{month: s.month, from: s.to}
	for _, row := range s.order {
		part := &middle
		switch offset := t.offset(row); {
		case offset < at.first:
			part = &low
		case offset > at.last:
			part = &high
		}
		part.order = append(part.order, row)
		part.from, part.to = min(part.from, row), max(part.to, row+1)
	}
	return low, middle, high
}

// landRest lands the rows of a span that the table does not have; those it has are complete.
func (o *owner) landRest(p *plan, s span) error {
	var have map[uint64]bool
	err := o.insist(func(ctx context.Context) (err error) {
		have, err = o.insert.offsets(ctx, o.place(s))
		return err
	})
	if err != nil {
		return err
	}
	for _, run := range s.without(func(row uint32) bool { return have[uint64(o.batch.table.offset(row))] }) {
		if err := o.land(p, run, false); err != nil {
			return err
		}
	}
	return nil
}

// land inserts a span until it is in ClickHouse, whatever it takes. again: it may have been tried before.
func (o *owner) land(p *plan, s span, again bool) error {
	if p.at != nil {
		if err := o.announcePiece(p, s, false); err != nil {
			return err
		}
	}
	pauses := o.loader.pauses()
	for {
		tried, err := o.attempt(p, s, again)
		if err == nil {
			o.loader.insertSucceeded()
			return nil
		}
		if o.ctx.Err() != nil {
			return o.ctx.Err()
		}
		class := classify(err)
		switch {
		case errors.Is(err, errPartial):
			if p.at == nil {
				p.at = &piece{}
				*p.at = noPiece
				if err := o.announce(*p); err != nil {
					return err
				}
			}
			return o.landRest(p, s)
		case errors.Is(err, errOrphan):
			o.loader.log.Warn("ClickHouse lost an insert and kept its token; bringing the rows in without one", zap.String("table", o.batch.table.name()),
				zap.Int32("partition", o.partition), zap.Int64("first", o.batch.table.offset(s.from)), zap.Int("rows", len(s.order)))
			o.loader.metrics.orphans.Inc()
			o.offsetsInDoubt = true // parts may be lost that were confirmed
			if err := o.announcePiece(p, s, true); err != nil {
				return err
			}
			continue
		case class == classRow:
			taken, err2 := o.taken(s)
			if err2 != nil {
				return err2
			}
			if !taken {
				done, err := o.putAside(p, s, err)
				if done || err != nil {
					return err
				}
				break
			}
			// The table has the rows; what refuses them is a view of somebody's own, which ClickHouse fills after the table.
			class, again = classSchema, true
			err = fmt.Errorf("a materialized view of your own refuses rows that its table has taken, and lacks them now: %w", err)
		default:
			again = again || tried
		}
		o.metrics.errors[class].Inc()
		o.loader.insertFailed(err, class)
		if err := sleep(o.ctx, pauses.NextBackOff()); err != nil {
			return err
		}
	}
}

// taken says whether the table has a span's rows.
func (o *owner) taken(s span) (taken bool, err error) {
	err = o.insist(func(ctx context.Context) error {
		have, err := o.insert.present(ctx, o.place(s))
		taken = have == len(s.order)
		return err
	})
	return taken, err
}

// putAside closes in on the refused rows of a span: halves until a row is alone. It answers false where too many are.
func (o *owner) putAside(p *plan, s span, cause error) (done bool, err error) {
	if len(s.order) == 1 {
		if len(o.refused) >= maxRefused {
			return false, nil
		}
		o.refused = append(o.refused, refusal{s.from, cause})
		o.loader.insertSucceeded() // it answers, and its answer is about this row only
		return true, nil
	}
	if p.at == nil {
		p.at = &piece{}
		*p.at = noPiece
	}
	low, high := s.halve()
	if err := o.land(p, low, false); err != nil {
		return true, err
	}
	return true, o.land(p, high, false)
}

// announcePiece names the next insert in the plan, unless it does already.
func (o *owner) announcePiece(p *plan, s span, tokenSpent bool) error {
	if o.named(p, s) && (p.at.tokenSpent || !tokenSpent) {
		return nil
	}
	t := o.batch.table
	p.at = &piece{month: s.month, first: t.offset(s.from), last: t.offset(s.to - 1), tokenSpent: tokenSpent}
	return o.announce(*p)
}

// named says whether the plan names a span as its piece.
func (o *owner) named(p *plan, s span) bool {
	t := o.batch.table
	return p.at != nil && p.at.month == s.month && p.at.first == t.offset(s.from) && p.at.last == t.offset(s.to-1)
}

// attempt is one try of one insert. tried says whether the insert itself was sent.
func (o *owner) attempt(p *plan, s span, again bool) (tried bool, err error) {
	if err := o.takeSlot(); err != nil {
		return false, err
	}
	defer o.giveSlot()
	return o.attemptInSlot(p, s, again)
}

func (o *owner) attemptInSlot(p *plan, s span, again bool) (tried bool, err error) {
	l := o.loader
	l.metrics.running.Inc()
	defer l.metrics.running.Dec()
	// While an insert waits for its slot or is not repeated for long, another member may take over.
	if time.Since(o.planned) > l.config.SessionTimeout/4 {
		if err := o.announce(*p); err != nil {
			return false, err
		}
	}
	ctx, cancel := context.WithTimeout(o.ctx, l.config.InsertTimeout)
	defer cancel()
	at := o.place(s)
	until := o.planned.Add(l.config.SessionTimeout / 2)
	if o.named(p, s) && p.at.tokenSpent {
		return false, o.graft(ctx, s, until)
	}
	if again {
		have, err := o.insert.present(ctx, at)
		switch {
		case err != nil:
			return false, err
		case have == len(s.order):
			return false, nil // with their sums: these are in the same part
		case have > 0:
			return false, errPartial
		}
	}
	start := time.Now()
	name := token(l.config.Group, o.topic, o.partition, at.first, at.last, s.month, o.batch.digest(s))
	if err := o.insert.insert(ctx, s.order, name, until); err != nil {
		return true, err
	}
	if err := l.faults.at(pointInserted, o, plan{first: at.first, last: at.last, records: len(s.order)}); err != nil {
		return true, err
	}
	// Whoever set the group's offsets back, or lost parts of the table, may have left the tokens. Records that came into
	// being under this owner have none.
	if again || p.at != nil || at.first < o.old {
		have, err := o.insert.present(ctx, at)
		if err != nil {
			return true, err
		}
		if have == 0 {
			return true, errOrphan
		}
	}
	took := time.Since(start)
	o.metrics.landed(len(s.order), o.bytes(s), took)
	if line := l.log.Check(zap.DebugLevel, "inserted"); line != nil {
		line.Write(zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int32("month", s.month),
			zap.Int64("first", at.first), zap.Int64("last", at.last), zap.Int("rows", len(s.order)), zap.Duration("took", took))
	}
	return true, nil
}

// graft brings the rows of a span in without their token, unless an earlier life has.
func (o *owner) graft(ctx context.Context, s span, until time.Time) error {
	at, p := o.place(s), plan{first: o.batch.table.offset(s.from), last: o.batch.table.offset(s.to - 1), records: len(s.order)}
	have, err := o.insert.present(ctx, at)
	if err != nil {
		return err
	}
	if have == 0 {
		if err := o.insert.fillScratch(ctx, s.order, o.partition, until); err != nil {
			return err
		}
		if err := o.loader.faults.at(pointScratch, o, p); err != nil {
			return err
		}
		if err := o.insert.attachScratch(ctx, s.month, o.partition, until); err != nil {
			return err
		}
		if err := o.loader.faults.at(pointGrafted, o, p); err != nil {
			return err
		}
	}
	return o.insert.dropScratch(ctx, o.partition)
}

// insist repeats something that has no side effect, or one that may happen twice, until ClickHouse answers.
func (o *owner) insist(do func(context.Context) error) error {
	pauses := o.loader.pauses()
	for {
		ctx, cancel := context.WithTimeout(o.ctx, o.loader.config.InsertTimeout)
		err := do(ctx)
		cancel()
		if err == nil {
			return nil
		}
		if o.ctx.Err() != nil {
			return o.ctx.Err()
		}
		class := classify(err)
		o.metrics.errors[class].Inc()
		o.loader.insertFailed(err, class)
		if err := sleep(o.ctx, pauses.NextBackOff()); err != nil {
			return err
		}
	}
}
