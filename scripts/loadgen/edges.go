package loadgen

import (
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// suspicion is how long an edge that failed is left out; then one request tries it.
const suspicion = time.Second

// edge is one of the addresses that share the requests.
type edge struct {
	client  *fasthttp.HostClient
	timeout time.Duration
	// suspect is when the edge may be tried again, Unix ns; 0 while nothing speaks against it.
	suspect atomic.Int64
}

func newEdge(address string, options *DriverOptions) *edge {
	return &edge{timeout: options.Timeout, client: &fasthttp.HostClient{
		Addr: address, MaxConns: options.Connections + 8, MaxIdemponentCallAttempts: 1, ReadTimeout: options.Timeout, WriteTimeout: options.Timeout,
		NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		// A repeated request must be the driver's decision: it has to be booked as one of unknown outcome.
		RetryIfErr: func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
	}}
}

func (e *edge) note(answered bool) {
	if answered {
		e.suspect.Store(0)
	} else {
		e.suspect.Store(time.Now().Add(suspicion).UnixNano())
	}
}

// usable answers true for an edge that nothing speaks against, and for one request when a suspicion is over.
func (e *edge) usable(now time.Time) bool {
	until := e.suspect.Load()
	return until == 0 || now.UnixNano() > until && e.suspect.CompareAndSwap(until, now.Add(e.timeout+suspicion).UnixNano())
}

// pick answers the next edge in turn, past those under suspicion unless all are.
func (w *worker) pick(now time.Time) *edge {
	edges := w.d.edges
	w.turn++
	for i := range edges {
		if e := edges[(w.turn+i)%len(edges)]; e.usable(now) {
			return e
		}
	}
	return edges[w.turn%len(edges)]
}
