package stage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tributary/schemas/events"
)

// ErrNewerSettings says that settings are in a form that a later version of the stage wrote.
var ErrNewerSettings = errors.New("settings of a newer version of the stage")

// MaxSettingsBytes bounds the settings of all stages together: a cycle may carry two of them beside what else it
// says.
const MaxSettingsBytes = 256 << 10

// Configured is a Stage that decides by more than records and state: by what a person has configured. Its settings
// travel with each cycle that they decided, and where a lost state is rebuilt the cycle is run again under those,
// whatever is configured by then. Its tasks must be Configurable.
//
// A stage that was made by Make from a struct of settings is Configured without doing anything for it.
type Configured interface {
	// Settings returns what the tasks shall decide by from their next cycle on, in a form of the stage's own: the
	// first byte is its version, raised whenever what follows, or the code that decides by it, means something else;
	// equal settings are equal bytes. It is asked before each cycle, by several goroutines: return the same slice
	// while nothing changes, and never change one that was returned.
	Settings() []byte
}

// Configurable is the Task of a Configured stage.
type Configurable interface {
	// Configure has the task decide by now from the next record on. It is called after Open and before the first
	// record, and between two records where the settings change, in operation as in a rebuilding. before is what
	// decided until here, nil where nobody knows (a fresh state, a program that did not say). It may write state and
	// set timers, by before, now, the state and WatermarkMS alone, and must not emit. Neither is of a later version
	// than Settings returns: those are refused. Its error stops the processor.
	Configure(ctx *Context, before, now []byte) error
}

// CheckConfigured says what is wrong with a stage's settings and who takes them.
func CheckConfigured(s Stage) error {
	c, ok := s.(Configured)
	if !ok {
		return nil
	}
	if _, ok := s.(*made); ok {
		return nil
	}
	if _, ok := s.Task(0).(Configurable); !ok {
		return fmt.Errorf("stage %s has settings, and its task cannot be given them: it lacks Configure "+
			"(processor/stage.Configurable)", s.Name())
	}
	if len(c.Settings()) == 0 {
		return fmt.Errorf("stage %s has settings without a version: their first byte would be right", s.Name())
	}
	return nil
}

// Offered returns the settings that the stages have now, by name; was itself where they are the same.
func (p *Partition) Offered(was *events.CycleSettings) *events.CycleSettings {
	if was != nil && p.offers(was) {
		return was
	}
	now := &events.CycleSettings{}
	for i := range p.tasks {
		b := &p.tasks[i]
		now.Stages = append(now.Stages, &events.StageSettings{Stage: b.name, Value: b.offered()})
	}
	slices.SortFunc(now.Stages, func(a, b *events.StageSettings) int { return strings.Compare(a.Stage, b.Stage) })
	return now
}

func (p *Partition) offers(s *events.CycleSettings) bool {
	for i := range p.tasks {
		if of := SettingsOf(s, p.tasks[i].name); of == nil || !bytes.Equal(of.Value, p.tasks[i].offered()) {
			return false
		}
	}
	return len(s.Stages) == len(p.tasks)
}

func (b *boundTask) offered() []byte {
	if b.configured == nil {
		return nil
	}
	return b.configured.Settings()
}

// SettingsOf returns one stage's part of settings, nil where it has none.
func SettingsOf(s *events.CycleSettings, stage string) *events.StageSettings {
	for _, of := range s.GetStages() {
		if of.Stage == stage {
			return of
		}
	}
	return nil
}

// Configure has every task decide by now; before is nil where nobody knows what decided until here. A stage that now
// does not list does not run: neither records nor timers reach it.
func (p *Partition) Configure(before, now *events.CycleSettings) error {
	for i := range p.tasks {
		b := &p.tasks[i]
		of := SettingsOf(now, b.name)
		if b.out = of == nil; b.out || b.configured == nil {
			continue
		}
		var was []byte
		if s := SettingsOf(before, b.name); s != nil {
			was = s.Value
		}
		if b.isConfigured && bytes.Equal(b.settings, of.Value) && (was == nil || bytes.Equal(was, of.Value)) {
			continue
		}
		if err := errors.Join(b.knows(was), b.knows(of.Value)); err != nil {
			return fmt.Errorf("configuring stage %s of partition %d: %w", b.name, p.id, err)
		}
		if err := p.configure(b, was, of.Value); err != nil {
			return fmt.Errorf("configuring stage %s of partition %d: %w", b.name, p.id, err)
		}
		b.settings, b.isConfigured = of.Value, true
	}
	p.DropOutputs()
	return nil
}

// knows refuses settings of a later form than the stage's own.
func (b *boundTask) knows(settings []byte) error {
	if own := b.configured.Settings(); len(settings) > 0 && settings[0] > own[0] {
		return fmt.Errorf("%w: their version is %d, this program's is %d", ErrNewerSettings, settings[0], own[0])
	}
	return nil
}

func (p *Partition) configure(b *boundTask, was, now []byte) error {
	if b.made == nil {
		return b.task.(Configurable).Configure(&b.ctx, was, now)
	}
	has := b.settings
	if !b.isConfigured {
		has = b.made.Settings()
	}
	if bytes.Equal(has, now) {
		return nil
	}
	s, err := b.made.with(now)
	if err != nil {
		return err
	}
	if c, ok := b.task.(Closer); ok {
		c.Close()
	}
	b.task = s.Task(p.id)
	b.choosy, _ = b.task.(Choosy)
	return b.task.Open(&b.ctx)
}

// made is a stage that Make made from a struct of settings. Under other settings it is made anew.
type made struct {
	Stage
	settings []byte
	// with makes the stage that has other settings.
	with func(settings []byte) (Stage, error)
}

// Settings is of Configured.
func (m *made) Settings() []byte { return m.settings }

// madeVersion is the form of a made stage's settings: this byte, and their JSON without secrets.
const madeVersion = 1

// make makes the stage of settings.
func (r *Registered) make(of any) (Stage, error) {
	s, err := r.New(of)
	if err != nil {
		return nil, err
	}
	if _, ok := s.(Configured); ok {
		return s, nil
	}
	shown := reflect.New(reflect.TypeOf(of).Elem())
	shown.Elem().Set(reflect.ValueOf(of).Elem())
	eachField(shown.Elem(), shown.Elem(), func(f reflect.StructField, field, _ reflect.Value) {
		if isSecret(f) {
			field.SetZero()
		}
	})
	text, err := json.Marshal(shown.Interface())
	if err != nil {
		return nil, fmt.Errorf("writing its settings down, for cycles to tell what decided: %w", err)
	}
	return &made{Stage: s, settings: append([]byte{madeVersion}, text...), with: func(settings []byte) (Stage, error) {
		other := r.Settings()
		into, today := reflect.ValueOf(other).Elem(), reflect.ValueOf(of).Elem()
		eachField(into, today, func(f reflect.StructField, field, _ reflect.Value) {
			switch f.Type.Kind() { // which reading would write into, and all share them
			case reflect.Map, reflect.Slice, reflect.Pointer:
				field.SetZero()
			}
		})
		if err := json.Unmarshal(settings[1:], other); err != nil {
			return nil, fmt.Errorf("reading the settings that decided: %w", err)
		}
		eachField(into, today, func(f reflect.StructField, field, today reflect.Value) {
			if isSecret(f) {
				field.Set(today)
			}
		})
		return r.New(other)
	}}, nil
}

// eachField visits the exported fields of a struct, and of structs in it, each with the same field of another one.
func eachField(of, other reflect.Value, visit func(f reflect.StructField, field, other reflect.Value)) {
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		switch f := of.Type().Field(i); {
		case !f.IsExported():
		case f.Type.Kind() == reflect.Struct && f.Tag.Get("secret") != "true":
			eachField(of.Field(i), other.Field(i), visit)
		default:
			visit(f, of.Field(i), other.Field(i))
		}
	}
}

// isSecret tells of a field that is never printed (`secret:"true"`, or texts of a type called Secret), or that lists
// what holds such fields: it stays as it is configured now.
func isSecret(f reflect.StructField) bool {
	return f.Tag.Get("secret") == "true" || f.Type.Kind() != reflect.Struct && holdsSecret(f.Type, secretDepth)
}

// secretDepth is how deep settings are looked into: deeper than a section of a configuration is.
const secretDepth = 8

func holdsSecret(t reflect.Type, depth int) bool {
	switch {
	case depth == 0:
		return false
	case t.Kind() == reflect.String:
		return t.Name() == "Secret"
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Array, t.Kind() == reflect.Map:
		return holdsSecret(t.Elem(), depth-1)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("secret") == "true" || holdsSecret(f.Type, depth-1) {
				return true
			}
		}
	}
	return false
}
