package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"

	"tributary/ingest/durable"
)

// endMark is YAML's own end of a document. Who writes it tells a file that was cut from one that is whole.
const endMark = "..."

// ShapeFile is the file beside the data that has the Shape of the configuration file that was last in force.
const ShapeFile = "configuration.json"

// A Shape is what is remembered of a file: not its text, which has secrets, but enough to know a beginning of it again.
// Blank lines and comments are no part of it.
type Shape struct {
	// Lines has lineMarkBytes bytes for each line: the beginning of a SHA-256 sum of all lines up to it.
	Lines []byte `json:"lines"`
	// EndsLine tells that the last line was ended, Marked that it is endMark.
	EndsLine bool `json:"ends_line"`
	Marked   bool `json:"marked"`
}

const lineMarkBytes = 8

func shapeOf(text []byte) *Shape {
	s := &Shape{EndsLine: bytes.HasSuffix(text, []byte("\n"))}
	sum := sha256.New()
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, " \t\r\n")
		if begin := bytes.TrimLeft(line, " \t"); len(begin) == 0 || begin[0] == '#' {
			continue
		}
		s.Marked = string(line) == endMark
		s.add(sum, line)
	}
	return s
}

func (s *Shape) add(sum hash.Hash, line []byte) {
	sum.Write(line)
	sum.Write([]byte{'\n'})
	s.Lines = append(s.Lines, sum.Sum(nil)[:lineMarkBytes]...)
}

func (s *Shape) lines() int { return len(s.Lines) / lineMarkBytes }

// begins tells whether all lines are the first ones of another file.
func (s *Shape) begins(other *Shape) bool {
	n := len(s.Lines)
	return n == 0 || n <= len(other.Lines) && bytes.Equal(s.Lines[n-lineMarkBytes:], other.Lines[n-lineMarkBytes:n])
}

// partOf says why the file of this shape seems to be a part of an earlier one, which which names; empty: it does not. Seen
// are parts that end within a line, that are a beginning, and that lack the mark which the earlier one ended with.
func (s *Shape) partOf(before *Shape, which string) string {
	same := s.lines() == before.lines() && s.begins(before)
	switch {
	case same || s.Marked || before.lines() == 0:
		return ""
	case before.Marked:
		return fmt.Sprintf("does not end with a line %s as %s does: is it whole? Right would be that line at its end", endMark, which)
	case s.begins(before):
		return fmt.Sprintf("is the first %d of the %d lines of %s (comments apart): is it whole? Where the rest was removed on purpose, "+
			"end it with a line %s, which says that nothing follows", s.lines(), before.lines(), which, endMark)
	case before.EndsLine && !s.EndsLine:
		return fmt.Sprintf("ends within a line, and %s does not: is it whole? Right would be a line end after the last line", which)
	}
	return ""
}

// Shape is what is to be remembered of the file; nil where none was read.
func (l *Loaded) Shape() *Shape {
	if l.File == "" {
		return nil
	}
	return shapeOf(l.text)
}

// CutSince returns Problems where the file seems to be a part of the one whose shape a folder keeps: cut while it was
// written, on a full disk, or by a copy that broke off. Such a part is often valid, and what it lacks would be taken for
// removed. An error that wraps ErrShape says that the kept shape cannot be read.
func (l *Loaded) CutSince(folder string) error {
	path := filepath.Join(folder, ShapeFile)
	if l.File == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	before := new(Shape)
	if err == nil {
		err = json.Unmarshal(text, before)
	}
	if err == nil && len(before.Lines)%lineMarkBytes != 0 {
		err = errors.New("it is no whole one")
	}
	if err != nil {
		return fmt.Errorf("%w (%s): %w", ErrShape, path, err)
	}
	if why := l.Shape().partOf(before, "the one that was in force last"); why != "" {
		return Problems{{Place: Place{Source: l.File}, Text: "the file " + why}}
	}
	return nil
}

// ErrShape says that what is kept of the last configuration file cannot be read.
var ErrShape = errors.New("what is remembered of the last configuration file cannot be read, so that one that is cut short is not noticed")

// Keep remembers the file's shape in a folder, for the next start.
func (l *Loaded) Keep(folder string) error {
	shape := l.Shape()
	if shape == nil {
		return nil
	}
	text, err := json.Marshal(shape)
	if err != nil {
		panic("marshalling bytes and truths: " + err.Error())
	}
	path := filepath.Join(folder, ShapeFile)
	text = append(text, '\n')
	if was, err := os.ReadFile(path); err == nil && bytes.Equal(was, text) {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("remembering the configuration file: %w", err)
	}
	if err := durable.Replace(path, text); err != nil {
		return fmt.Errorf("remembering the configuration file: %w", err)
	}
	return nil
}
