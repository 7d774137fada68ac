package block_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tributary/catalog/block"
	"tributary/schemas/events"
)

func value(t testing.TB, v *events.Block) []byte {
	t.Helper()
	b, err := v.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheck(t *testing.T) {
	const id = "b00000000"
	ok := func(v *events.Block) *events.Block { v.Answer = block.Fallback; return v }
	for _, c := range []struct {
		name string
		v    *events.Block
		want string // of the error; empty for none
	}{
		{"source", ok(&events.Block{SourceId: 3, Source: "push"}), ""},
		{"source undeclared", ok(&events.Block{Source: "push"}), ""},
		{"sub", ok(&events.Block{SourceId: 3, Sub: 20, SubValue: "ünï"}), ""},
		{"campaign", ok(&events.Block{CampaignId: 7, Campaign: "summer", Asn: 1}), ""},
		{"network", ok(&events.Block{Network: "203.0.113.0/24"}), ""},
		{"network of 6", ok(&events.Block{Network: "2001:db8::/32"}), ""},
		{"agent", ok(&events.Block{Agent: "headless"}), ""},
		{"shadow, removed, until", ok(&events.Block{Asn: 4294967295, Shadow: true, Removed: true, UntilMs: 1}), ""},

		{"nothing", ok(&events.Block{}), "on 0 things"},
		{"two things", ok(&events.Block{SourceId: 3, Asn: 1}), "on 2 things"},
		{"no answer", &events.Block{SourceId: 3}, "answer is 0"},
		{"answer beyond", &events.Block{SourceId: 3, Answer: 9}, "answer is 9"},
		{"sub of nothing", ok(&events.Block{Asn: 1, Sub: 1, SubValue: "x"}), "sub1 of no source"},
		{"sub without value", ok(&events.Block{SourceId: 3, Sub: 1}), "a sub has a number and a value"},
		{"value without sub", ok(&events.Block{SourceId: 3, SubValue: "x"}), "a sub has a number and a value"},
		{"sub 21", ok(&events.Block{SourceId: 3, Sub: 21, SubValue: "x"}), "sub is 21"},
		{"control character", ok(&events.Block{Source: "a\nb"}), "source is"},
		{"no text", ok(&events.Block{SourceId: 1, Sub: 1, SubValue: "a\xff"}), "UTF-8"},
		{"long", ok(&events.Block{Source: strings.Repeat("x", 65)}), "at most 64 bytes"},
		{"unmasked", ok(&events.Block{Network: "203.0.113.7/24"}), `want "203.0.113.0/24"`},
		{"mapped", ok(&events.Block{Network: "::ffff:203.0.113.0/120"}), `want "203.0.113.0/24"`},
		{"no network", ok(&events.Block{Network: "203.0.113"}), "no network"},
		{"everybody", ok(&events.Block{Network: "0.0.0.0/0"}), "too large: want /8"},
		{"everybody of 6", ok(&events.Block{Network: "::/0"}), "too large: want /16"},
		{"no agent", ok(&events.Block{Agent: "robot"}), "no class of user agents"},
		{"campaign without number", ok(&events.Block{Campaign: "summer", Asn: 1}), "has no number"},
		{"time", ok(&events.Block{Asn: 1, UntilMs: -1}), "until_ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var raw []byte
			if strings.Contains(c.name, "no text") {
				raw = []byte("\x18\x01\x28\x01\x32\x02a\xff\x50\x01") // protobuf of ours does not write it
			} else {
				raw = value(t, c.v)
			}
			err := block.Check(id, raw)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestForgedID: an entry whose ID is none of ours is refused by who writes and by who reads, whatever its value.
func TestForgedID(t *testing.T) {
	good := value(t, &events.Block{SourceId: 3, Answer: block.Page})
	for _, id := range []string{"", "b", "b0000000", "b000000000", "c00000000", "B00000000", "b0000000i", "b0000000O", "b00000/..",
		"b000000\x00\x00", strings.Repeat("b", 10_000)} {
		if err := block.Check(id, good); err == nil {
			t.Errorf("%q was taken", id)
		}
		if _, _, err := block.Decode(id, 1, good); err == nil {
			t.Errorf("%q was decoded", id)
		}
	}
	for range 100 {
		if id := block.NewID(); block.Check(id, good) != nil {
			t.Errorf("%q, of our own making, is refused", id)
		}
	}
	if err := block.Check("b00000000", []byte("\xff\xff")); err == nil {
		t.Error("a value that is no protobuf was taken")
	}
}

func prefix(t testing.TB, text string) netip.Prefix {
	t.Helper()
	p, err := block.ParseNetwork(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMatch(t *testing.T) {
	visit := block.Visit{Campaign: 1, SourceID: 3, Source: "push", Subs: []string{"z1", "", "v3"},
		Addr: netip.MustParseAddr("203.0.113.7"), ASN: 64500, Device: "mobile"}
	bot := visit
	bot.Device, bot.Bot, bot.BotClass = "bot", "Googlebot", "search"
	undeclared := visit
	undeclared.SourceID, undeclared.Source = 0, "new"
	mapped := visit
	mapped.Addr = netip.MustParseAddr("::ffff:203.0.113.7")
	six := visit
	six.Addr = netip.MustParseAddr("2001:db8::1")
	for _, c := range []struct {
		name   string
		blocks []block.Block
		visit  block.Visit
		want   string
	}{
		{"none", nil, visit, ""},
		{"source", []block.Block{{ID: "a", SourceID: 3}}, visit, "a"},
		{"another source", []block.Block{{ID: "a", SourceID: 4}}, visit, ""},
		{"source of a campaign", []block.Block{{ID: "a", SourceID: 3, Campaign: 1}}, visit, "a"},
		{"source of another campaign", []block.Block{{ID: "a", SourceID: 3, Campaign: 2}}, visit, ""},
		{"undeclared source", []block.Block{{ID: "a", Source: "new"}}, undeclared, "a"},
		{"a source that was declared since", []block.Block{{ID: "a", Source: "push"}}, visit, "a"},
		{"sub", []block.Block{{ID: "a", SourceID: 3, Sub: 1, Value: "z1"}}, visit, "a"},
		{"another value", []block.Block{{ID: "a", SourceID: 3, Sub: 1, Value: "z2"}}, visit, ""},
		{"the value in another sub", []block.Block{{ID: "a", SourceID: 3, Sub: 3, Value: "z1"}}, visit, ""},
		{"a sub that the link does not have", []block.Block{{ID: "a", SourceID: 3, Sub: 20, Value: "z1"}}, visit, ""},
		{"sub of another source", []block.Block{{ID: "a", SourceID: 4, Sub: 1, Value: "z1"}}, visit, ""},
		{"network", []block.Block{{ID: "a", Network: prefix(t, "203.0.113.0/24")}}, visit, "a"},
		{"address", []block.Block{{ID: "a", Network: prefix(t, "203.0.113.7")}}, visit, "a"},
		{"the address beside", []block.Block{{ID: "a", Network: prefix(t, "203.0.113.6")}}, visit, ""},
		{"IPv4 in IPv6", []block.Block{{ID: "a", Network: prefix(t, "203.0.113.0/24")}}, mapped, "a"},
		{"network of 6", []block.Block{{ID: "a", Network: prefix(t, "2001:db8::/32")}}, six, "a"},
		{"asn", []block.Block{{ID: "a", ASN: 64500}}, visit, "a"},
		{"device", []block.Block{{ID: "a", Agent: "mobile"}}, visit, "a"},
		{"device of a bot", []block.Block{{ID: "a", Agent: "mobile"}}, bot, ""},
		{"bot", []block.Block{{ID: "a", Agent: "bot"}}, bot, "a"},
		{"kind of bot", []block.Block{{ID: "a", Agent: "search"}}, bot, "a"},
		{"another kind", []block.Block{{ID: "a", Agent: "ai"}}, bot, ""},
		{"bots, and a person", []block.Block{{ID: "a", Agent: "bot"}}, visit, ""},

		{"the first that was written", []block.Block{{ID: "a", SourceID: 3, Order: 2}, {ID: "b", ASN: 64500, Order: 1}}, visit, "b"},
		{"applied before shadow", []block.Block{{ID: "a", SourceID: 3, Order: 1, Shadow: true}, {ID: "b", ASN: 64500, Order: 2}}, visit, "b"},
		{"the network around it was first", []block.Block{{ID: "a", Network: prefix(t, "203.0.113.0/24"), Order: 2},
			{ID: "b", Network: prefix(t, "203.0.0.0/16"), Order: 1}}, visit, "b"},
		{"the narrow network was first", []block.Block{{ID: "a", Network: prefix(t, "203.0.113.0/24"), Order: 1},
			{ID: "b", Network: prefix(t, "203.0.0.0/16"), Order: 2}}, visit, "a"},
		{"the narrow network is another campaign's", []block.Block{{ID: "a", Network: prefix(t, "203.0.113.0/24"), Order: 1, Campaign: 2},
			{ID: "b", Network: prefix(t, "203.0.0.0/16"), Order: 2}}, visit, "b"},
		{"two of one network", []block.Block{{ID: "a", Network: prefix(t, "203.0.113.0/24"), Order: 1, Campaign: 2},
			{ID: "b", Network: prefix(t, "203.0.113.0/24"), Order: 2, Campaign: 1}}, visit, "b"},
		{"over", []block.Block{{ID: "a", SourceID: 3, UntilMS: 1000}, {ID: "b", ASN: 64500, UntilMS: 1001, Order: 1}}, visit, "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // in whatever order
				x := block.Compile(c.blocks, 1000)
				got := ""
				if b := x.Match(&c.visit); b != nil {
					got = b.ID
				}
				if got != c.want {
					t.Fatalf("got %q, want %q", got, c.want)
				}
				slices.Reverse(c.blocks)
			}
		})
	}
}

// TestHolds: an index is of the times between two ends, also for a clock that goes back.
func TestHolds(t *testing.T) {
	if !new(block.Index).Holds(math.MaxInt64) {
		t.Error("without blocks it is not of every time")
	}
	x := block.Compile([]block.Block{{ID: "a", ASN: 1}, {ID: "b", ASN: 2, UntilMS: 50}, {ID: "c", ASN: 3, UntilMS: 40}, {ID: "d", ASN: 4, UntilMS: 10},
		{ID: "e", ASN: 5, UntilMS: 5}}, 10)
	if x.Len() != 3 {
		t.Errorf("%d blocks, want 3", x.Len())
	}
	for nowMS, want := range map[int64]bool{4: false, 9: false, 10: true, 39: true, 40: false, 60: false} {
		if x.Holds(nowMS) != want {
			t.Errorf("of the time %d: %v", nowMS, !want)
		}
	}
}

// meets is a block by itself, written a second time and naively.
func meets(b *block.Block, v *block.Visit) bool {
	if b.Campaign != 0 && b.Campaign != v.Campaign {
		return false
	}
	ofSource := b.SourceID != 0 && b.SourceID == v.SourceID || b.Source != "" && b.Source == v.Source
	switch {
	case b.SourceID != 0 || b.Source != "":
		return ofSource && (b.Sub == 0 || b.Sub <= len(v.Subs) && v.Subs[b.Sub-1] == b.Value)
	case b.Network.IsValid():
		return b.Network.Contains(v.Addr.Unmap())
	case b.ASN != 0:
		return b.ASN == v.ASN
	case b.Agent == "bot":
		return v.Bot != ""
	case v.Bot != "":
		return b.Agent == v.BotClass
	}
	return b.Agent == v.Device
}

// naive looks at each block: of those that a visit meets, applied before shadow, then the first.
func naive(blocks []block.Block, v *block.Visit, nowMS int64) (best *block.Block) {
	for i := range blocks {
		b := &blocks[i]
		if b.UntilMS != 0 && b.UntilMS <= nowMS || !meets(b, v) {
			continue
		}
		if best == nil || best.Shadow && !b.Shadow || best.Shadow == b.Shadow && b.Order < best.Order {
			best = b
		}
	}
	return best
}

// draw makes blocks and visits of few different values, so that they meet.
func draw(r *rand.Rand, n int) []block.Block {
	blocks := make([]block.Block, n)
	for i := range blocks {
		b := &blocks[i]
		*b = block.Block{ID: fmt.Sprintf("b%08d", i), Order: int64(i), Shadow: r.IntN(3) == 0, Campaign: uint32(max(0, r.IntN(6)-2))}
		if r.IntN(3) == 0 {
			b.UntilMS = 1 + int64(r.IntN(2000))
		}
		switch r.IntN(6) {
		case 0:
			b.SourceID = 1 + uint32(r.IntN(4))
		case 1:
			b.Source = string('a' + rune(r.IntN(4)))
		case 2:
			b.SourceID, b.Sub, b.Value = 1+uint32(r.IntN(4)), 1+r.IntN(4), string('p'+rune(r.IntN(5)))
		case 3:
			b.Network = netip.PrefixFrom(address(r), 0)
			bits := b.Network.Addr().BitLen()
			b.Network, _ = b.Network.Addr().Prefix(bits/4 + r.IntN(bits*3/4+1))
		case 4:
			b.ASN = 1 + uint32(r.IntN(5))
		default:
			b.Agent = block.Agents()[r.IntN(len(block.Agents()))]
		}
	}
	r.Shuffle(n, func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	return blocks
}

func address(r *rand.Rand) netip.Addr {
	if r.IntN(3) == 0 {
		return netip.AddrFrom16([16]byte{0x20, 1, 13, 0xb8, byte(r.IntN(2)), 15: byte(r.IntN(4))})
	}
	return netip.AddrFrom4([4]byte{10, byte(r.IntN(3)), byte(r.IntN(2)), byte(r.IntN(8))})
}

func drawVisit(r *rand.Rand) block.Visit {
	v := block.Visit{Campaign: 1 + uint32(r.IntN(3)), Addr: address(r), ASN: uint32(r.IntN(6)), Device: block.Agents()[r.IntN(5)]}
	if v.Source = string('a' + rune(r.IntN(4))); r.IntN(2) == 0 {
		v.SourceID = 1 + uint32(v.Source[0]-'a')
	}
	for range r.IntN(5) {
		v.Subs = append(v.Subs, []string{"", "p", "q", "r", "s"}[r.IntN(5)])
	}
	if r.IntN(4) == 0 {
		v.Device, v.Bot, v.BotClass = "bot", "X", block.Agents()[6+r.IntN(11)]
	}
	if v.Addr.Is4() && r.IntN(2) == 0 {
		v.Addr = netip.AddrFrom16(v.Addr.As16())
	}
	return v
}

// TestMatchIsNaive: the index says what looking at each block says.
func TestMatchIsNaive(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		blocks := draw(r, r.IntN(60))
		x := block.Compile(blocks, 1000)
		for range 100 {
			v := drawVisit(r)
			if got, want := x.Match(&v), naive(blocks, &v, 1000); id(got) != id(want) {
				t.Fatalf("seed %d, %+v: got %s, want %s", seed, v, id(got), id(want))
			}
		}
	}
}

func id(b *block.Block) string {
	if b == nil {
		return "none"
	}
	return b.ID
}

func FuzzCheck(f *testing.F) {
	f.Add("b00000000", value(f, &events.Block{SourceId: 3, Answer: block.Page}))
	f.Add("b00000000", value(f, &events.Block{Network: "203.0.113.0/24", Answer: block.Empty, UntilMs: 5}))
	f.Fuzz(func(t *testing.T, id string, raw []byte) {
		err := block.Check(id, raw)
		b, _, again := block.Decode(id, 1, raw)
		if (err == nil) != (again == nil) {
			t.Fatalf("checked: %v, decoded: %v", err, again)
		}
		if err == nil {
			block.Compile([]block.Block{b}, 0).Match(&block.Visit{Campaign: b.Campaign, SourceID: b.SourceID, Source: b.Source})
		}
	})
}

func FuzzParseNetwork(f *testing.F) {
	for _, text := range []string{"203.0.113.7", "10.0.0.0/8", "2001:db8::/32", "::ffff:1.2.3.4/120", "fe80::1%eth0", "1.2.3.4/33"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := block.ParseNetwork(text)
		if err != nil {
			return
		}
		if again, err := block.ParseNetwork(p.String()); err != nil || again != p || p.Masked() != p || p.Addr().Is4In6() {
			t.Fatalf("%q became %s, and that %s, %v", text, p, again, err)
		}
	})
}

// many are n blocks of every sort, on values that clicks have seldom: most of them on zones of sources, as buyers have them.
func many(n int) []block.Block {
	blocks := make([]block.Block, n)
	for i := range blocks {
		b := &blocks[i]
		*b = block.Block{ID: fmt.Sprintf("b%08d", i), Order: int64(i)}
		switch {
		case i%10 < 6:
			b.SourceID, b.Sub, b.Value = uint32(1+i%80), 1+i%2, fmt.Sprintf("zone-%d", i)
		case i%10 < 9:
			b.Network = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(11 + i%80), byte(i >> 8), byte(i), 0}), 24).Masked()
		case i%20 == 9:
			b.ASN = uint32(1000 + i)
		default:
			b.SourceID, b.Campaign = uint32(1000+i), uint32(1+i%60)
		}
	}
	return blocks
}

var some = block.Visit{Campaign: 7, SourceID: 5, Source: "push", Subs: []string{"zone-12345678", "creative-1", "", "visit-8d7c6b5a"},
	Addr: netip.MustParseAddr("198.51.100.7"), ASN: 64500, Device: "mobile"}

func TestMatchAllocatesNothing(t *testing.T) {
	for _, n := range []int{0, 5, 10_000} {
		x := block.Compile(many(n), 0)
		if got := testing.AllocsPerRun(1000, func() { x.Match(&some) }); got != 0 {
			t.Errorf("%d blocks: %v allocations", n, got)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{0, 5, 100, 10_000} {
		x := block.Compile(many(n), 0)
		hit := some
		hit.Subs = []string{"zone-4", "zone-4"}
		for name, v := range map[string]*block.Visit{"miss": &some, "hit": &hit} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					x.Match(v)
				}
			})
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	blocks := many(10_000)
	b.ReportAllocs()
	for b.Loop() {
		block.Compile(blocks, 0)
	}
}
