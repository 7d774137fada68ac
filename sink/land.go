package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
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

// prepare makes a plan ready for its first commit.
func (o *owner) prepare(p *plan, spans []span) error {
	return o.insist(func(ctx context.Context) (err error) {
		if p.blocks, err = o.loader.blocksOf(ctx, o.insert); err != nil || !o.astray {
			return err
		}
		o.astray = false
		for _, s := range spans {
			have, err := o.insert.present(ctx, o.place(s))
			if err != nil {
				o.astray = true
				return err
			}
			if have > 0 {
				o.astray, p.at = true, &piece{}
				*p.at = noPiece
			}
		}
		if o.astray {
			o.loader.log.Warn("rows that Kafka gives are in the table already; only those that are not will be inserted. Were the group's offsets set back or lost?",
				zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int64("first", p.first), zap.Int64("last", p.last))
		}
		return nil
	})
}

// mourn completes what is left of a replayed plan when Kafka no longer has all of its records: a block that the table has
// is there as a whole, so its rollups can be filled from it.
func (o *owner) mourn(p *plan) error {
	var found []place
	rows := 0
	first, last := p.first, p.last
	if p.at != nil {
		first, last = p.at.first, p.at.last
	}
	err := o.insist(func(ctx context.Context) (err error) {
		found, rows, err = o.insert.placesByMonth(ctx, o.partition, first, last)
		return err
	})
	if err != nil {
		return err
	}
	o.loader.log.Error("Kafka no longer has all records of a batch plan: its topic's retention is too short for this stop, or records were deleted",
		zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int64("first", p.first), zap.Int64("last", p.last),
		zap.Int("planned_records", p.records), zap.Int("left_records", o.batch.records()), zap.Int("rows_in_table", rows))
	for _, at := range found {
		if err := o.settle(p, at, month(at.minMS)); err != nil {
			return err
		}
	}
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

// land inserts a span until it is in ClickHouse with its rollups, whatever it takes. again: it may have been tried before.
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
			// The table has the rows and a view refuses them: no row can be put aside without making the two differ.
			class, again = classSchema, true
			err = fmt.Errorf("a materialized view refuses rows that its table has taken: %w", err)
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
func (o *owner) announcePiece(p *plan, s span, burnt bool) error {
	if o.named(p, s) && (p.at.burnt || !burnt) {
		return nil
	}
	t := o.batch.table
	p.at = &piece{month: s.month, first: t.offset(s.from), last: t.offset(s.to - 1), burnt: burnt}
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
	found, tried, err := o.attemptInSlot(p, s, again)
	o.giveSlot()
	if err == nil && found {
		err = o.settle(p, o.place(s), s.month)
	}
	return tried, err
}

// attemptInSlot answers found when the table had the rows already: then the rollups may miss them.
func (o *owner) attemptInSlot(p *plan, s span, again bool) (found, tried bool, err error) {
	l := o.loader
	l.metrics.running.Inc()
	defer l.metrics.running.Dec()
	// While an insert waits for its slot or is not repeated for long, another member may take over.
	if time.Since(o.planned) > l.config.SessionTimeout/4 {
		if err := o.announce(*p); err != nil {
			return false, false, err
		}
	}
	ctx, cancel := context.WithTimeout(o.ctx, l.config.InsertTimeout)
	defer cancel()
	at := o.place(s)
	until := o.planned.Add(l.config.SessionTimeout / 2)
	if o.named(p, s) && p.at.burnt {
		return true, false, o.graft(ctx, s, until)
	}
	if again {
		have, err := o.insert.present(ctx, at)
		switch {
		case err != nil:
			return false, false, err
		case have == len(s.order):
			known, err := o.insert.remembers(ctx, p.blocks)
			if err != nil {
				return false, false, err
			}
			if !known {
				return true, false, nil
			}
			// The insert changes nothing that is there, and adds what the views miss if they did not run to their end.
			found = true
		case have > 0:
			return false, false, errPartial
		}
	}
	start := time.Now()
	name := token(l.config.Group, o.topic, o.partition, at.first, at.last, s.month, o.batch.digest(s))
	if err := o.insert.insert(ctx, s.order, name, until); err != nil {
		return false, true, err
	}
	if err := l.faults.at(pointInserted, o, plan{first: at.first, last: at.last, records: len(s.order)}); err != nil {
		return false, true, err
	}
	if again && !found {
		have, err := o.insert.present(ctx, at)
		if err != nil {
			return false, true, err
		}
		if have == 0 {
			return false, true, errOrphan
		}
	}
	took := time.Since(start)
	o.metrics.landed(len(s.order), o.bytes(s), took)
	if line := l.log.Check(zap.DebugLevel, "inserted"); line != nil {
		line.Write(zap.String("topic", o.topic), zap.Int32("partition", o.partition), zap.Int32("month", s.month),
			zap.Int64("first", at.first), zap.Int64("last", at.last), zap.Int("rows", len(s.order)), zap.Duration("took", took))
	}
	return found, true, nil
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

// settle makes sure that the rollups have the rows of a place, all of which the table has.
func (o *owner) settle(p *plan, at place, month int32) error {
	l := o.loader
	after := l.settleAfter
	if o.insert.anotherBoot(p.blocks) {
		after = 0 // whoever made an insert under this plan ended with the machine, and the insert with it
	}
	for _, r := range rollupsOf[o.batch.table.name()] {
		pauses := l.pauses()
		var began, absentSince time.Time
		for settled := false; !settled; {
			var v verdict
			err := o.insist(func(ctx context.Context) (err error) {
				v, err = o.insert.inRollup(ctx, r, at, month)
				return err
			})
			if err != nil {
				return err
			}
			now := time.Now()
			if began.IsZero() {
				began = now
			}
			switch {
			case v == present:
				settled = true
				continue
			case v == absent && absentSince.IsZero():
				absentSince = now
			case v == absent && now.Sub(absentSince) >= after:
				l.log.Warn("a rollup misses rows that its table has; filling it", zap.String("rollup", r.table), zap.Int32("partition", o.partition), zap.Int64("first", at.first), zap.Int64("last", at.last))
				l.metrics.filled.Inc()
				filled := plan{first: at.first, last: at.last}
				if err := l.faults.at(pointFilling, o, filled); err != nil {
					return err
				}
				// Whether it went through is seen at the next look.
				if err := o.insist(func(ctx context.Context) error { return o.insert.fillRollup(ctx, r, at) }); err != nil {
					return err
				}
				if err := l.faults.at(pointFilled, o, filled); err != nil {
					return err
				}
				absentSince = time.Time{}
				continue
			case v == unclear:
				absentSince = time.Time{}
				if now.Sub(began) > settlePatience*l.settleAfter {
					l.metrics.unsure.Inc()
					l.log.Warn("whether a rollup has replayed rows cannot be told from its sums; compare it with its table for these rows",
						zap.String("table", o.batch.table.name()), zap.String("rollup", r.table), zap.Int32("partition", o.partition), zap.Int64("first", at.first), zap.Int64("last", at.last))
					settled = true
					continue
				}
			}
			if err := sleep(o.ctx, min(pauses.NextBackOff(), l.settleAfter)); err != nil {
				return err
			}
		}
	}
	return nil
}

// settlePatience times settleAfter is how long a comparison may stay unclear.
const settlePatience = 4

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
