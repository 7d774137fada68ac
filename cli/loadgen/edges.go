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

// pick answers the edge for the next attempt: the one that has to be, else the worker's own, past those under suspicion
// unless all are.
func (w *worker) pick(now time.Time, must *edge, attempt int) *edge {
	if must != nil {
		return must
	}
	edges := w.d.edges
	for i := range edges {
		if e := edges[(w.home+attempt+i)%len(edges)]; e.usable(now) {
			return e
		}
	}
	return edges[(w.home+attempt)%len(edges)]
}

// A passage says through which edge a postback of a conversion went.
type passage struct {
	event, txid string
	through     *edge
}

// predecessor answers the edge through which the postback before this one about the same conversion went: nil for none. An
// edge keeps the order of a click, also over its spool; two edges do not, so this one has to go through the same.
func predecessor(p *Postback) *edge {
	if p.Click == nil {
		return nil
	}
	for _, way := range p.Click.passages {
		if way.event == p.Event && way.txid == p.TxID {
			return way.through
		}
	}
	return nil
}

// passed notes an answered postback. Only the worker of its click calls it.
func passed(p *Postback, through *edge) {
	if p.Click != nil && predecessor(p) == nil {
		p.Click.passages = append(p.Click.passages, passage{p.Event, p.TxID, through})
	}
}
