package trust

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/schemas"
)

// Gate lets postbacks in. It outlives the catalogs whose policies it applies.
type Gate struct {
	members    atomic.Pointer[map[string]*member]
	mu         sync.Mutex // of Use
	stranger   *member    // counts what no declared network sent
	perAddress *PerAddress
	letters    bucket // rows about rates
	letterRate Rate
	scratches  sync.Pool
	unkept     prometheus.Counter
	refusals   *prometheus.CounterVec
	proofs     *prometheus.CounterVec
	held       *prometheus.GaugeVec
}

// member is what outlives a reload of one network.
type member struct {
	nonces   *nonces
	rate     bucket
	refusals map[schemas.RejectReason]prometheus.Counter
	held     prometheus.Gauge
	// bound are the proofs' counters of the newest policy.
	bound atomic.Pointer[proofs]
}

type proofs struct {
	policy       *Policy
	keys, tokens []prometheus.Counter
}

// NewGate makes a gate without networks. Collectors lists what to register.
func NewGate(c Config) *Gate {
	g := &Gate{perAddress: NewPerAddress(c.IPPostbacksPerSecond, c.IPBurst), letterRate: NewRate(c.RateLimitedLetters, c.RateLimitedLetters)}
	g.scratches.New = func() any { return new(scratch) }
	name := func(text string) string { return prometheus.BuildFQName("tributary", "ingest", text) }
	g.refusals = prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("trust_refusals_total"),
		Help: "Postbacks that were not believed or came too often, by network (empty for one that is not declared) and reason."}, []string{"network", "reason"})
	g.proofs = prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("trust_proofs_total"),
		Help: "Proofs that were right, by network, kind (hmac or token) and key ID: a key that is no longer counted may be retired."}, []string{"network", "proof", "key"})
	g.held = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name("trust_nonces"), Help: "Nonces that are remembered, by network; at most hmac_max_nonces."}, []string{"network"})
	g.unkept = prometheus.NewCounter(prometheus.CounterOpts{Name: name("rate_limited_unkept_total"),
		Help: "Postbacks without a row in dead_letters: those answered 429 beyond rate_limited_letters_per_second, and refused lines of a stranger's upload beyond ip_postbacks_per_second."})
	g.stranger = g.newMember("")
	none := map[string]*member{}
	g.members.Store(&none)
	return g
}

// Collectors are the gate's metrics.
func (g *Gate) Collectors() []prometheus.Collector {
	return []prometheus.Collector{g.refusals, g.proofs, g.held, g.unkept}
}

func (g *Gate) newMember(network string) *member {
	m := &member{refusals: map[schemas.RejectReason]prometheus.Counter{}}
	for _, reason := range reasons {
		m.refusals[reason] = g.refusals.WithLabelValues(network, string(reason))
	}
	return m
}

// Use makes networks known before the catalog that declares them is in force. What was known stays: requests under way may
// still ask for it, and a network that is taken out and put back finds its nonces.
func (g *Gate) Use(networks iter.Seq2[string, *Policy]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := maps.Clone(*g.members.Load())
	for network, policy := range networks {
		m := next[network]
		if m == nil {
			m = g.newMember(network)
			m.nonces, m.held = newNonces(), g.held.WithLabelValues(network)
			next[network] = m
		}
		b := &proofs{policy: policy}
		if policy != nil {
			for _, k := range policy.keys {
				b.keys = append(b.keys, g.proofs.WithLabelValues(network, "hmac", k.id))
			}
			for _, id := range policy.tokens.ids {
				b.tokens = append(b.tokens, g.proofs.WithLabelValues(network, "token", id))
			}
		}
		m.bound.Store(b)
	}
	g.members.Store(&next)
}

// Admission is what a gate made of a request.
type Admission struct {
	// Shown: the request carried a right token, see Policy.Hide.
	Shown bool
	// Nonce of a signed request that was let in; empty of any other.
	Nonce string

	nonces  *nonces
	hash    uint64
	stampMS int64
}

// Undo gives the nonce back. For a request that was answered 503: its sender will send it again as it is.
func (a *Admission) Undo() {
	if a.nonces != nil {
		a.nonces.forget(a.hash, a.stampMS)
		a.nonces = nil
	}
}

// Admit returns nil when the network's policy, which is nil for none, believes the request and its rates have room. network
// is empty when the request names none that is declared.
func (g *Gate) Admit(network string, p *Policy, r *Request) (Admission, *Refusal) {
	m := (*g.members.Load())[network]
	if m == nil {
		m = g.stranger
	}
	a, refused := g.admit(m, p, r)
	if refused == nil {
		return a, nil
	}
	if refused.Full {
		return a, refused
	}
	m.refusals[refused.Reason].Inc()
	if refused.Reason == schemas.RejectRateLimited && (!g.letterRate.limited() || g.letters.take(g.letterRate, r.Now.UnixNano()) > 0) {
		refused.Unkept = true
		g.unkept.Inc()
	}
	return a, refused
}

func (g *Gate) admit(m *member, p *Policy, r *Request) (a Admission, refused *Refusal) {
	nowNS := r.Now.UnixNano()
	if wait := g.perAddress.Take(r.Client, r.Now); wait > 0 {
		// The token of a request that is not looked at may be right.
		a.Shown = true
		return a, limited("address "+r.Client.Unmap().String(), "ingest.trust.ip_postbacks_per_second", wait)
	}
	if p == nil {
		return a, nil
	}
	s := g.scratches.Get().(*scratch)
	defer g.scratches.Put(s)
	got, refused := p.prove(s, r)
	a.Shown = got.token >= 0
	if refused != nil {
		return a, refused
	}
	var hash uint64
	if got.key != nil {
		// Looked at before the rate, so that replays do not use up the network's.
		hash = m.nonces.hash(got.nonce)
		if refused := nonceRefusal(m.nonces.look(hash, got.stampMS)); refused != nil {
			return a, refused
		}
	}
	if wait := m.rate.take(p.rules.Rate, nowNS); wait > 0 {
		return a, limited("network "+p.network, "the network's trust.postbacks_per_second", wait)
	}
	if got.key != nil {
		nowMS := r.Now.UnixMilli()
		if refused := nonceRefusal(m.nonces.use(hash, got.stampMS, nowMS, nowMS-p.rules.MaxAge.Milliseconds(), p.rules.MaxNonces)); refused != nil {
			return a, refused
		}
		a.Nonce, a.nonces, a.hash, a.stampMS = string(got.nonce), m.nonces, hash, got.stampMS
		m.held.Set(float64(m.nonces.len()))
	}
	if b := m.bound.Load(); b.policy == p {
		if got.key != nil {
			b.keys[got.key.proof].Inc()
		}
		if got.token >= 0 {
			b.tokens[got.token].Inc()
		}
	}
	return a, nil
}

// Fits tells whether one more postback fits into an address's rate, and counts it if so: for those of which one request brings many.
func (g *Gate) Fits(client netip.Addr, now time.Time) bool {
	if g.perAddress.Take(client, now) == 0 {
		return true
	}
	g.unkept.Inc()
	return false
}

func nonceRefusal(state nonceState) *Refusal {
	switch state {
	case nonceUsed:
		return refuse(schemas.RejectReplayedRequest, ParamNonce, "a request with this nonce was taken before", "nothing when this is a retry of a request that was answered; else another nonce")
	case nonceForgotten:
		return stale("the nonces of that time are forgotten already")
	case nonceFull:
		return &Refusal{Full: true}
	}
	return nil
}

func limited(who, key string, wait time.Duration) *Refusal {
	return &Refusal{Reason: schemas.RejectRateLimited, Detail: who + " sends more postbacks than " + key + " allows", Wait: wait,
		WouldBeRight: fmt.Sprintf("the same request again in %d s", Seconds(wait))}
}

// Seconds rounds a wait up to what Retry-After can say.
func Seconds(wait time.Duration) int { return int((wait + time.Second - 1) / time.Second) }
