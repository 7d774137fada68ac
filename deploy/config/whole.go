package config

import (
	"bytes"
	"fmt"
)

// whole returns an error where a changed file seems to be a part of the one in force. Of that the text is there, so that a
// cut within the last line of a file without a line end is seen too.
func (l *Loaded) whole(inForce *Loaded) error {
	now, before := l.text, inForce.text
	if len(before) == 0 || sameConfig(l, inForce) {
		return nil
	}
	shape := l.Shape()
	why := shape.partOf(inForce.Shape(), "the one in force")
	if why == "" && !shape.Marked && len(now) < len(before) && bytes.HasPrefix(before, now) {
		why = "is the beginning of the one in force: is it whole? Where the rest was removed on purpose, end it with a line " + endMark
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("the file %s %s. The one before stays in force", l.File, why)
}

// sameConfig tells whether two readings say the same, whatever their texts.
func sameConfig(a, b *Loaded) bool {
	return sameSection(a, b, SectionCatalog) && len(changedSections(a, b)) == 0
}
