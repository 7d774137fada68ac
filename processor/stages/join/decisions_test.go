package join

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

var update = flag.Bool("update", false, "write the golden file of the current decisions anew")

// tape is clicks and postbacks of several networks, the same for a seed for ever: what an earlier version made of
// them is a golden file.
type tape struct {
	*rand.Rand
	w        *world
	clicks   int
	receipts int
	said     []string
}

// play runs a tape and answers what came of it: each output, and in the end each click's conversions as the state
// has them.
func play(t *testing.T, seed uint64, w *world) []string {
	t.Helper()
	p := &tape{Rand: rand.New(rand.NewPCG(seed, 11)), w: w}
	for range 60 {
		p.journey()
	}
	w.nowMS += 2 * options().GraceMS
	p.send(schemas.TopicClicks, p.click())
	for _, kind := range []byte{kindBook, foreignBook} {
		if err := w.ctx.State.Scan([]byte{kind}, nil, func(key, value []byte) bool {
			n, used := binary.Uvarint(value)
			p.said = append(p.said, fmt.Sprintf("book %s %s", hex.EncodeToString(key), digest(value[used+int(n):])))
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	return p.said
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func (p *tape) click() *events.Click {
	p.clicks++
	p.w.nowMS += p.Int64N(60_000)
	var native id.Click
	binary.BigEndian.PutUint64(native[:], uint64(p.w.nowMS)<<16|7)
	native[15] = byte(p.clicks)
	c := &events.Click{
		ClickId: native.String(), EventMs: p.w.nowMS, ReceivedMs: p.w.nowMS, CampaignId: 7, Campaign: "de-reels-push",
		SourceId: 3, Source: "popwave", OfferId: 2, Offer: "slim-tea", OfferPayoutMicros: 18_400_000, OfferCurrency: "USD",
		OfferPayoutBaseMicros: 18_400_000, Country: "DE", IpClicksPerMinute: 1,
	}
	if p.IntN(6) == 0 {
		c.ClickId, c.Foreign = fmt.Sprint("foreign-", p.clicks), true
	}
	return c
}

// journey is a click, which may come late or never, and postbacks of up to three networks about few transactions of
// it.
func (p *tape) journey() {
	c := p.click()
	comes := []int{0, 0, 0, 2, 100}[p.IntN(5)]
	for i := range 1 + p.IntN(8) {
		if i == comes {
			p.send(schemas.TopicClicks, c)
		}
		p.w.nowMS += p.Int64N(30_000)
		p.receipts++
		pb := &events.Postback{
			ReceiptId: fmt.Sprintf("r%025d", p.receipts-p.IntN(8)/7), ClickId: c.ClickId, Foreign: c.Foreign,
			Network: []string{"usd", "af", ""}[p.IntN(5)%3], Event: []string{"sale", "sale", "lead"}[p.IntN(3)],
			Txid: []string{"", "", "1", "2"}[p.IntN(4)], Status: events.Status(p.IntN(6)), OriginalStatus: "word",
			EventMs: p.w.nowMS, ReceivedMs: p.w.nowMS, MaxConversions: []uint32{0, 1, 2, 1000, 1000}[p.IntN(5)],
			CampaignId: 7, Campaign: "de-reels-push", SourceId: 3, Source: "popwave",
		}
		pb.BlankTxidIsNew = p.IntN(8) == 0
		if p.IntN(3) > 0 {
			pb.HasPayout, pb.PayoutMicros, pb.Currency = true, schemas.Micros*(p.Int64N(8)-2), "USD"
			pb.PayoutBaseMicros = pb.PayoutMicros
		}
		p.send(schemas.TopicPostbacks, pb)
	}
}

// send gives a record to the stages and notes what they make of it.
func (p *tape) send(topic string, m message) {
	if err := p.w.process(topic, m); err != nil {
		p.w.t.Fatal(err)
	}
	for _, o := range p.w.stages.TakeOutputs(nil) {
		line := fmt.Sprintf("%s %s", o.Topic, digest(o.Value))
		if o.Topic == schemas.TopicConversions {
			e := &events.Conversion{}
			if err := e.UnmarshalVT(o.Value); err != nil {
				p.w.t.Fatal(err)
			}
			line += fmt.Sprintf(" %s/%d %s %s %d", e.ConversionId, e.Seq, e.Kind, e.Network, e.RevenueConfirmedDeltaMicros)
		}
		if o.Topic != schemas.TopicDeadLetters { // their words may change, and nothing is decided by them
			p.said = append(p.said, line)
		}
	}
}

type message interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

// held compares lines with a golden file, which it writes before if it is told to.
func held(t *testing.T, name string, lines []string, write bool) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if write {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for i := range min(len(want), len(lines)) {
		if want[i] != lines[i] {
			t.Fatalf("%s, line %d: now %q, it was %q", name, i+1, lines[i], want[i])
		}
	}
	if len(lines) != len(want) {
		t.Fatalf("%s: now %d lines, there were %d", name, len(lines), len(want))
	}
}

// TestEarlierDecisionsStayWhatTheyWere: under each version of the rules the same records come to the same outputs
// and state, byte for byte. The golden file of a version is written once, by the program that had it as its own:
// those of version 0 were written by the last program without versions.
func TestEarlierDecisionsStayWhatTheyWere(t *testing.T) {
	for version := range schemas.Decisions + 1 {
		var all []string
		for seed := range uint64(2) {
			w := newWorld(t, vfs.NewMem())
			w.stages.SetDecisions(version, true)
			all = append(all, play(t, seed, w)...)
		}
		held(t, fmt.Sprintf("decisions-%d.golden", version), all, *update && version == schemas.Decisions)
	}
}

// TestRecordsOfNoCycle: what no cycle tells of is decided as its edge was: one that says how far transaction IDs
// are unique knows networks apart.
func TestRecordsOfNoCycle(t *testing.T) {
	for _, c := range []struct {
		version uint32
		known   bool
		scope   events.TxidScope
		want    uint32
	}{
		{schemas.DecisionsByNetwork, true, events.TxidScope_TXID_SCOPE_UNSPECIFIED, schemas.DecisionsByNetwork},
		{schemas.DecisionsByTransaction, true, events.TxidScope_TXID_SCOPE_NETWORK, schemas.DecisionsByTransaction},
		{schemas.DecisionsByNetwork, false, events.TxidScope_TXID_SCOPE_UNSPECIFIED, schemas.DecisionsByTransaction},
		{schemas.DecisionsByNetwork, false, events.TxidScope_TXID_SCOPE_CLICK, schemas.DecisionsByNetwork},
		{schemas.DecisionsByTransaction, false, events.TxidScope_TXID_SCOPE_CLICK, schemas.DecisionsByTransaction},
	} {
		w := newWorld(t, vfs.NewMem())
		w.stages.SetDecisions(c.version, c.known)
		if got := decisions(w.ctx, &events.Postback{TxidScope: c.scope}); got != c.want {
			t.Errorf("%+v: by version %d", c, got)
		}
	}
}

// TestHowFarATransactionIDIsUnique: an ID that tells apart the conversions of one click alone claims nothing among
// the clicks.
func TestHowFarATransactionIDIsUnique(t *testing.T) {
	for scope, claims := range map[events.TxidScope]bool{
		events.TxidScope_TXID_SCOPE_UNSPECIFIED: true,
		events.TxidScope_TXID_SCOPE_NETWORK:     true,
		events.TxidScope_TXID_SCOPE_CLICK:       false,
	} {
		w := newWorld(t, vfs.NewMem())
		c := w.click(1)
		if err := w.process(schemas.TopicClicks, c); err != nil {
			t.Fatal(err)
		}
		w.stages.DropOutputs()
		var topics []string
		for i, status := range []events.Status{events.Status_STATUS_PENDING, events.Status_STATUS_APPROVED} {
			pb := &events.Postback{
				ReceiptId: fmt.Sprint("r", i), ClickId: c.ClickId, Network: "shop", Event: "sale", Status: status,
				Txid: "SIGNUP", TxidScope: scope, EventMs: c.EventMs + 60_000, ReceivedMs: w.nowMS,
			}
			if err := w.process(schemas.TopicPostbacks, pb); err != nil {
				t.Fatal(err)
			}
			for _, o := range w.stages.TakeOutputs(nil) {
				topics = append(topics, o.Topic)
			}
		}
		want := []string{schemas.TopicConversions, schemas.TopicConversions}
		if claims {
			want = []string{schemas.TopicConversions, schemas.TopicClaims, schemas.TopicConversions}
		}
		if !slices.Equal(topics, want) {
			t.Errorf("%s: %v, want %v", scope, topics, want)
		}
	}
}
