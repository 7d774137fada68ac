package blocklist

import (
	"context"
	"fmt"
	"time"

	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/cli/misuse"
	"tributary/schemas/events"
)

// UndoFor is how long a removal can be undone.
const UndoFor = 30 * 24 * time.Hour

// A Desk changes what is blocked, in the name of somebody.
type Desk struct {
	Writer *control.Writer
	// Author and Reason are kept with every change.
	Author, Reason string
	Now            func() time.Time
}

// A Done is a change that was made.
type Done struct {
	ID string
	// Block as it is now.
	Block *events.Block
	// Revision of the change.
	Revision int64
}

// Add puts a block in force. What is blocked already is refused, with the ID of the block that does it.
func (d *Desk) Add(ctx context.Context, v *events.Block) (*Done, error) {
	done := &Done{Block: v}
	var err error
	done.Revision, err = d.Writer.Write(ctx, func(now *control.State) ([]control.Change, error) {
		n := 0
		for e := range now.Each(block.Kind) {
			have := read(&e)
			if have == nil || have.Removed {
				continue
			}
			if n++; same(have, v) {
				return nil, misuse.Errorf("%s is blocked already, by %s of %s (%s): remove that one first to change it",
					block.On(v), e.ID, e.Author, Says(e.ID, have))
			}
		}
		if n >= block.MaxBlocks {
			return nil, misuse.Errorf(
				"%d blocks are in force, and at most %d can be: remove some, or block a network in place of its addresses",
				n, block.MaxBlocks)
		}
		for done.ID = block.NewID(); ; done.ID = block.NewID() {
			if _, taken := now.Get(block.Kind, done.ID); !taken {
				break
			}
		}
		return d.put(done.ID, v)
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// put is the change that makes a block what v says.
func (d *Desk) put(id string, v *events.Block) ([]control.Change, error) {
	value, err := v.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("writing a block: %w", err)
	}
	c := control.Change{Entry: control.Entry{Kind: block.Kind, ID: id, Author: d.Author, Reason: d.Reason, Value: value}}
	switch {
	case v.Removed:
		c.Expires = d.Now().Add(UndoFor)
	case v.UntilMs != 0:
		c.Expires = time.UnixMilli(v.UntilMs)
	}
	return []control.Change{c}, nil
}

// Remove ends a block. One that has ended is refused.
func (d *Desk) Remove(ctx context.Context, id string) (*Done, error) {
	return d.change(ctx, id, func(v *events.Block) error {
		if v.Removed {
			return misuse.Errorf("block %s was removed already; `tributary block undo %s` brings it back", id, id)
		}
		v.Removed = true
		return nil
	})
}

// Undo takes the last change of a block back: one that was added, or brought back, is removed, and one that was removed is in
// force again until the time that it had. Without an ID it is the block that the author changed last.
func (d *Desk) Undo(ctx context.Context, id string) (*Done, error) {
	return d.change(ctx, id, func(v *events.Block) error {
		if v.Removed && v.UntilMs != 0 && v.UntilMs <= d.Now().UnixMilli() {
			return misuse.Errorf("the time of block %s was over %s: add it again", id, instant(v.UntilMs))
		}
		v.Removed = !v.Removed
		return nil
	})
}

// change writes a block as changed by change.
func (d *Desk) change(ctx context.Context, id string, change func(*events.Block) error) (*Done, error) {
	done := &Done{}
	var err error
	done.Revision, err = d.Writer.Write(ctx, func(now *control.State) ([]control.Change, error) {
		entry, err := d.find(now, id)
		if err != nil {
			return nil, err
		}
		v := read(&entry)
		if v == nil {
			return nil, fmt.Errorf("block %s was written by a newer program: change it with that one", entry.ID)
		}
		if err := change(v); err != nil {
			return nil, err
		}
		if !v.Removed {
			for e := range now.Each(block.Kind) {
				if have := read(&e); e.ID != entry.ID && have != nil && !have.Removed && same(have, v) {
					return nil, misuse.Errorf("%s is blocked by %s meanwhile", block.On(v), e.ID)
				}
			}
		}
		done.ID, done.Block = entry.ID, v
		return d.put(entry.ID, v)
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// find is the block of an ID, or the one that the author changed last.
func (d *Desk) find(now *control.State, id string) (control.Entry, error) {
	var last control.Entry
	var ids []string
	for e := range now.Each(block.Kind) {
		ids = append(ids, e.ID)
		if e.ID == id || id == "" && e.Author == d.Author {
			last = e
		}
	}
	if last.ID != "" {
		return last, nil
	}
	if id == "" {
		return last, misuse.Errorf(
			"no block was changed by %q within the last %d days: name one, `tributary block list --all` has them",
			d.Author, int(UndoFor.Hours()/24))
	}
	if err := block.CheckID(id); err != nil {
		return last, misuse.Errorf("%w%s", err, misuse.Near(id, ids))
	}
	return last, misuse.Errorf(
		"there is no block %s%s; `tributary block list --all` has those there are, `tributary block history` those there were",
		id, misuse.Near(id, ids))
}

// read is the block of an entry, nil of what this program cannot read.
func read(e *control.Entry) *events.Block {
	v := &events.Block{}
	if block.Check(e.ID, e.Value) != nil || v.UnmarshalVT(e.Value) != nil {
		return nil
	}
	return v
}
