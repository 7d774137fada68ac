package stage

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrStateVersion says that a stage's state was written by another version of the stage, which cannot read it.
var ErrStateVersion = errors.New("the stage's state has another version")

// Versioned is a Stage that says which version its state has: a number from 1 on, raised whenever Process would read what
// it wrote before otherwise than it was meant. A stage that is not Versioned is trusted to read whatever it wrote.
type Versioned interface{ StateVersion() uint32 }

// A Migrator is a Task that can rewrite a state of an earlier version, before Open: by ctx.State, and without emitting.
// Version 1 is also that of a state from before the stage was Versioned. An empty state is not migrated. It must depend on
// the state alone.
type Migrator interface {
	Migrate(ctx *Context, from uint32) error
}

// versionsSpace is the namespace of versions; "!" keeps it apart from every stage's.
const versionsSpace = "!v"

func versionOf(s Stage) uint32 {
	if v, ok := s.(Versioned); ok {
		return v.StateVersion()
	}
	return 0
}

// bringUp makes a task's state one of its stage's version, or returns an error and changes nothing.
func (p *Partition) bringUp(b *boundTask) error {
	if b.version == 0 {
		return nil
	}
	raw, known, err := p.versions.Get([]byte(b.name))
	if err != nil {
		return err
	}
	was := uint32(1)
	if known && len(raw) == 4 {
		was = binary.BigEndian.Uint32(raw)
	}
	if known && was == b.version {
		return nil
	}
	empty := true
	if err := b.ctx.State.Scan(nil, nil, func(_, _ []byte) bool { empty = false; return false }); err != nil {
		return err
	}
	if !empty && was != b.version {
		m, can := b.task.(Migrator)
		if !can || was > b.version {
			return fmt.Errorf(
				"%w: %d was written, this program has %d. Run the program that wrote it, or give the stage a Migrate "+
					"(processor/stage.Migrator), or another name: it then begins with an empty state",
				ErrStateVersion,
				was,
				b.version,
			)
		}
		if err := m.Migrate(&b.ctx, was); err != nil {
			return fmt.Errorf("migrating its state from version %d to %d: %w", was, b.version, err)
		}
	}
	p.versions.Put([]byte(b.name), binary.BigEndian.AppendUint32(nil, b.version))
	return nil
}
