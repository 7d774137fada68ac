package state

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

const (
	// bloomBitsPerKey gives about one false read in a hundred.
	bloomBitsPerKey = 10

	// Values are small and alike, and most are never read: larger blocks compress better, and a read costs one of them. The last
	// level, where nearly everything lies, has the largest.
	blockBytes     = 16 << 10
	lastBlockBytes = 32 << 10
	// indexBlockBytes lets a table have one index block, not a tree of them.
	indexBlockBytes = 256 << 10

	// compactAtL0 and stopAtL0 are counts of overlapping runs in level 0. Keys are mostly written in order of time, and such runs do not
	// overlap; what does (books of old clicks, claims) is merged into the levels below the less often the more of it is merged
	// at once. It is reckoned twice by Pebble: compaction begins at half of it.
	compactAtL0 = 12
	stopAtL0    = 40
	// baseBytes is how large the level under level 0 may become: below it there is no level in between to be rewritten.
	baseBytes = 256 << 20
)

// tune sets what Pebble's defaults leave open for this use: keys in order of time, overwritten never or at once, read seldom.
func tune(o *pebble.Options) {
	o.L0CompactionThreshold, o.L0StopWritesThreshold = compactAtL0, stopAtL0
	o.LBaseMaxBytes = baseBytes
	// A second compaction runs when the first falls behind.
	o.CompactionConcurrencyRange = func() (lower, upper int) { return 1, 2 }
	for i := range o.Levels {
		l := &o.Levels[i]
		l.FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
		l.BlockSize, l.IndexBlockSize = blockBytes, indexBlockBytes
	}
	o.Levels[len(o.Levels)-1].BlockSize = lastBlockBytes
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionBalanced })
}
