package control

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/schemas/broker"
	"tributary/schemas/events"
)

// minRecords is how many records a topic that is not compacted has at least before it is written anew; else twice what is in
// force, so that a snapshot costs each write a fixed part.
const minRecords = 2000

// shorten writes a snapshot where the engine does not compact and the log is long, and has what is before the last one deleted.
// The write before it stands whatever becomes of it: what failed is done by a later one.
func (a *attempt) shorten(ctx context.Context) {
	if a.cfg.Broker.Can(broker.Compact) {
		return
	}
	fold := a.follow.fold
	if fold.passedOver > 0 {
		a.cfg.Logger.Warn("the topic control is not shortened: a snapshot would lack refused entries, of which it has too many to keep",
			zap.Int64("too_many", fold.passedOver))
		return
	}
	if fold.records > max(a.cfg.snapshotAfter, 2*int64(fold.count)) {
		if err := a.snapshot(ctx); err != nil {
			a.cfg.Logger.Warn("no snapshot of the topic control was written; a later write makes one", zap.Error(err))
			return
		}
	}
	if fold.base > a.follow.start {
		if err := a.deleteBefore(ctx, fold.base); err != nil {
			a.cfg.Logger.Warn("what a snapshot of the topic control replaced was not deleted; a later write does it", zap.Error(err))
		}
	}
}

// snapshot writes all that is in force once more, behind a base record, in one transaction.
func (a *attempt) snapshot(ctx context.Context) error {
	fold := a.follow.fold
	head := write{revision: fold.revision}
	if n := len(fold.writes); n > 0 {
		head = fold.writes[n-1]
	}
	// A base of no shift: its own revision is what its offset makes of it.
	records, err := baseRecords(fold, head, a.follow.end+fold.shift, "snapshot", a.cfg.Now())
	if err != nil {
		return err
	}
	if err := a.cfg.step("snapshot"); err != nil {
		return err
	}
	if err := a.commit(ctx, records, ""); err != nil {
		return err
	}
	return a.readToEnd(ctx)
}

// baseRecords returns a base and behind it all that the fold has, refused records included: another program may know better.
func baseRecords(f *fold, head write, ownRevision int64, reason string, now time.Time) ([]*kgo.Record, error) {
	var entries []*kgo.Record
	add := func(name string, revision int64, raw []byte) {
		r := &kgo.Record{Key: []byte(name), Value: raw}
		withHeader(r, headerRevision, strconv.FormatInt(revision, 10))
		entries = append(entries, r)
	}
	for _, s := range f.shelves {
		s.byRevision.Scan(func(revision int64, id string) bool {
			i, _ := s.byID.Get(id)
			if _, refused := f.refused[i.Key()]; !refused {
				add(i.Key(), revision, i.raw)
			}
			return true
		})
	}
	for _, r := range f.refusals() {
		if r.Kind != baseKind && r.raw != nil {
			add(key(r.Kind, r.ID), r.Revision, r.raw)
		}
	}
	base := events.ControlBase{Revision: head.revision, Write: head.id, Entries: uint32(len(entries)), OwnRevision: ownRevision,
		LostAfter: f.lost.after, LostBefore: f.lost.before}
	value, err := base.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("writing a base: %w", err)
	}
	m := events.ControlEntry{Version: entryVersion, Kind: baseKind, Id: "base", AtMs: now.UnixMilli(), Reason: reason, Value: value}
	raw, err := m.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("writing a base: %w", err)
	}
	return append([]*kgo.Record{{Key: []byte(baseKey), Value: raw}}, entries...), nil
}

// deleteBefore has the broker forget what is before an offset. A broker may come back to a part of it when it is killed: then a
// reader has that before the base, which begins anew.
func (a *attempt) deleteBefore(ctx context.Context, offset int64) error {
	if err := a.cfg.step("deleting"); err != nil {
		return err
	}
	offsets := make(kadm.Offsets)
	offsets.AddOffset(a.cfg.Topic, 0, offset, -1)
	answers, err := kadm.NewClient(a.client).DeleteRecords(ctx, offsets)
	if err != nil {
		return fmt.Errorf("deleting records: %w", err)
	}
	var errs []error
	answers.Each(func(d kadm.DeleteRecordsResponse) { errs = append(errs, d.Err) })
	return errors.Join(errs...)
}
