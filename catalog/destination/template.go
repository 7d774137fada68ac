package destination

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"bytes"

	"go.yaml.in/yaml/v4"
)

// A Template is how one kind of destination is spoken to: a file of the folder templates.
type Template struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	// Kind is source (a traffic source), tracker (of an affiliate, a network or an advertiser), platform (a conversion API whose
	// optimiser learns of what it hears) or free.
	Kind string `yaml:"kind"`
	// Protocol says who makes the calls: get for all that is a URL, with or without a body; else the name of a conversion API, or webhook.
	Protocol string `yaml:"protocol"`
	// Link is the macro of the source's that stands in the ad's link as external_id, as the source writes it.
	Link string `yaml:"link"`
	// Note is what a person should know, in a sentence or two.
	Note string `yaml:"note"`

	Params  []Param `yaml:"params"`
	Secrets []Param `yaml:"secrets"`
	// Fields are what a conversion API may hear, each with its macros by default.
	Fields []Field `yaml:"fields"`

	// URL, Restate and Retract are where a conversion, its change and its end are told: macros stand for values, params and secrets.
	// "same" is URL again; empty says that there is no such thing. Of a conversion API, Restate and Retract are "same" where it can.
	URL     string            `yaml:"url"`
	Restate string            `yaml:"restate"`
	Retract string            `yaml:"retract"`
	Method  string            `yaml:"method"`
	Body    string            `yaml:"body"`
	Headers map[string]string `yaml:"headers"`
	// Uses are macros that the protocol needs beside those in URL, body, headers and fields.
	Uses    []string      `yaml:"uses"`
	Success SuccessConfig `yaml:"success"`
	// OwnURL: the deployment gives the URL.
	OwnURL bool `yaml:"own_url"`

	Events      map[string]string `yaml:"events"`
	GoalOnly    bool              `yaml:"goal_only"`
	Statuses    []string          `yaml:"statuses"`
	StatusWords map[string]string `yaml:"status_words"`
	Suspicion   string            `yaml:"suspicion"`
	// Currency is the only one that the destination takes; empty for any.
	Currency string `yaml:"currency"`

	Window Window `yaml:"window"`
	Limits Limits `yaml:"limits"`
	Test   string `yaml:"test"`

	Read []Reading `yaml:"read"`
}

// The kinds of templates.
const (
	KindSource   = "source"
	KindTracker  = "tracker"
	KindPlatform = "platform"
	KindFree     = "free"
)

// Same, in place of a URL, is the one of the conversion.
const Same = "same"

// A Param is an identifier or a secret that a deployment gives.
type Param struct {
	Name string `yaml:"name"`
	Doc  string `yaml:"doc"`
	// Form is a regular expression of the whole value; empty for any.
	Form string `yaml:"form"`
	// Optional ones may be left out: a parameter of the URL that is nothing else is left out then.
	Optional bool   `yaml:"optional"`
	Default  string `yaml:"default"`
}

// A Field is a part of a conversion API's payload.
type Field struct {
	Name string `yaml:"name"`
	Doc  string `yaml:"doc"`
	// Text is what it is by default, with macros; empty for nothing.
	Text string `yaml:"text"`
	// Personal says of whom it tells: it is never shown, and forget takes it.
	Personal bool `yaml:"personal"`
}

// A Window is when a conversion may be told.
type Window struct {
	// Length is counted from the conversion, or from the click; 0 where the platform names none: then MaxWindow is in force.
	Length time.Duration `yaml:"length"`
	From   string        `yaml:"from"` // event (when left out) or click
	// AfterClick and AfterEvent are how long after these nothing is taken yet.
	AfterClick time.Duration `yaml:"after_click"`
	AfterEvent time.Duration `yaml:"after_event"`
	// UndoAfter and UndoWithin bound, from the conversion on, when it can be restated or retracted; 0 for no bound.
	UndoAfter  time.Duration `yaml:"undo_after"`
	UndoWithin time.Duration `yaml:"undo_within"`
}

// MaxWindow is the longest time after its conversion for which a request is kept: the topic outbound.requests has it longer.
const MaxWindow = 90 * 24 * time.Hour

// Limits are what the platform takes; 0 where it says nothing.
type Limits struct {
	Batch       int           `yaml:"batch"`
	PerSecond   int           `yaml:"per_second"`
	Concurrency int           `yaml:"concurrency"`
	Timeout     time.Duration `yaml:"timeout"`
}

// A Reading says where what a template says was read, and when.
type Reading struct {
	Where string `yaml:"where"`
	On    string `yaml:"on"` // 2026-11-30
	// By is vendor (a page of the destination's own), export (a tracker's export), code (several public programs) or panel (the
	// destination's panel gives it: nobody outside has read it).
	By string `yaml:"by"`
	// What of the template was read there; all when left out.
	What string `yaml:"what"`
}

//go:embed templates/*.yaml
var shipped embed.FS

// Templates returns the shipped templates, sorted by name. They are shared: do not change them.
func Templates() []*Template { return slices.Clone(loaded().list) }

// TemplateNamed returns the shipped template of that name, nil where there is none.
func TemplateNamed(name string) *Template { return loaded().byName[name] }

type templates struct {
	list   []*Template
	byName map[string]*Template
}

// loaded panics where a file is wrong, which a test finds.
var loaded = sync.OnceValue(func() *templates {
	t := &templates{byName: map[string]*Template{}}
	files, err := shipped.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		raw, err := shipped.ReadFile(path.Join("templates", f.Name()))
		if err != nil {
			panic(err)
		}
		one, err := readTemplate(raw)
		if err != nil {
			panic(fmt.Sprintf("destination: the template %s: %v", f.Name(), err))
		}
		if one.Name+".yaml" != f.Name() {
			panic(fmt.Sprintf("destination: the template %s calls itself %q", f.Name(), one.Name))
		}
		t.list = append(t.list, one)
		t.byName[one.Name] = one
	}
	slices.SortFunc(t.list, func(a, b *Template) int { return strings.Compare(a.Name, b.Name) })
	return t
})

func readTemplate(raw []byte) (*Template, error) {
	t := &Template{}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(t); err != nil {
		return nil, err
	}
	return t, nil
}
