package chdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// definitions are the files in which the engine keeps what its tables, views and databases are (NAME.sql). On a disk
// that becomes full the engine leaves them empty or cut short and answers all the same, as it does with parts (see
// errIncomplete); at its next start it refuses to open anything because of one of them. So each is looked at before its
// statement is answered, and a link to it is kept: the engine replaces a file, so that the link is to the one before.
type definitions struct {
	engine, kept string
	known        map[string]fs.FileInfo // those found whole, by path
}

const (
	definitionEnd = ".sql"
	keptFolder    = "definitions" // of links to the definitions that were last whole
)

func newDefinitions(dataDir string) *definitions {
	return &definitions{
		engine: filepath.Join(dataDir, engineFolder), kept: filepath.Join(dataDir, keptFolder),
		known: make(map[string]fs.FileInfo),
	}
}

// paths are the files of all definitions.
func (d *definitions) paths() (paths []string, err error) {
	for _, pattern := range []string{"metadata/*" + definitionEnd, storeFolder + "/*/*/*" + definitionEnd} {
		some, err := filepath.Glob(filepath.Join(d.engine, pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, some...)
	}
	return paths, nil
}

// keptPath is where the link to a definition is.
func (d *definitions) keptPath(path string) string {
	relative, _ := filepath.Rel(d.engine, path) // it is below
	return filepath.Join(d.kept, relative)
}

// look returns an error that wraps errIncomplete where one of a folder's definitions that has changed is not whole. Of
// the others it keeps a link. Links of what is gone go too.
func (d *definitions) look(folder string) error {
	names, err := filepath.Glob(filepath.Join(folder, "*"+definitionEnd))
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(names))
	for _, path := range names {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // dropped or renamed meanwhile
		}
		if err != nil {
			return fmt.Errorf("looking at a table's definition: %w", err)
		}
		there[path] = true
		before := d.known[path]
		if before != nil && os.SameFile(before, info) && before.Size() == info.Size() &&
			before.ModTime().Equal(info.ModTime()) {
			continue
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("looking at a table's definition: %w", err)
		}
		if !wholeDefinition(string(text)) {
			return fmt.Errorf("%w: %s: the definition is empty or cut short", errIncomplete, path)
		}
		// Without room for a link the one before stays; this file is whole, and is linked at a later look.
		if link(path, d.keptPath(path)) == nil {
			d.known[path] = info
		}
	}
	for path := range d.known {
		if filepath.Dir(path) == folder && !there[path] {
			delete(d.known, path)
			_ = os.Remove(d.keptPath(path)) // what stays is overwritten by the next of its name
		}
	}
	return nil
}

// link makes to another name of path, in place of what it named.
func link(path, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := removeIfThere(to + ".new"); err != nil {
		return err
	}
	if err := os.Link(path, to+".new"); err != nil {
		return err
	}
	return os.Rename(to+".new", to)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// wholeDefinition tells whether a definition has its end: the engine writes a line's end last, and a file that is cut
// short ends within a bracket, a string, or a line, or before what comes after the columns.
func wholeDefinition(text string) bool {
	body := strings.TrimRight(text, "\n")
	if len(body) == len(text) || body == "" {
		return false
	}
	sc := scanner{text: text}
	kind, complete := "", false
	for t, ok := sc.next(); ok; t, ok = sc.next() {
		if t.end > len(body) {
			return false // a string that has no end
		}
		for _, word := range []string{"TABLE", "VIEW", "DATABASE"} {
			if kind == "" && t.depth == 0 && t.isWord(word) {
				kind = word
			}
		}
		// A table has an engine or is a function; a view is a query.
		if t.depth == 0 && (kind != "VIEW" && t.isWord("ENGINE") || kind != "DATABASE" && t.isWord("AS")) {
			complete = true
		}
	}
	return sc.depth == 0 && (complete || kind == "")
}

// restore puts the definition before back in place of one that is not whole, before the engine reads it, and returns
// what it did. Where there is none the table was being made, and nobody was told that it is: the file is set aside.
func (d *definitions) restore(now time.Time) (done []string, err error) {
	paths, err := d.paths()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return done, fmt.Errorf("looking at a table's definition: %w", err)
		}
		if wholeDefinition(string(text)) {
			continue
		}
		kept := d.keptPath(path)
		before, err := os.ReadFile(kept)
		if err == nil && wholeDefinition(string(before)) {
			if err := link(kept, path); err != nil {
				return done, fmt.Errorf("putting a table's definition back: %w", err)
			}
			done = append(done, path+": the one before the last change is put back")
			continue
		}
		aside := kept + ".incomplete-" + now.UTC().Format("20060102T150405.000Z")
		if err := errors.Join(os.MkdirAll(filepath.Dir(aside), 0o700), os.Rename(path, aside)); err != nil {
			return done, fmt.Errorf("setting a table's definition aside: %w", err)
		}
		done = append(done, path+": set aside as "+aside)
	}
	return done, nil
}
