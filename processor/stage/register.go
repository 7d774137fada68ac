package stage

import (
	"fmt"
	"regexp"
	"slices"
	"sync"

	"tributary/schemas"
)

// A Declaration is a stage of your own and all that the program must know of it. C is the struct of its settings: the
// section stages.NAME of the configuration, with `yaml` tags for the keys and `doc` tags for what they mean; struct{}
// where there are none.
type Declaration[C any] struct {
	// Name is the stage's, as its Name() has it.
	Name string
	// Defaults are the settings of a configuration without its section. Where C has a method Validate() error,
	// `tributary config check` calls it; the error is a *schemas.FieldError with the key, or several joined.
	Defaults C
	// New makes the stage.
	New func(C) (Stage, error)
	// Topics are those that it emits to and that have no table: `up` and `migrate` make them, `tail` prints them. One
	// that another stage reads has the partition count of clicks, as every topic here. Message is the full name of a
	// protobuf message that is linked into the program, or empty for text and whatever else; Transactional is true,
	// for what a stage emits is.
	Topics []schemas.Topic
	// Tables are made by schemas.RowTable, or as its argument: the stage emits to their topics with Context.EmitRow,
	// the loader fills them, verify audits them, tail prints them. Neither they nor their topics are listed
	// elsewhere.
	Tables []schemas.Table
}

// Registered is a declared stage, whatever its settings.
type Registered struct {
	Name string
	// Settings returns a pointer to a fresh struct of settings, with their defaults; New makes the stage of one.
	Settings func() any
	New      func(settings any) (Stage, error)
	Topics   []schemas.Topic
	Tables   []schemas.Table
}

var (
	registryMu sync.Mutex
	registry   []Registered
)

var nameForm = regexp.MustCompile(`^[a-z0-9_]{1,16}$`)

// Register makes a stage of your own known: it is called by an init of the stage's package, which processor/stages
// imports. It panics where the declaration makes no sense. What it returns takes it back, for tests.
func Register[C any](d Declaration[C]) (undo func()) {
	r := Registered{Name: d.Name, Topics: d.Topics,
		Settings: func() any { fresh := d.Defaults; return &fresh },
		New:      func(settings any) (Stage, error) { return d.New(*settings.(*C)) },
	}
	if !nameForm.MatchString(d.Name) || d.New == nil {
		panic(fmt.Sprintf("stage: registering %q: want a name of 1 to 16 of a-z, 0-9 and _, and how the stage is made",
			d.Name))
	}
	for _, t := range d.Tables {
		if t.Topic.Message == "" {
			var err error
			if t, err = schemas.RowTable(t); err != nil {
				panic(fmt.Sprintf("stage: registering %s: %v", d.Name, err))
			}
		}
		r.Tables = append(r.Tables, t)
	}
	registryMu.Lock()
	defer registryMu.Unlock()
	if err := clash(append(slices.Clone(registry), r)); err != nil {
		panic(fmt.Sprintf("stage: registering %s: %v", d.Name, err))
	}
	registry = append(registry, r)
	return func() {
		registryMu.Lock()
		defer registryMu.Unlock()
		registry = slices.DeleteFunc(slices.Clone(registry),
			func(other Registered) bool { return other.Name == d.Name })
	}
}

// clash says what two stages, or one and the product, both call theirs.
func clash(all []Registered) error {
	names, tables, topics := map[string]bool{"join": true, "claims": true, "outbound": true}, map[string]bool{}, map[string]bool{}
	for _, t := range schemas.Tables() {
		tables[t.Name] = true
	}
	for _, t := range schemas.Topics {
		topics[t.Name] = true
	}
	for _, r := range all {
		if names[r.Name] {
			return fmt.Errorf("a stage has the name %s already", r.Name)
		}
		names[r.Name] = true
		for _, t := range r.Tables {
			if tables[t.Name] {
				return fmt.Errorf("a table has the name %s already", t.Name)
			}
			tables[t.Name] = true
		}
		for _, t := range r.topics() {
			if topics[t.Name] {
				return fmt.Errorf("a topic has the name %s already", t.Name)
			}
			topics[t.Name] = true
		}
	}
	return nil
}

// topics are all of a stage's.
func (r *Registered) topics() []schemas.Topic {
	topics := slices.Clone(r.Topics)
	for _, t := range r.Tables {
		topics = append(topics, t.Topic)
	}
	return topics
}

// All returns the registered stages by name.
func All() []Registered {
	registryMu.Lock()
	defer registryMu.Unlock()
	all := slices.Clone(registry)
	slices.SortFunc(all, func(a, b Registered) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// Topics are those of all registered stages, of tables and others.
func Topics() (topics []schemas.Topic) {
	for _, r := range All() {
		topics = append(topics, r.topics()...)
	}
	return topics
}

// Tables are those of all registered stages.
func Tables() (tables []schemas.Table) {
	for _, r := range All() {
		tables = append(tables, r.Tables...)
	}
	return tables
}

// Make makes the registered stages. settings has, by stage, what Settings returned and the configuration filled in; a
// stage that is not in it gets its defaults.
func Make(settings map[string]any) ([]Stage, error) {
	var stages []Stage
	for _, r := range All() {
		of, ok := settings[r.Name]
		if !ok {
			of = r.Settings()
		}
		s, err := r.make(of)
		if err != nil {
			return nil, fmt.Errorf("making the stage %s: %w", r.Name, err)
		}
		if s.Name() != r.Name {
			return nil, fmt.Errorf("making the stage %s: its Name() is %q: want the name that it is registered under",
				r.Name, s.Name())
		}
		stages = append(stages, s)
	}
	return stages, nil
}
