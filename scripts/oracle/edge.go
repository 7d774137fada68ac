package oracle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/catalog/lease"
	"tributary/catalog/published"
	"tributary/ingest"
	"tributary/ingest/unique"
	"tributary/schemas"
	"tributary/schemas/broker"
	"tributary/schemas/events"
)

// edgePort is the first edge's.
const edgePort = 8080

// An edgeLife is one life of an edge: what the process has in its memory.
type edgeLife struct {
	reader *control.Reader
	asker  *lease.Asker
	edge   *ingest.Edge
}

// controlKinds are those of the deployment.
func controlKinds() []control.Kind { return append(published.Kinds(), block.Entries()) }

func (w *World) controlConfig(h *host, now func() time.Time, log *zap.Logger) control.Config {
	return control.Config{Kafka: w.kafka(h), Broker: broker.Embedded(), Topic: schemas.TopicControl, Changes: schemas.TopicControlChanges,
		Kinds: controlKinds(), Now: now, Logger: log}
}

func (w *World) leaseBooks(h *host, now func() time.Time, log *zap.Logger) control.Config {
	return control.Config{Kafka: w.kafka(h), Broker: broker.Embedded(), Topic: schemas.TopicLeases, Now: now, Logger: log}
}

// copyOf is the file of an edge's copy of the topic control, in the working directory: a driver's own.
func (w *World) copyOf(name string) string { return fmt.Sprintf("copy-%d-%s", w.scenario.Seed, name) }

// newEdge makes an edge of the parts that the deployment makes it of: see deploy/wiring. It has no spool.
func (w *World) newEdge(i int) *process {
	name := fmt.Sprint("e", i)
	p := w.newProcess(name, w.scenario.Plane.Skews[i])
	p.port, p.copy = edgePort+i, w.copyOf(name)
	_ = os.Remove(p.copy)
	p.run = func(ctx context.Context, h *host, log *zap.Logger) error {
		cfg := w.controlConfig(h, p.now, log)
		cfg.Copy, cfg.Fill, cfg.Replace = p.copy, true, func(path string, content []byte) error {
			if h.isCut() {
				return errors.New("a dead process writes nothing")
			}
			return os.WriteFile(path, content, 0o600)
		}
		reader, err := control.Open(cfg)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var beside sync.WaitGroup
		defer beside.Wait()
		defer cancel()
		beside.Go(func() { _ = reader.Run(ctx) })
		known, giveUp := context.WithTimeout(ctx, 20*time.Second)
		err = reader.Await(known)
		giveUp()
		if err != nil {
			return err
		}
		compiled, err := compile(reader)
		if err != nil {
			return err
		}
		seen, giveUp := context.WithTimeout(ctx, 2*time.Second)
		_ = reader.Seen(seen) // then the copy has to do
		giveUp()
		asker, err := lease.NewAsker(lease.AskerConfig{Books: w.leaseBooks(h, p.now, log), Requests: schemas.TopicLeaseRequests, Now: p.now, Logger: log})
		if err != nil {
			return err
		}
		c := ingest.Defaults()
		c.Listen, c.Caps, c.TrustedProxies, c.UniqueBytes = portAddr(p.port).String(), ingest.CapsShared, []string{"127.0.0.1"}, unique.MinBytes
		edge, err := ingest.New(c, ingest.Deps{Kafka: w.kafka(h), Logger: log, Now: p.now, Catalog: compiled, Leases: asker,
			Listen: func(network, address string) (net.Listener, error) {
				l, err := w.network.listen(network, address)
				return edgeListener{l}, err
			}})
		if err != nil {
			asker.Discard()
			return err
		}
		reader.Watch("", func(s *control.State) { w.watched(p, s) })
		reader.Watch(block.Kind, func(s *control.State) { edge.SetBlocks(block.InForce(s)) })
		news := make(chan struct{}, 1)
		for _, kind := range published.EntryKinds() {
			reader.Watch(kind, func(*control.State) {
				select {
				case news <- struct{}{}:
				default:
				}
			})
		}
		beside.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-news:
				}
				if compiled, err := compile(reader); err == nil {
					edge.SetCatalog(compiled)
				}
			}
		})
		life := &edgeLife{reader, asker, edge}
		p.edge.Store(life)
		defer p.edge.CompareAndSwap(life, nil) // a killed life may end when the next one serves
		return edge.Run(ctx)
	}
	return p
}

func compile(reader *control.Reader) (*catalog.Catalog, error) {
	declared, err := published.Of(reader.Now(), planeBase())
	if err != nil {
		return nil, err
	}
	return catalog.Build(declared)
}

// edgeListener has visitors come from an address, as a real listener would.
type edgeListener struct{ net.Listener }

func (l edgeListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return addressed{c}, err
}

type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40_000} }

func (w *World) newGrantor(i int) *process {
	p := w.newProcess(fmt.Sprint("g", i), w.scenario.Plane.Skews[w.scenario.Plane.Edges+i])
	p.run = func(ctx context.Context, h *host, log *zap.Logger) error {
		role, err := lease.NewRole(lease.RoleConfig{Books: w.leaseBooks(h, p.now, log), Requests: schemas.TopicLeaseRequests, Group: grantors, Now: p.now, Logger: log})
		if err != nil {
			return err
		}
		w.granting.Add(1)
		defer w.granting.Add(-1)
		return role.Run(ctx)
	}
	return p
}

// A visited is what came of a visit.
type visited struct {
	*Visit
	edge string
	// asked and answered are true times; sees is since when the edge was blind, by its own word and in true time, or asked.
	asked, answered, sees time.Time
	status                int
	to, id                string // the offer's host and the click ID, empty where there is none
}

// visit goes to an edge, and may pay a while later.
func (w *World) visit(v *Visit) (out *visited) {
	p := w.procs[fmt.Sprint("e", v.Edge)]
	out = &visited{Visit: v, edge: p.name, asked: time.Now()}
	out.sees = out.asked
	life := p.edge.Load()
	if life != nil {
		if since := life.reader.Blind(); !since.IsZero() {
			out.sees = since.Add(-p.skew)
		}
	} else {
		out.sees = time.Time{} // it is starting: nothing can be said of it
	}
	link := fmt.Sprintf("http://%s/c/plane?source=other&external_id=v%d", portAddr(p.port), v.Number)
	if v.Zone > 0 {
		link = fmt.Sprintf("http://%s/c/plane?source=shady&sub1=z%d&external_id=v%d", portAddr(p.port), v.Zone, v.Number)
	}
	defer func() {
		out.answered = time.Now()
		if p.edge.Load() != life {
			out.sees = time.Time{} // another life answered
		}
		w.trace.add(p.name, "visit %d of zone %d: %d %s %s", v.Number, v.Zone, out.status, out.to, out.id)
		w.planeMu.Lock()
		w.visits = append(w.visits, out)
		w.planeMu.Unlock()
	}()
	request, err := http.NewRequest(http.MethodGet, link, nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", 1+v.Number%200))
	request.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")
	answer, err := w.visitors.Do(request)
	if err != nil {
		return out
	}
	answer.Body.Close()
	out.status, out.id = answer.StatusCode, answer.Header.Get("X-Click-Id")
	if to, err := url.Parse(answer.Header.Get("Location")); err == nil {
		out.to = to.Host
	}
	if v.Pays && out.id != "" {
		w.later(time.Duration(1+v.Number%20)*time.Second, func() { w.pay(v, out.id) })
	}
	return out
}

// pay sends the postback of a visit, which names no payout.
func (w *World) pay(v *Visit, id string) {
	now := time.Now().UnixMilli()
	pb := &events.Postback{ReceiptId: fmt.Sprintf("v%08d%017d", w.scenario.Seed, v.Number), ClickId: id, Network: "plane", Event: "sale", Txid: fmt.Sprint("visit", v.Number),
		Status: approved, EventMs: now, ReceivedMs: now, Raw: []byte("raw"), MaxConversions: 1000, CampaignId: planeCampaign, Campaign: "plane"}
	value, _ := pb.MarshalVT()
	w.produce(Input{Topic: schemas.TopicPostbacks, Key: id, Value: value, Note: fmt.Sprintf("postback of visit %d", v.Number)})
}

// startPlane puts a first catalog and a first block in force, and then adds edges and grantors.
func (w *World) startPlane() error {
	if w.scenario.Plane == nil {
		return nil
	}
	h := w.network.host("visitors", w.scenario.Seed)
	h.slow(minLatency, 0)
	w.visitors = &http.Client{Timeout: 8 * time.Second, Transport: &http.Transport{DialContext: h.dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, c := range []*Change{{Kind: changeCatalog, Number: 0}, {Kind: changeBlock, Number: 1, Zone: 1}} {
		w.write(c)
		if done := w.written[len(w.written)-1]; done.acked.IsZero() {
			return fmt.Errorf("the first changes of the topic control fail: %s", done.err)
		}
	}
	for i := range w.scenario.Plane.Grantors {
		w.add(w.newGrantor(i))
	}
	for i := range w.scenario.Plane.Edges {
		w.add(w.newEdge(i))
	}
	return nil
}

// useUp has every edge visited until the cap of the day is used up, or gives up.
func (w *World) useUp() {
	p := w.scenario.Plane
	if p == nil {
		return
	}
	for began := time.Now(); !w.serving(); time.Sleep(5 * time.Second) {
		if time.Since(began) > patience {
			w.fail("not every edge serves %s after the last fault", patience)
			return
		}
	}
	number := 100_000
	for began, rest := time.Now(), 0; time.Since(began) < 8*time.Minute; time.Sleep(time.Second) {
		rest++
		var asked sync.WaitGroup
		var sent atomic.Int64
		for i := range p.Edges {
			for range 2 {
				v := &Visit{Edge: i, Number: number}
				number++
				asked.Go(func() {
					if out := w.visit(v); out.to != restHost { // also where it could not ask
						sent.Add(1)
					}
				})
			}
		}
		asked.Wait()
		if sent.Load() > 0 {
			rest = 0
		}
		if rest >= 12 && w.usedUp() {
			return
		}
	}
	w.fail("the cap is not used up eight minutes after the last fault, with visits at every edge")
}

// grantors is their group.
const grantors = "grantors"

const cappedHost, restHost = "capped.example", "rest.example"

// serving tells whether every edge lives, and a grantor.
func (w *World) serving() bool {
	for _, p := range w.order {
		if p.port != 0 && p.edge.Load() == nil {
			return false
		}
	}
	return w.granting.Load() > 0
}

// usedUp tells whether no edge holds a lease of today.
func (w *World) usedUp() bool {
	for _, p := range w.order {
		if p.port == 0 {
			continue
		}
		life := p.edge.Load()
		if life == nil {
			return false
		}
		held := life.asker.Held(cappedOffer)
		if held == nil || held.Has(lease.Day(p.now().UnixMilli(), time.UTC)) {
			return false
		}
	}
	return true
}
