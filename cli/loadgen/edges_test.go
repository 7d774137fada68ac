package loadgen

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// answers is an HTTP server that accepts whatever a driver sends, and remembers the conversions that it was told of.
type answers struct {
	*httptest.Server
	fails atomic.Bool // says 503 instead

	mu          sync.Mutex
	conversions map[string]int // postbacks accepted, by click ID, event and transaction
}

func newAnswers(t *testing.T) *answers {
	a := &answers{conversions: map[string]int{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.fails.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.URL.Path == "/v1/clicks" {
			var body struct {
				ClickID string `json:"click_id"`
			}
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, `{"click_id":%q}`, body.ClickID)
			return
		}
		q := r.URL.Query()
		a.mu.Lock()
		a.conversions[q.Get("click_id")+" "+q.Get("event")+" "+q.Get("txid")]++
		a.mu.Unlock()
		fmt.Fprint(w, `{"receipt_id":"r"}`)
	}))
	t.Cleanup(a.Close)
	return a
}

func plainOptions() Options {
	o := testOptions()
	o.Links, o.Malformed, o.BadClicks, o.Orphans = 0, 0, 0, 0
	return o
}

// An edge that fails now and then costs no click, and no conversion is told to two edges unless an answer was missing.
func TestDriverSharesOutOverEdges(t *testing.T) {
	one, two := newAnswers(t), newAnswers(t)
	o := plainOptions()
	o.Clicks, o.Postbacks = 3000, 1000
	scenario := DefaultScenario(o.End)
	g, err := NewGenerator(scenario, o)
	if err != nil {
		t.Fatal(err)
	}
	address := func(a *answers) string { return strings.TrimPrefix(a.URL, "http://") }
	truth := NewTruth(scenario, o.WindowMS)
	d := NewDriver(DriverOptions{Address: address(one) + "," + address(two), Connections: 8}, truth)
	var accepted atomic.Int64
	d.Watch = func(*Click, *Postback) {
		switch accepted.Add(1) {
		case 1000:
			two.fails.Store(true)
		case 2500:
			two.fails.Store(false)
		}
	}
	if err := d.Run(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if n := truth.Total().Clicks; n != int64(o.Clicks) {
		t.Errorf("%d clicks accepted, want %d", n, o.Clicks)
	}
	if n := d.Stats.GaveUp.Load(); n != 0 {
		t.Errorf("%d requests given up", n)
	}
	if len(one.conversions) == 0 || len(two.conversions) == 0 {
		t.Errorf("%d and %d conversions: an edge had none", len(one.conversions), len(two.conversions))
	}
	both := 0
	for conversion := range one.conversions {
		if two.conversions[conversion] > 0 {
			both++
		}
	}
	// A 503 leaves its request open; only such may have gone to the other edge, and none went again after it.
	if most := int(d.Stats.Refused503.Load()); both > most {
		t.Errorf("%d conversions went through both edges, %d at most had to", both, most)
	}
}

func TestFinishSendsTheClicksThatPostbacksOvertook(t *testing.T) {
	o := plainOptions()
	o.Postbacks, o.Early = 0, .5
	g, err := NewGenerator(DefaultScenario(o.End), o)
	if err != nil {
		t.Fatal(err)
	}
	waiting := map[*Click]bool{}
	for range 5000 {
		s, _ := g.Next()
		if s.Postback != nil && s.Postback.Early && !s.Again {
			waiting[s.Postback.Click] = true
		}
		delete(waiting, s.Click)
	}
	if len(waiting) == 0 {
		t.Fatal("no click waits: the test shows nothing")
	}
	g.Finish()
	for {
		s, more := g.Next()
		if !more {
			break
		}
		if s.Click == nil {
			t.Fatalf("a step after Finish that is no click: %+v", s)
		}
		delete(waiting, s.Click)
	}
	if len(waiting) > 0 {
		t.Errorf("%d clicks were never sent although a postback of theirs was", len(waiting))
	}
}

// What a repeated postback would be refused for depends on what became of the first.
func TestDoubtKnowsWhatARepeatIs(t *testing.T) {
	o := plainOptions()
	scenario := DefaultScenario(o.End)
	click := &Click{Campaign: &scenario.Campaigns[0], Source: &scenario.Sources[0], Offer: &scenario.Offers[0], EventMS: o.End.UnixMilli() - 1000}
	p := func(status string, number int) *Postback {
		return &Postback{Number: number, Click: click, Network: "shopline", Event: "sale", Status: status, Payout: "5", Currency: "USD", TxID: "1"}
	}
	truth := NewTruth(scenario, o.WindowMS)
	truth.click(click)
	within, outside := o.End.UnixMilli(), o.End.UnixMilli()+o.WindowMS
	if got := truth.again(p("approved", 1), within); got != "duplicate_postback" {
		t.Errorf("a repeated first postback is %q", got)
	}
	if got := truth.again(p("approved", 1), outside); got != "outside_window" {
		t.Errorf("a repeated late postback is %q", got)
	}
	first := p("approved", 1)
	truth.postback(first, within)
	if got := truth.again(p("pending", 2), within); got != "stale_status" {
		t.Errorf("a repeated older status is %q", got)
	}
	truth.doubtPostback(first, within)
	if truth.unsure(first) {
		t.Error("the same postback may be sent again whenever it likes")
	}
	if !truth.unsure(p("rejected", 2)) {
		t.Error("another postback of the conversion may be overtaken by the one in doubt")
	}
}

func TestSuspectedEdgeIsTriedByOne(t *testing.T) {
	e := &edge{timeout: time.Second}
	now := time.Now()
	if !e.usable(now) {
		t.Error("a fresh edge is not usable")
	}
	e.note(false)
	if e.usable(now) {
		t.Error("an edge that just failed is usable")
	}
	later := now.Add(2 * suspicion)
	if !e.usable(later) || e.usable(later) {
		t.Error("after a while exactly one request tries the edge")
	}
	e.note(true)
	if !e.usable(later) {
		t.Error("an edge that answered is not usable")
	}
}
