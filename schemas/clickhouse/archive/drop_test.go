package archive

import (
	"strings"
	"testing"
	"time"
)

// TestAFullDiskIsSaid: ClickHouse waits for room in silence; the command says so, and gives up when none comes.
func TestAFullDiskIsSaid(t *testing.T) {
	var disk fullDisk
	at := time.Unix(1_780_000_000, 0)
	for _, c := range []struct {
		after         time.Duration
		largest, free int64
		says          string
		full          bool
	}{
		{0, 5 << 20, 5 << 20, "", false},
		{time.Second, 6 << 20, 5 << 20, "the largest of which has 6.0 MiB, and ClickHouse's disk has room for 5.0", false},
		{fullFor, 6 << 20, 5 << 20, "6.0 MiB", false},
		{fullFor + time.Second - 1, 6 << 20, 7 << 20, "", false}, // there was some
		{fullFor + time.Second, 6 << 20, 0, "room for 0.0", false},
		{2*fullFor + time.Second, 6 << 20, 0, "room for 0.0", true},
		{3 * fullFor, 0, 0, "", false}, // nothing is to be rewritten any more
	} {
		says, full := disk.look(c.largest, c.free, at.Add(c.after))
		if full != c.full || !strings.Contains(says, c.says) || c.says == "" && says != "" {
			t.Errorf("after %s: %q, full %v", c.after, says, full)
		}
	}
}
