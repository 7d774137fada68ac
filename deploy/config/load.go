package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"tributary/catalog"
)

// FileVariable names the configuration file when no --config does.
const FileVariable = VariablePrefix + "CONFIG"

// otherVariables begin with TRIBUTARY_ and are no setting: what reads them is in parentheses.
var otherVariables = []string{
	FileVariable,
	VariablePrefix + "LIBCHDB",           // the embedded engine's library (deploy/embedded/chdb)
	VariablePrefix + "LIBCHDB_INTEGRITY", // what it must be where it is not pinned (scripts/libchdb)
	VariablePrefix + "CACHE",             // where fetched engines are kept (scripts)
}

// otherVariablePrefixes are left to tests and to child processes of our own.
var otherVariablePrefixes = []string{VariablePrefix + "TEST_", VariablePrefix + "CHDB_"}

// maxFileBytes bounds the file: a catalog of 65,536 campaigns takes about 10 MB.
const maxFileBytes = 32 << 20

// maxSigns bounds what can begin a node of the document, before any is made: a node takes some two hundred bytes of
// memory, and a file of commas could have 16 million. A catalog of 65,536 campaigns has about 1 million.
const maxSigns = 2 << 20

// signs counts an upper bound of a YAML text's nodes: each but the first stands behind one of these.
func signs(text []byte) (n int) {
	for i, c := range text {
		switch c {
		case ',', ':', '\n', '\r', '[', '{', '?':
			n++
		case '-':
			if i+1 == len(text) || text[i+1] <= ' ' {
				n++
			}
		}
	}
	return n
}

// Sources says where to read from.
type Sources struct {
	// File is the path of the YAML file; empty: no file.
	File string
	// Environ is os.Environ(): NAME=value.
	Environ []string
	// Set are the values of --set: path=value, the last of a path wins.
	Set []string
	// Sections names the role sections whose rules must hold; nil: all. Every section is decoded strictly in any case.
	Sections []string
	// Catalog is a YAML text whose section "catalog" stands in when no file is named and nothing declares a campaign,
	// source, offer, network or rate; nil: none. Configured click ID keys are kept.
	Catalog []byte
	// OwnCatalog tells that Catalog is what the command is about: it stands in beside a file that declares none, too.
	OwnCatalog bool
	// CatalogOptional lets a missing catalog pass where Sections ask for one: for looking at a file that roles without
	// one may read. Loaded.NoCatalog tells.
	CatalogOptional bool
	// Complete, if set, fills in what the caller knows to generate (such as a key kept in data_dir) after decoding and
	// before validation. It must not touch what isSet says was configured.
	Complete func(c *Config, isSet func(path string) bool) error
}

// Loaded is one reading of the configuration. It must not be changed.
type Loaded struct {
	Config Config
	// File is the absolute path of the file that was read; empty if none.
	File string
	// StoodIn tells that Sources.Catalog is in force, because nothing declared one.
	StoodIn bool
	// OwnCatalog tells that it is the command's own, not the built-in example.
	OwnCatalog bool
	// NoCatalog tells that no campaigns are declared, not even none (campaigns: []), and nothing stood in.
	NoCatalog bool

	places map[string]Place
	text   []byte // of the file
}

// DeclaresCatalog tells whether anything of the catalog but its keys is in force, so that its base currency is somebody's
// word and not a default.
func (l *Loaded) DeclaresCatalog() bool { return l.StoodIn || declaresCatalog(l.places) }

// IsSet tells whether a key, or anything below it, was configured.
func (l *Loaded) IsSet(path string) bool { return isSet(l.places, path) }

// Place says where a key was configured.
func (l *Loaded) Place(path string) (Place, bool) {
	place, ok := l.places[path]
	return place, ok
}

func isSet(places map[string]Place, path string) bool {
	if _, ok := places[path]; ok {
		return true
	}
	for p := range places {
		if strings.HasPrefix(p, path+".") {
			return true
		}
	}
	return false
}

const (
	keysPath      = SectionCatalog + ".click_id_keys"
	campaignsPath = SectionCatalog + ".campaigns"
	sourcePath    = SectionCatalog + ".source"
)

// noCampaigns: an empty file must not be taken for one that wants the built-in example, nor for a catalog of nothing.
const noCampaigns = "no campaigns are declared: an empty file, or half a one, looks the same as a mistake; right would be a section catalog " +
	"such as that of deploy/tributary.example.yaml, or campaigns: [] for none. The built-in example serves only without a file"

// needsCatalog tells whether the command works with a catalog.
func (from *Sources) needsCatalog() bool {
	return !from.CatalogOptional && (from.Catalog != nil || from.Sections == nil || slices.Contains(from.Sections, SectionCatalog))
}

// completeCatalog lets the catalog of from stand in where nothing is declared and that was no accident.
func (l *Loaded) completeCatalog(from Sources) error {
	if from.Catalog != nil && (from.File == "" || from.OwnCatalog) && !declaresCatalog(l.places) {
		l.StoodIn, l.OwnCatalog = true, from.OwnCatalog
		return standIn(from.Catalog, &l.Config, l.IsSet(keysPath))
	}
	l.NoCatalog = !l.IsSet(campaignsPath) && l.Config.Catalog.Source != catalog.SourceControl
	return nil
}

// declaresCatalog tells whether anything of the catalog but its keys was configured.
func declaresCatalog(places map[string]Place) bool {
	for path := range places {
		if strings.HasPrefix(path, SectionCatalog+".") && path != sourcePath && path != keysPath && !strings.HasPrefix(path, keysPath+".") {
			return true
		}
	}
	return false
}

func standIn(catalogYAML []byte, into *Config, keepKeys bool) error {
	r := newReading("the built-in catalog")
	fresh := Defaults()
	r.document(catalogYAML, &fresh)
	if len(r.problems) > 0 {
		return r.problems
	}
	if keepKeys {
		fresh.Catalog.ClickIDKeys = into.Catalog.ClickIDKeys
	}
	into.Catalog = fresh.Catalog
	return nil
}

// Load reads the configuration. The error is Problems when the configuration is wrong; anything else is a file that
// cannot be read or a Complete that failed.
func Load(from Sources) (*Loaded, error) {
	r := newReading(from.File)
	loaded := &Loaded{Config: Defaults(), places: r.places}
	if from.File != "" {
		absolute, err := filepath.Abs(from.File)
		if err != nil {
			return nil, fmt.Errorf("naming the configuration file: %w", err)
		}
		loaded.File = absolute
		if loaded.text, err = r.readFile(from.File, &loaded.Config); err != nil {
			return nil, err
		}
	}
	root, keys := rootOf(&loaded.Config), Keys()
	r.environment(from.Environ, keys, root)
	r.flags(from.Set, keys, root)
	loaded.Config.derive(loaded.IsSet)
	if len(r.problems) == 0 {
		if err := loaded.completeCatalog(from); err != nil {
			return nil, err
		}
		if loaded.NoCatalog && from.needsCatalog() {
			r.problem(Place{Source: from.File}, campaignsPath, "%s", noCampaigns)
		}
	}
	if len(r.problems) == 0 && from.Complete != nil {
		if err := from.Complete(&loaded.Config, loaded.IsSet); err != nil {
			return nil, err
		}
	}
	r.incomplete = len(r.problems) > 0 && from.Catalog != nil
	r.validate(&loaded.Config, from.Sections, from.CatalogOptional && loaded.NoCatalog && !loaded.DeclaresCatalog())
	if len(r.problems) > 0 {
		r.problems.inFileOrder()
		if r.full() {
			r.problems = append(r.problems, Problem{Place: Place{Source: r.file}, Text: fmt.Sprintf("there may be more: no more than %d are listed", maxProblems)})
		}
		return nil, r.problems
	}
	return loaded, nil
}

func (r *reading) readFile(path string, into *Config) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no configuration file %s", path)
		}
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(content) > maxFileBytes {
		return nil, fmt.Errorf("the configuration file %s is larger than %d MiB; is it the right file?", path, maxFileBytes>>20)
	}
	r.document(content, into)
	return content, nil
}

// document decodes the file's one YAML document.
func (r *reading) document(content []byte, into *Config) {
	if n := signs(content); n > maxSigns {
		r.problem(Place{Source: r.file, Line: 1, Column: 1}, "", "the file has %d commas, colons, brackets and line ends; at most %d can be read: is it the right file?", n, maxSigns)
		return
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if !errors.Is(err, io.EOF) { // an empty file is a configuration: the defaults
			r.loadError(err, Place{Source: r.file, Line: 1, Column: 1}, "")
		}
		return
	}
	if err := decoder.Decode(&second); err == nil {
		r.problem(r.placeOf(&second), "", "a second YAML document starts here: keep everything in one")
	}
	if document.Kind == yaml.DocumentNode && len(document.Content) == 1 {
		r.section(document.Content[0], rootOf(into), "")
	}
}

func (r *reading) environment(environ []string, keys []Key, root reflect.Value) {
	known := make(map[string]Key, len(keys))
	names := slices.Clone(otherVariables)
	for _, k := range keys {
		if k.Variable != "" {
			known[k.Variable] = k
			names = append(names, k.Variable)
		}
	}
	environ = slices.Sorted(slices.Values(environ))
	for _, entry := range environ {
		name, written, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, VariablePrefix) || slices.Contains(otherVariables, name) ||
			slices.ContainsFunc(otherVariablePrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		at := Place{Source: name}
		if k, ok := known[name]; ok {
			r.override(root, k, at, written)
		} else {
			r.problem(at, "", "unknown variable; did you mean %s?", nearest(name, names))
		}
	}
}

func (r *reading) flags(set []string, keys []Key, root reflect.Value) {
	var paths []string
	for _, k := range keys {
		if k.Variable != "" {
			paths = append(paths, k.Path)
		}
	}
	for _, entry := range set {
		path, written, ok := strings.Cut(entry, "=")
		at := Place{Source: "--set " + path}
		i := slices.IndexFunc(keys, func(k Key) bool { return k.Path == path })
		switch {
		case !ok:
			r.problem(at, "", "want KEY=VALUE, such as --set kafka.brokers=10.0.0.1:9092,10.0.0.2:9092")
		case i < 0:
			r.problem(at, "", "unknown key; did you mean %q?", nearest(path, paths))
		case keys[i].Variable == "":
			r.problem(at, "", "a %s can only be written in the file", keys[i].Type)
		default:
			r.override(root, keys[i], at, written)
		}
	}
}

// validate runs the rules of the shared sections and of the wanted roles, and finds each problem's line.
func (r *reading) validate(c *Config, sections []string, withoutCatalog bool) {
	for _, f := range fieldErrors(c.validateShared()) {
		r.ruleBroken(f.Field, f.Problem)
	}
	for _, s := range c.roleSections() {
		if sections != nil && !slices.Contains(sections, s.role) || s.name == SectionCatalog && withoutCatalog {
			continue
		}
		for _, f := range fieldErrors(s.validate()) {
			f = prefixed(s.name, f)
			r.ruleBroken(strings.TrimSuffix(f.Field, "."), f.Problem)
		}
	}
}

// isMade tells whether a key is one that is made, or stood in for, once the rest can be read: a complaint that it is missing
// would have its reader declare a key in place of the one that signed every click ID so far.
func (r *reading) isMade(path string) bool {
	if path == keysPath || strings.HasPrefix(path, keysPath+".") {
		return !isSet(r.places, keysPath)
	}
	return strings.HasPrefix(path, SectionCatalog+".") && !declaresCatalog(r.places)
}

var dottedIndex = regexp.MustCompile(`\.(\d+)(\.|\[|$)`)

func (r *reading) ruleBroken(path, text string) {
	// A value that could not be decoded has been reported; its rule would only speak of the default.
	if r.unread[path] || r.incomplete && r.isMade(path) {
		return
	}
	place, ok := r.places[path]
	for p := dottedIndex.ReplaceAllString(path, "[$1]$2"); !ok && p != ""; {
		if place, ok = r.places[p]; ok {
			break
		}
		cut := strings.LastIndexAny(p, ".[")
		if cut < 0 {
			break
		}
		p = p[:cut]
	}
	if !ok {
		place = Place{Source: r.file} // a default that the rest of the configuration does not allow
	}
	r.problem(place, path, "%s", text)
}
