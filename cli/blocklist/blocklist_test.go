package blocklist_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog"
	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/cli/blocklist"
	"tributary/cli/misuse"
	"tributary/schemas/broker"
	"tributary/schemas/events"
)

// desks are people at one broker; now is everybody's clock.
type desks struct {
	t     *testing.T
	cfg   control.Config
	mu    sync.Mutex
	nowMS int64
}

func newDesks(t *testing.T) *desks {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "control", "control.changes"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	d := &desks{t: t, nowMS: time.Now().UnixMilli()}
	d.cfg = control.Config{Kafka: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}, Broker: broker.Embedded(), Topic: "control",
		Changes: "control.changes", Kinds: []control.Kind{block.Entries()}, Now: d.now}
	return d
}

func (d *desks) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.UnixMilli(d.nowMS)
}

func (d *desks) pass(age time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nowMS += age.Milliseconds()
}

func (d *desks) of(author string) *blocklist.Desk {
	d.t.Helper()
	w, err := control.NewWriter(d.cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(w.Close)
	return &blocklist.Desk{Writer: w, Author: author, Reason: "why not", Now: d.now}
}

// state is what is in force.
func (d *desks) state() *control.State {
	d.t.Helper()
	reader, err := control.Open(d.cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = reader.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	if err := reader.Seen(ctx); err != nil {
		d.t.Fatal(err)
	}
	return reader.Now()
}

// ids are the blocks in force.
func (d *desks) ids() string {
	var ids []string
	for _, b := range block.InForce(d.state()) {
		ids = append(ids, b.ID)
	}
	return strings.Join(ids, " ")
}

// changes is the history: kind of change, words and author.
func (d *desks) changes() (list []string) {
	d.t.Helper()
	client, err := kgo.NewClient(append(d.cfg.Kafka, kgo.ConsumeTopics("control.changes"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		d.t.Fatal(err)
	}
	defer client.Close()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		got := client.PollFetches(ctx).Records()
		cancel()
		if len(got) == 0 {
			return list
		}
		for _, r := range got {
			var m events.ControlChange
			if err := m.UnmarshalVT(r.Value); err != nil {
				d.t.Fatal(err)
			}
			what := "+ "
			if m.Ended {
				what = "- "
			}
			list = append(list, what+m.Says+" "+m.Author)
		}
	}
}

func push() *events.Block { return &events.Block{SourceId: 1, Source: "push", Answer: block.Page} }

// TestAddRemoveUndo: what is in force after each step, and that the history tells each of them.
func TestAddRemoveUndo(t *testing.T) {
	d := newDesks(t)
	ctx, ann := t.Context(), d.of("ann")
	step := func(what string, do func() (*blocklist.Done, error), want bool) *blocklist.Done {
		t.Helper()
		done, err := do()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := d.ids(); got == done.ID != want {
			t.Fatalf("%s: in force is %q", what, got)
		}
		return done
	}
	added := step("add", func() (*blocklist.Done, error) { return ann.Add(ctx, push()) }, true)
	if _, err := ann.Add(ctx, push()); !misuse.Is(err) || !strings.Contains(err.Error(), added.ID) {
		t.Errorf("the same again: %v", err)
	}
	step("remove", func() (*blocklist.Done, error) { return ann.Remove(ctx, added.ID) }, false)
	if _, err := ann.Remove(ctx, added.ID); !misuse.Is(err) {
		t.Errorf("removed twice: %v", err)
	}
	step("undo of the removal", func() (*blocklist.Done, error) { return ann.Undo(ctx, "") }, true)
	step("undo of the undo", func() (*blocklist.Done, error) { return ann.Undo(ctx, added.ID) }, false)
	again := step("add after the removal", func() (*blocklist.Done, error) { return ann.Add(ctx, push()) }, true)
	if _, err := ann.Undo(ctx, added.ID); !misuse.Is(err) || !strings.Contains(err.Error(), again.ID) {
		t.Errorf("undo of a removal of what is blocked again: %v", err)
	}
	step("undo of an add", func() (*blocklist.Done, error) { return ann.Undo(ctx, "") }, false)
	for _, id := range []string{"b", "", "b0000000O", "bzzzzzzzz", added.ID + "x"} {
		if _, err := d.of("nobody").Undo(ctx, id); !misuse.Is(err) {
			t.Errorf("undo of %q: %v", id, err)
		}
	}
	if _, err := ann.Remove(ctx, added.ID[:8]); err == nil || !strings.Contains(err.Error(), added.ID) {
		t.Errorf("a letter is missing: %v", err)
	}
	const says = "source push, in all, page ann"
	want := []string{"+ " + says, "- " + says, "+ " + says, "- " + says, "+ " + says, "- " + says}
	if got := d.changes(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the history is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEnds: a block ends by itself, an undo does not bring it back, and the history has it when the topic has forgotten it.
func TestEnds(t *testing.T) {
	d := newDesks(t)
	ctx, ann := t.Context(), d.of("ann")
	v := push()
	v.UntilMs = d.now().Add(time.Hour).UnixMilli()
	added, err := ann.Add(ctx, v)
	if err != nil {
		t.Fatal(err)
	}
	d.pass(59 * time.Minute)
	if d.ids() != added.ID {
		t.Fatal("it ended before its time")
	}
	d.pass(time.Minute)
	if got := d.ids(); got != "" {
		t.Fatalf("%s is in force after its time", got)
	}
	if _, err := ann.Undo(ctx, added.ID); !misuse.Is(err) {
		t.Errorf("undo of one whose time was over: %v", err)
	}
	d.pass(2 * time.Minute)
	if _, err := ann.Add(ctx, push()); err != nil { // a writer ends in the topic what has expired
		t.Fatal(err)
	}
	if _, there := d.state().At(time.Time{}).Get(block.Kind, added.ID); there {
		t.Error("the topic still has it")
	}
	got := d.changes()
	if len(got) != 3 || !strings.HasPrefix(got[0], "+ source push") || got[1] != "- source push, in all, page " {
		t.Errorf("the history is %q", got)
	}
	removed, err := ann.Undo(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	d.pass(blocklist.UndoFor + 2*time.Minute)
	if _, err := ann.Undo(ctx, removed.ID); !misuse.Is(err) {
		t.Errorf("undo after %s: %v", blocklist.UndoFor, err)
	}
	if _, err := ann.Add(ctx, push()); err != nil {
		t.Fatal(err)
	}
	if got := d.changes(); len(got) != 5 { // that the removed one is forgotten now is no change
		t.Errorf("the history is %q", got)
	}
}

// TestTwoAuthors: of several who block the same thing at the same time one does, and the others are told; what is different is
// all there.
func TestTwoAuthors(t *testing.T) {
	d := newDesks(t)
	const people = 4
	var wait sync.WaitGroup
	var mu sync.Mutex
	same, errs := 0, []error{}
	for i := range people {
		desk := d.of(string('a' + rune(i)))
		wait.Go(func() {
			_, err := desk.Add(t.Context(), push())
			_, own := desk.Add(t.Context(), &events.Block{Asn: uint32(1 + i), Answer: block.Empty})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				same++
			} else if !misuse.Is(err) {
				errs = append(errs, err)
			}
			if own != nil {
				errs = append(errs, own)
			}
		})
	}
	wait.Wait()
	if same != 1 || len(errs) > 0 {
		t.Errorf("%d wrote the same block: %v", same, errs)
	}
	if n := len(block.InForce(d.state())); n != 1+people {
		t.Errorf("%d blocks are in force, want %d", n, 1+people)
	}
	if n := len(d.changes()); n != 1+people {
		t.Errorf("the history has %d changes, want %d", n, 1+people)
	}
}

func TestRequests(t *testing.T) {
	cat, err := catalog.Build(catalog.Config{BaseCurrency: "USD",
		ClickIDKeys: catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "a secret of the tests, 32 bytes."}},
		Sources:     []catalog.SourceConfig{{ID: 7, Name: "push"}},
		Offers:      []catalog.OfferConfig{{ID: 1, Name: "o", URL: "https://o.example/"}},
		Campaigns:   []catalog.CampaignConfig{{ID: 3, Name: "summer", Offers: []string{"o"}}}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_000_000)
	w := blocklist.World{Catalog: cat, Campaigns: []string{"summer"}, Now: now}
	for _, c := range []struct {
		r          blocklist.Request
		want, fail string
	}{
		{r: blocklist.Request{Source: "push"}, want: "source push, in all, fallback, for ever"},
		{r: blocklist.Request{Source: "new", Shadow: true}, want: "source new, in all, fallback, shadow, for ever"},
		{r: blocklist.Request{Source: "push", Sub: "sub20=a=b", Campaign: "summer", Answer: "page", For: "1d"},
			want: "source push sub20=a=b, in summer, page, until 1970-01-02 00:16:40 UTC"},
		{r: blocklist.Request{Network: "203.0.113.7", Answer: "empty"}, want: "network 203.0.113.7/32, in all, empty, for ever"},
		{r: blocklist.Request{Agent: "headless", Campaign: "all"}, want: "agent headless, in all, fallback, for ever"},
		{r: blocklist.Request{}, fail: "say what to block"},
		{r: blocklist.Request{Source: "push", Agent: "bot"}, fail: "on 2 things"},
		{r: blocklist.Request{Sub: "sub1=x"}, fail: "add --source"},
		{r: blocklist.Request{Source: "push", Sub: "sub0=x"}, fail: "such as sub1=12345"},
		{r: blocklist.Request{Source: "push", Sub: "sub01=x"}, fail: "such as sub1=12345"},
		{r: blocklist.Request{Source: "push", Sub: "zone"}, fail: "such as sub1=12345"},
		{r: blocklist.Request{Source: "push", Campaign: "sumer"}, fail: `did you mean "summer"`},
		{r: blocklist.Request{Agent: "headles"}, fail: `did you mean "headless"`},
		{r: blocklist.Request{Source: "push", Answer: "404"}, fail: "want fallback"},
		{r: blocklist.Request{Network: "example.com"}, fail: "no network"},
		{r: blocklist.Request{Network: "0.0.0.0/0"}, fail: "too large"},
		{r: blocklist.Request{Source: "push", For: "never"}, fail: "such as 90m"},
		{r: blocklist.Request{Source: "push", For: "-1h"}, fail: "want 1s"},
		{r: blocklist.Request{Source: "push", For: "9999999d"}, fail: "want 1s"},
		{r: blocklist.Request{ASN: "AS64496"}, fail: "ingest.geo.asn_file"},
		{r: blocklist.Request{ASN: "google"}, fail: "no number"},
	} {
		v, _, err := w.Block(&c.r)
		switch {
		case c.fail != "" && (!misuse.Is(err) || !strings.Contains(err.Error(), c.fail)):
			t.Errorf("%+v: %v, want %q", c.r, err, c.fail)
		case c.fail == "" && err != nil:
			t.Errorf("%+v: %v", c.r, err)
		case c.fail == "":
			if got := block.Says(v) + ", " + blocklist.Until(v); got != c.want {
				t.Errorf("%+v is %q, want %q", c.r, got, c.want)
			}
		}
	}
	w.ASNs = true
	if v, _, err := w.Block(&blocklist.Request{ASN: "as64496"}); err != nil || v.Asn != 64496 {
		t.Errorf("an ASN: %v, %v", v, err)
	}
	if v, undeclared, err := w.Block(&blocklist.Request{Source: "new"}); err != nil || !undeclared || v.SourceId != 0 {
		t.Errorf("a new source: %v %v %v", v, undeclared, err)
	}
}
