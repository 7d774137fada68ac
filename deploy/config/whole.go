package config

import (
	"bytes"
	"fmt"
)

// endMark is YAML's own end of a document. Who writes it tells a file that was cut from one that is whole.
const endMark = "..."

// whole returns an error where the file seems to be a part of itself: cut while it was written, on a full disk, or by
// a copy that broke off. Such a part is often valid, and what it lacks would be taken for removed. The parts that
// can be told are the ones that end within a line, the ones that are the beginning of the file in force, and the
// ones that lack the mark which the file in force ended with.
func (l *Loaded) whole(inForce *Loaded) error {
	now, before := l.text, inForce.text
	if len(before) == 0 || sameConfig(l, inForce) || bytes.Equal(now, before) {
		return nil
	}
	const or = "The one before stays in force"
	switch marked := endsWithMark(now); {
	case marked:
		return nil
	case endsWithMark(before):
		return fmt.Errorf("the file %s does not end with a line %s as the one in force does: is it whole? Right would be that line at its end. %s", l.File, endMark, or)
	case bytes.HasPrefix(before, now):
		return fmt.Errorf("the file %s is the first %d of the %d bytes of the one in force: is it whole? Where the rest was removed on purpose, end it with a line %s, "+
			"which says that nothing follows. %s", l.File, len(now), len(before), endMark, or)
	case endsLine(before) && !endsLine(now):
		return fmt.Errorf("the file %s ends within a line, and the one in force does not: is it whole? Right would be a line end after the last line. %s", l.File, or)
	}
	return nil
}

func endsLine(text []byte) bool { return bytes.HasSuffix(text, []byte("\n")) }

func endsWithMark(text []byte) bool {
	text = bytes.TrimRight(text, " \t\r\n")
	return bytes.HasSuffix(text, []byte("\n"+endMark))
}

// sameConfig tells whether two readings say the same, whatever their texts.
func sameConfig(a, b *Loaded) bool {
	return sameSection(a, b, SectionCatalog) && len(changedSections(a, b)) == 0
}
