package trust

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testNow  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	oldKey   = []byte("the key of last year, 32 bytes..")
	newerKey = []byte("the key of this year, 32 bytes..")
	someone  = netip.MustParseAddr("203.0.113.7")
)

func testRules() Rules {
	return Rules{HMACKeys: map[string][]byte{"2025": oldKey}, MaxAge: 5 * time.Minute, MaxNonces: 100, TokenParameter: "token"}
}

// gateOf is a gate that knows one network, acme.
func gateOf(c Config, r Rules) (*Gate, *Policy) {
	g, p := NewGate(c), NewPolicy("acme", r)
	g.Use(networks(map[string]*Policy{"acme": p}))
	return g, p
}

func networks(m map[string]*Policy) iter.Seq2[string, *Policy] { return maps.All(m) }

// request is one from someone, signed by a key when secret is not nil.
func request(query string, keyID string, secret []byte, at time.Time, nonce string) *Request {
	if secret != nil {
		query = Sign("acme", query, nil, keyID, secret, at, nonce)
	}
	return &Request{Query: []byte(query), Client: someone, Now: testNow}
}

func nonceOf(i int) string { return fmt.Sprintf("nonce-%06d", i) }

func count(tb testing.TB, c prometheus.Metric) float64 {
	tb.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		tb.Fatal(err)
	}
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}
