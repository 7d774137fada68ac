package useragent

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"
	"unsafe"
)

const (
	// DefaultCacheBytes holds 16,384 strings of the greatest length; a busy tracker sees some thousand
	// different ones an hour.
	DefaultCacheBytes = 16 << 20
	// entryBytes is what one entry takes at most: its string, its two versions, the structure, its
	// place in the table, and what the allocator rounds up.
	entryBytes = 1 << 10
	// ways is how many entries a string may lie in: at four, an unlucky pair of frequent strings does
	// not push each other out for ever.
	ways = 4
)

// Config says how much a Parser may keep.
type Config struct {
	// CacheBytes is the most memory that the cache takes, rounded down to a power of two; 0 means
	// DefaultCacheBytes. At least 4 KiB.
	CacheBytes int
}

// Parser reads user agents and remembers the answers. Make it with [New].
type Parser struct {
	seed   maphash.Seed
	mask   uint64 // sets - 1
	sets   []set
	misses atomic.Uint64
}

// set is one cache line of pointers and the place of the next entry.
type set struct {
	entries [ways]atomic.Pointer[entry]
	turn    atomic.Uint32
}

// entry is never written to once it is in the table.
type entry struct {
	ua   string
	info Info
}

// New makes a Parser with an empty cache.
func New(config Config) (*Parser, error) {
	size := config.CacheBytes
	if size == 0 {
		size = DefaultCacheBytes
	}
	if size < ways*entryBytes {
		return nil, fmt.Errorf("useragent: a cache of %d bytes holds nothing: give at least %d, or 0 for %d",
			size, ways*entryBytes, DefaultCacheBytes)
	}
	sets := 1 << (bits.Len(uint(size/(ways*entryBytes))) - 1)
	return &Parser{seed: maphash.MakeSeed(), mask: uint64(sets - 1), sets: make([]set, sets)}, nil
}

// Parse says what the user agent tells; whatever the bytes are, it answers. Bytes beyond MaxLength
// are not looked at. The argument is not kept: the caller may write to it afterwards.
func (p *Parser) Parse(ua []byte) Info {
	// The view lives no longer than this call: miss clones what it keeps.
	return p.ParseString(unsafe.String(unsafe.SliceData(ua), len(ua)))
}

// ParseString is Parse for a string.
func (p *Parser) ParseString(ua string) Info {
	if len(ua) > MaxLength {
		ua = ua[:MaxLength]
	}
	s := &p.sets[maphash.String(p.seed, ua)&p.mask]
	for i := range s.entries {
		if e := s.entries[i].Load(); e != nil && e.ua == ua {
			return e.info
		}
	}
	return p.miss(s, ua)
}

// Misses is how many answers were not in the cache.
func (p *Parser) Misses() uint64 { return p.misses.Load() }

// miss works the answer out and replaces the set's oldest entry. Two goroutines that miss the same
// string at once keep two equal entries: harmless.
func (p *Parser) miss(s *set, ua string) Info {
	p.misses.Add(1)
	e := &entry{ua: strings.Clone(ua)}
	e.info = inspect(e.ua)
	turn := s.turn.Add(1)
	s.entries[turn%ways].Store(e)
	return e.info
}
