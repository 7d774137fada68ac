package trust

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/schemas"
)

func TestReplay(t *testing.T) {
	g, p := gateOf(Defaults(), testRules())
	r := request("payout=1", "2025", oldKey, testNow, nonceOf(1))
	admit := func(at time.Time) *Refusal {
		again := *r
		again.Now = at
		_, refused := g.Admit("acme", p, &again)
		return refused
	}
	if refused := admit(testNow.Add(-4 * time.Minute)); refused != nil {
		t.Fatalf("%+v", refused)
	}
	// Refused to the last moment of the window, then for its age, and also when the clock is set back.
	for _, after := range []time.Duration{0, time.Second, 4 * time.Minute, 5 * time.Minute} {
		if refused := admit(testNow.Add(after)); refused == nil || refused.Reason != schemas.RejectReplayedRequest {
			t.Errorf("after %v: %+v", after, refused)
		}
	}
	if refused := admit(testNow.Add(6 * time.Minute)); refused == nil || refused.Reason != schemas.RejectStaleRequest {
		t.Errorf("too old: %+v", refused)
	}
	// A later request lets the store forget; the clock goes back; the nonce is gone and the timestamp with it.
	later := request("payout=1", "2025", oldKey, testNow.Add(20*time.Minute), nonceOf(2))
	later.Now = testNow.Add(20 * time.Minute)
	if _, refused := g.Admit("acme", p, later); refused != nil {
		t.Fatalf("%+v", refused)
	}
	if n := count(t, g.held.WithLabelValues("acme")); n != 1 {
		t.Errorf("%v nonces are held", n)
	}
	if refused := admit(testNow); refused == nil || refused.Reason != schemas.RejectStaleRequest {
		t.Errorf("after the clock was set back: %+v", refused)
	}
}

// TestUndo holds that a request that was answered 503 can be sent again as it is.
func TestUndo(t *testing.T) {
	g, p := gateOf(Defaults(), testRules())
	r := request("payout=1", "2025", oldKey, testNow, nonceOf(1))
	a, refused := g.Admit("acme", p, r)
	if refused != nil {
		t.Fatalf("%+v", refused)
	}
	a.Undo()
	a.Undo()
	if a, refused = g.Admit("acme", p, r); refused != nil {
		t.Fatalf("after a 503: %+v", refused)
	}
	if _, refused = g.Admit("acme", p, r); refused == nil {
		t.Error("taken twice")
	}
}

// TestReplayAtOnce sends one request from many goroutines: one is let in.
func TestReplayAtOnce(t *testing.T) {
	g, p := gateOf(Defaults(), testRules())
	var in atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, refused := g.Admit("acme", p, request("payout=1", "2025", oldKey, testNow, nonceOf(1))); refused == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("let in %d times", in.Load())
	}
}

func TestNoncesAreBounded(t *testing.T) {
	g, p := gateOf(Defaults(), testRules())
	for i := range 100 {
		if _, refused := g.Admit("acme", p, request("", "2025", oldKey, testNow, nonceOf(i))); refused != nil {
			t.Fatalf("nonce %d: %+v", i, refused)
		}
	}
	full := request("", "2025", oldKey, testNow, nonceOf(100))
	if _, refused := g.Admit("acme", p, full); refused == nil || !refused.Full {
		t.Fatalf("one more than the limit: %+v", refused)
	}
	// A stranger fills nothing: what does not prove itself leaves no nonce.
	g2, p2 := gateOf(Defaults(), testRules())
	for i := range 200 {
		g2.Admit("acme", p2, request("", "2025", newerKey, testNow, nonceOf(i)))
	}
	if n := (*g2.members.Load())["acme"].nonces.len(); n != 0 {
		t.Errorf("%d nonces of requests that were not believed", n)
	}
	// Room comes with time.
	full.Now = testNow.Add(5 * time.Minute)
	if _, refused := g.Admit("acme", p, full); refused == nil || !refused.Full {
		t.Fatalf("within the window: %+v", refused)
	}
	late := request("", "2025", oldKey, testNow.Add(7*time.Minute), nonceOf(101))
	late.Now = testNow.Add(7 * time.Minute)
	if _, refused := g.Admit("acme", p, late); refused != nil {
		t.Errorf("after the window: %+v", refused)
	}
	if n := (*g.members.Load())["acme"].nonces.len(); n != 1 {
		t.Errorf("%d nonces are left", n)
	}
}

func TestNetworkRate(t *testing.T) {
	rules := testRules()
	rules.Rate = NewRate(2, 3)
	g, p := gateOf(Defaults(), rules)
	i := 0
	send := func(at time.Time) *Refusal {
		i++
		r := request("", "2025", oldKey, at, nonceOf(i))
		r.Now = at
		_, refused := g.Admit("acme", p, r)
		return refused
	}
	for n := range 3 {
		if refused := send(testNow); refused != nil {
			t.Fatalf("%d of the burst: %+v", n, refused)
		}
	}
	refused := send(testNow)
	if refused == nil || refused.Reason != schemas.RejectRateLimited || refused.Wait != 500*time.Millisecond || Seconds(refused.Wait) != 1 {
		t.Fatalf("beyond the burst: %+v", refused)
	}
	// A retry of the refused request is no replay.
	r := request("", "2025", oldKey, testNow, nonceOf(i))
	r.Now = testNow.Add(refused.Wait)
	if _, refused := g.Admit("acme", p, r); refused != nil {
		t.Errorf("the retry: %+v", refused)
	}
	// Nor do forgeries and replays use up what the network may send.
	at := testNow.Add(time.Second)
	for n := range 50 {
		forged := request("", "2025", newerKey, at, nonceOf(1000+n))
		forged.Now = at
		g.Admit("acme", p, forged)
		replay := request("", "2025", oldKey, testNow, nonceOf(1))
		replay.Now = at
		g.Admit("acme", p, replay)
	}
	if refused := send(at); refused != nil {
		t.Errorf("after forgeries and replays: %+v", refused)
	}
	// A clock that is set back by an hour does not close the bucket for one.
	back := testNow.Add(-time.Hour)
	send(back)
	if refused := send(back.Add(2 * time.Second)); refused != nil {
		t.Errorf("after the clock was set back: %+v", refused)
	}
}

func TestAddressRate(t *testing.T) {
	c := Defaults()
	c.IPPostbacksPerSecond, c.IPBurst, c.RateLimitedLetters = 10, 5, 2
	g := NewGate(c)
	send := func(addr string, at time.Time) *Refusal {
		_, refused := g.Admit("", nil, &Request{Client: netip.MustParseAddr(addr), Now: at})
		return refused
	}
	for range 5 {
		if refused := send("2001:db8:0:1::1", testNow); refused != nil {
			t.Fatalf("%+v", refused)
		}
	}
	unkept := 0
	for range 20 {
		refused := send("2001:db8:0:1:ffff::2", testNow) // the same /64
		if refused == nil || refused.Reason != schemas.RejectRateLimited || refused.Wait <= 0 {
			t.Fatalf("%+v", refused)
		}
		if refused.Unkept {
			unkept++
		}
	}
	if unkept != 18 || count(t, g.unkept) != 18 || count(t, g.refusals.WithLabelValues("", "rate_limited")) != 20 {
		t.Errorf("%d of 20 without a row, counted %v of %v", unkept, count(t, g.unkept), count(t, g.refusals.WithLabelValues("", "rate_limited")))
	}
	if refused := send("2001:db8:0:2::1", testNow); refused != nil {
		t.Errorf("its neighbour: %+v", refused)
	}
	if refused := send("203.0.113.7", testNow); refused != nil {
		t.Errorf("somebody else: %+v", refused)
	}
	if refused := send("2001:db8:0:1::1", testNow.Add(100*time.Millisecond)); refused != nil {
		t.Errorf("after the wait: %+v", refused)
	}
}

// TestManyAddresses holds that a flood from very many addresses, however it is refused itself, refuses nobody else.
func TestManyAddresses(t *testing.T) {
	a, rate := newAddresses(), NewRate(1, 1)
	var b [4]byte
	for i := range 300_000 {
		b[0], b[1], b[2], b[3] = 10, byte(i>>16), byte(i>>8), byte(i)
		if wait := a.take(rate, netip.AddrFrom4(b), testNow.UnixNano()); wait > 0 {
			t.Fatalf("address %d is refused at its first request", i)
		}
	}
	if wait := a.take(rate, someone, testNow.UnixNano()); wait > 0 {
		t.Error("an innocent address is refused")
	}
	if wait := a.take(rate, someone, testNow.UnixNano()); wait == 0 {
		t.Error("a busy address is not limited")
	}
}

func TestCollectors(t *testing.T) {
	g, _ := gateOf(Defaults(), testRules())
	reg := prometheus.NewPedanticRegistry()
	for _, c := range g.Collectors() {
		reg.MustRegister(c)
	}
	if _, err := reg.Gather(); err != nil {
		t.Fatal(err)
	}
}

// TestAllocations holds what an admission costs: the nonce's text, and the store's growth now and then.
func TestAllocations(t *testing.T) {
	rules := testRules()
	rules.MaxNonces, rules.Allow, rules.Rate = 1_000_000, []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, NewRate(1_000_000, 1_000_000)
	rules.Tokens = map[string][]byte{"a": []byte("sixteen bytes ab")}
	c := Defaults()
	c.IPPostbacksPerSecond, c.IPBurst = 1_000_000, 1_000_000
	g, p := gateOf(c, rules)
	const runs = 200
	var list []*Request
	for i := range runs + 1 {
		list = append(list, request("network=acme&click_id=abc&payout=12.50&s=a+b&token=sixteen+bytes+ab", "2025", oldKey, testNow, nonceOf(i)))
	}
	i := 0
	if n := testing.AllocsPerRun(runs, func() {
		if _, refused := g.Admit("acme", p, list[i]); refused != nil {
			t.Fatal(refused)
		}
		i++
	}); n > 2 && !raceEnabled {
		t.Errorf("an admission makes %v allocations", n)
	}
	if n := testing.AllocsPerRun(runs, func() { g.Admit("beta", nil, list[0]) }); n != 0 {
		t.Errorf("an admission without a policy makes %v allocations", n)
	}
}

func BenchmarkAdmit(b *testing.B) {
	rules := testRules()
	rules.MaxNonces = 1 << 30
	g, p := gateOf(Defaults(), rules)
	list := make([]*Request, b.N)
	for i := range list {
		list[i] = request("network=acme&click_id=0123456789012345678901234567890123456789&payout=12.50&txid=abc", "2025", oldKey, testNow, nonceOf(i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, r := range list {
		if _, refused := g.Admit("acme", p, r); refused != nil {
			b.Fatal(refused)
		}
	}
}
