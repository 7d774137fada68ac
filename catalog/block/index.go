package block

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"tributary/schemas"
)

// Visit is what blocks look at. Every text is in the form of the click event.
type Visit struct {
	Campaign uint32
	SourceID uint32
	Source   string
	Subs     []string
	Addr     netip.Addr
	ASN      uint32
	// Bot is the name of a listed bot, BotClass its kind; empty for anybody else.
	Device, Bot, BotClass string
}

// Index is a set of blocks, compiled. The zero Index has none.
type Index struct {
	// blocks in the order in which they go before one another: a rank is an index here.
	blocks []Block

	sources  map[uint32]*source
	named    map[string]*source
	networks *bart.Table[place] // nil for none
	asns     map[uint32]place
	agents   map[string]place

	// The index is right from sinceMS on, until nextMS: when the last of those that it lacks had ended, and the first of its own will.
	sinceMS, nextMS int64
}

// A source has the blocks on it and on its subs. some has bit i for sub i+1.
type source struct {
	all  place
	some uint32
	subs [schemas.MaxSubs]map[string]place
}

// none is the rank of no block.
const none = math.MaxInt32

// A place is what one key of an index has: the first block of all campaigns, and the first of some campaigns.
type place struct {
	all int32
	of  map[uint32]int32
}

var nowhere = place{all: none}

// first is the rank of the first block of a campaign's clicks.
func (p place) first(campaign uint32) int32 {
	if p.of != nil {
		if rank, ok := p.of[campaign]; ok {
			return min(rank, p.all)
		}
	}
	return p.all
}

// clone is p with a map of its own.
func (p place) clone() place { return place{p.all, maps.Clone(p.of)} }

// add is p with one more block; its map is p's.
func (p place) add(campaign uint32, rank int32) place {
	if campaign == 0 {
		p.all = min(p.all, rank)
		return p
	}
	if p.of == nil {
		p.of = map[uint32]int32{}
	}
	if before, ok := p.of[campaign]; !ok || rank < before {
		p.of[campaign] = rank
	}
	return p
}

// Compile makes an Index of the blocks that are in force at nowMS (Unix ms). It does not keep the slice.
func Compile(blocks []Block, nowMS int64) *Index {
	x := &Index{sinceMS: math.MinInt64, nextMS: math.MaxInt64}
	for _, b := range blocks {
		if b.UntilMS != 0 && b.UntilMS <= nowMS {
			x.sinceMS = max(x.sinceMS, b.UntilMS)
			continue
		}
		if b.UntilMS != 0 {
			x.nextMS = min(x.nextMS, b.UntilMS)
		}
		x.blocks = append(x.blocks, b)
	}
	slices.SortFunc(x.blocks, func(a, b Block) int {
		if a.Shadow != b.Shadow {
			if a.Shadow {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
	})
	var networks []int32
	for i := range x.blocks {
		b, rank := &x.blocks[i], int32(i)
		switch {
		case b.SourceID != 0 || b.Source != "":
			x.source(b).add(b, rank)
		case b.Network.IsValid():
			networks = append(networks, rank)
		case b.ASN != 0:
			x.asns = put(x.asns, b.ASN, b.Campaign, rank)
		default:
			x.agents = put(x.agents, b.Agent, b.Campaign, rank)
		}
	}
	x.addNetworks(networks)
	return x
}

func put[K comparable](m map[K]place, key K, campaign uint32, rank int32) map[K]place {
	if m == nil {
		m = map[K]place{}
	}
	at, ok := m[key]
	if !ok {
		at = nowhere
	}
	m[key] = at.add(campaign, rank)
	return m
}

// source is the place of the blocks on a block's source.
func (x *Index) source(b *Block) *source {
	fresh := func() *source { return &source{all: nowhere} }
	if b.SourceID != 0 {
		if x.sources == nil {
			x.sources = map[uint32]*source{}
		}
		if x.sources[b.SourceID] == nil {
			x.sources[b.SourceID] = fresh()
		}
		return x.sources[b.SourceID]
	}
	if x.named == nil {
		x.named = map[string]*source{}
	}
	if x.named[b.Source] == nil {
		x.named[b.Source] = fresh()
	}
	return x.named[b.Source]
}

func (s *source) add(b *Block, rank int32) {
	if b.Sub == 0 {
		s.all = s.all.add(b.Campaign, rank)
		return
	}
	s.some |= 1 << (b.Sub - 1)
	s.subs[b.Sub-1] = put(s.subs[b.Sub-1], b.Value, b.Campaign, rank)
}

// addNetworks makes a table of which one look-up, of the narrowest network, tells of every network around it too: each has
// the blocks of those around it beside its own.
func (x *Index) addNetworks(ranks []int32) {
	if len(ranks) == 0 {
		return
	}
	slices.SortStableFunc(ranks, func(a, b int32) int { // wide ones first
		p, q := x.blocks[a].Network, x.blocks[b].Network
		return cmp.Or(cmp.Compare(p.Bits(), q.Bits()), p.Addr().Compare(q.Addr()))
	})
	x.networks = new(bart.Table[place])
	for len(ranks) > 0 {
		network := x.blocks[ranks[0]].Network
		at, ok := x.networks.LookupPrefix(network)
		if !ok {
			at = nowhere
		}
		for at = at.clone(); len(ranks) > 0 && x.blocks[ranks[0]].Network == network; ranks = ranks[1:] {
			at = at.add(x.blocks[ranks[0]].Campaign, ranks[0])
		}
		x.networks.Insert(network, at)
	}
}

// Len is how many blocks are in force.
func (x *Index) Len() int { return len(x.blocks) }

// Holds tells whether the index is the one of a time, Unix ms. Where it is not, one of its blocks has ended, or the clock has gone back
// to before one ended that it lacks: Compile anew, for Match does not look at the time.
func (x *Index) Holds(nowMS int64) bool {
	return x.nextMS == 0 /* the zero Index */ || x.sinceMS <= nowMS && nowMS < x.nextMS
}

// Match returns the block that a click meets, nil for none. It allocates nothing; the block is the index's.
func (x *Index) Match(v *Visit) *Block {
	if len(x.blocks) == 0 {
		return nil
	}
	rank := int32(none)
	if v.SourceID != 0 && len(x.sources) > 0 {
		if s := x.sources[v.SourceID]; s != nil {
			rank = min(rank, s.first(v))
		}
	}
	if v.Source != "" && len(x.named) > 0 {
		if s := x.named[v.Source]; s != nil {
			rank = min(rank, s.first(v))
		}
	}
	if x.networks != nil {
		if at, ok := x.networks.Lookup(v.Addr.Unmap()); ok {
			rank = min(rank, at.first(v.Campaign))
		}
	}
	if v.ASN != 0 && len(x.asns) > 0 {
		if at, ok := x.asns[v.ASN]; ok {
			rank = min(rank, at.first(v.Campaign))
		}
	}
	if len(x.agents) > 0 {
		rank = min(rank, x.agent(v))
	}
	if rank == none {
		return nil
	}
	return &x.blocks[rank]
}

// first is the rank of the first block on the source or on one of its subs.
func (s *source) first(v *Visit) int32 {
	rank := s.all.first(v.Campaign)
	if s.some == 0 {
		return rank
	}
	for i, value := range v.Subs {
		if s.some&(1<<i) == 0 || value == "" {
			continue
		}
		if at, ok := s.subs[i][value]; ok {
			rank = min(rank, at.first(v.Campaign))
		}
	}
	return rank
}

// agent is the rank of the first block on the user agent. A bot has a kind and is a bot; who is none has a device.
func (x *Index) agent(v *Visit) int32 {
	if v.Bot == "" {
		if at, ok := x.agents[v.Device]; ok {
			return at.first(v.Campaign)
		}
		return none
	}
	rank := int32(none)
	if at, ok := x.agents[v.BotClass]; ok {
		rank = at.first(v.Campaign)
	}
	if at, ok := x.agents[anyBot]; ok {
		rank = min(rank, at.first(v.Campaign))
	}
	return rank
}
