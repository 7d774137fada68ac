package control

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"
)

// isPrefix tells whether a topic's writes led to the state: it has lost the last ones, or all, and nobody has written since.
func (f *fold) isPrefix(of *State) bool {
	if len(f.writes) == 0 {
		return len(f.shelves) == 0
	}
	return slices.Contains(of.writes, f.writes[len(f.writes)-1])
}

// refill deals with a topic that lacks what this reader has in force.
func (r *Reader) refill(ctx context.Context, f *follower, was *State) error {
	if !f.fold.isPrefix(was) {
		if err := r.keeper.setLost(was); err != nil {
			return err
		}
		text := fmt.Sprintf("the topic had lost what this copy had (revision %d), and somebody wrote to it since (revision %d): "+
			"the topic counts, and the copy is kept beside its file", was.revision, f.fold.revision)
		r.cfg.Logger.Error("the topic control lost records; "+text, zap.Int64("had", was.revision), zap.Int64("has", f.fold.revision))
		r.lost.Store(&text)
		r.publish(f)
		return nil
	}
	text := fmt.Sprintf(
		"the topic lost its records behind revision %d; in force is what was read before, of revision %d",
		f.fold.revision, was.revision)
	if r.lost.Swap(&text) == nil {
		r.cfg.Logger.Error("the topic control lost records", zap.Int64("had", was.revision), zap.Int64("has", f.fold.revision))
	}
	if !r.cfg.Fill {
		return errors.New(text)
	}
	w, err := NewWriter(r.cfg)
	if err != nil {
		return err
	}
	defer w.Close()
	filled, err := w.fill(ctx, was)
	if err != nil {
		return fmt.Errorf("filling the topic again: %w", err)
	}
	if filled {
		r.cfg.Logger.Warn("filled the topic control again from what was in force here", zap.Int64("revision", was.revision))
		r.m.filled.Inc()
	}
	return nil
}

// fill writes a whole state, unless somebody else did or wrote something meanwhile.
func (w *Writer) fill(ctx context.Context, s *State) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	a := attempt{Writer: w}
	if err := a.takeOver(ctx); err != nil {
		return false, err
	}
	defer a.producer.Close()
	if err := a.readToEnd(ctx); err != nil {
		return false, err
	}
	if f := a.follow.fold; f.revision >= s.revision && !f.lost.has(s.revision) || !a.follow.fold.isPrefix(s) {
		return false, nil
	}
	own := max(s.revision, a.follow.end+a.follow.fold.shift) + gapRevisions
	of := newFold(w.follow.kinds, nil)
	of.shelves, of.lost = s.shelves, gap{s.revision, own}
	head := write{revision: s.revision}
	if n := len(s.writes); n > 0 {
		head = s.writes[n-1]
	}
	records, err := baseRecords(of, head, own, "filled again", w.cfg.Now())
	if err != nil {
		return false, err
	}
	if err := w.cfg.step("fill"); err != nil {
		return false, err
	}
	return true, a.commit(ctx, records, "")
}
