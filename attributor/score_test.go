package attributor

import (
	"fmt"
	"slices"
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

func codes(reasons []*events.Reason) (out []string) {
	for _, r := range reasons {
		out = append(out, r.Code)
	}
	return out
}

func TestScoreJoinsFamilies(t *testing.T) {
	r := func(code string, points uint32) *events.Reason { return &events.Reason{Code: code, Points: points} }
	for _, c := range []struct {
		reasons []*events.Reason
		want    uint32
	}{
		{nil, 0},
		{[]*events.Reason{r(schemas.SignalUABot, 90)}, 90},
		{[]*events.Reason{r(schemas.SignalCTITFast, 60), r(schemas.SignalTSOrder, 90)}, 90},
		{[]*events.Reason{r(schemas.SignalCTITFast, 60), r(schemas.SignalIPRate, 60)}, 84},
		{[]*events.Reason{r(schemas.SignalDup, 60), r(schemas.SignalPBFake, 60)}, 60},
		{[]*events.Reason{r(schemas.SignalPBFake, 100), r(schemas.SignalUABot, 90)}, 100},
		{[]*events.Reason{r("OF_YOUR_OWN", 50), r("ANOTHER", 50)}, 75},
	} {
		if got := Score(c.reasons); got != c.want {
			t.Errorf("%v: %d, want %d", codes(c.reasons), got, c.want)
		}
	}
}

func TestClickSignals(t *testing.T) {
	s := DefaultScoring()
	for name, c := range map[string]struct {
		change func(*events.Click)
		want   []string
		flag   bool
	}{
		"a person":          {func(*events.Click) {}, nil, false},
		"a listed bot":      {func(c *events.Click) { c.Bot = "Googlebot" }, []string{schemas.SignalUABot}, true},
		"60 clicks":         {func(c *events.Click) { c.IpClicksPerMinute = 60 }, nil, false},
		"61 clicks":         {func(c *events.Click) { c.IpClicksPerMinute = 61 }, []string{schemas.SignalIPRate}, true},
		"a bot that floods": {func(c *events.Click) { c.Bot = "x"; c.IpClicksPerMinute = 900 }, []string{schemas.SignalUABot, schemas.SignalIPRate}, true},
	} {
		click := testClick()
		c.change(click)
		score, reasons := ScoreClick(click, &s)
		if !slices.Equal(codes(reasons), c.want) || (score >= schemas.FlagScore) != c.flag {
			t.Errorf("%s: score %d for %v, want %v", name, score, codes(reasons), c.want)
		}
		if rows := ClickAnomalies(click, score, reasons); len(rows) != len(reasons) {
			t.Errorf("%s: %d anomalies of %d reasons", name, len(rows), len(reasons))
		}
	}
	clean := testClick()
	if n := testing.AllocsPerRun(100, func() { ScoreClick(clean, &s) }); n != 0 {
		t.Errorf("scoring an unsuspicious click allocates %v times", n)
	}
}

// convert feeds n conversions of one source, each ctitMS after its click, and answers the entry of the last.
func convert(t *testing.T, stats *state.SourceStats, n int, ctitMS int64) *events.Conversion {
	t.Helper()
	var e *events.Conversion
	for i := range n {
		pb := post(fmt.Sprintf("approved t%d 1", i))
		pb.EventMs = clickMS + ctitMS
		out := Attribute(Input{pb, testClick(), &state.Book{}, stats, schemas.Decisions}, &rules)
		if out.Entry == nil {
			t.Fatal(out.Detail)
		}
		e = out.Entry
	}
	return e
}

func TestFastConversions(t *testing.T) {
	stats := &state.SourceStats{}
	if e := convert(t, stats, minFastConversions-1, 900); e.Score != 0 {
		t.Errorf("flagged on %d conversions: %v", minFastConversions-1, e.Reasons)
	}
	e := convert(t, stats, 1, 900)
	if !slices.Equal(codes(e.Reasons), []string{schemas.SignalCTITFast}) || e.FlaggedDelta != 1 || e.Reasons[0].Llr < ActLLR || e.Reasons[0].N != minFastConversions {
		t.Errorf("a source of fast conversions: score %d %v", e.Score, e.Reasons)
	}
	if e := convert(t, stats, 1, 5*60_000); e.Score != 0 {
		t.Errorf("a slow conversion of the same source is scored for the others: %v", e.Reasons)
	}
	convert(t, stats, 1000, 5*60_000)
	if e := convert(t, stats, 1, 900); e.Score != 0 {
		t.Errorf("one fast conversion after a thousand slow ones: %v", e.Reasons)
	}
}

func TestConversionBeforeItsClick(t *testing.T) {
	stats := &state.SourceStats{}
	if e := convert(t, stats, 1, -rules.Scoring.ClockSkewMS); e.Score != 0 {
		t.Errorf("within the clocks' difference: %v", e.Reasons)
	}
	if e := convert(t, stats, 1, -rules.Scoring.ClockSkewMS-1); !slices.Equal(codes(e.Reasons), []string{schemas.SignalTSOrder}) || e.FlaggedDelta != 1 {
		t.Errorf("before its click: %v", e.Reasons)
	}
}

func TestUnknownClicks(t *testing.T) {
	stats := &state.SourceStats{}
	unknown := func(i int) *events.Conversion {
		return Attribute(Input{post(fmt.Sprintf("approved u%d 1", i)), nil, &state.Book{}, stats, schemas.Decisions}, &rules).Entry
	}
	convert(t, stats, 200, hourMS)
	for i := range 4 {
		if e := unknown(i); e.Score != 0 {
			t.Fatalf("%d unknown of 200: %v", i+1, e.Reasons)
		}
	}
	if e := unknown(4); !slices.Equal(codes(e.Reasons), []string{schemas.SignalPBFake}) {
		t.Errorf("5 unknown of 205: %v", e.Reasons)
	}
}

func TestClaims(t *testing.T) {
	first := Attribute(Input{post("approved t1 5"), testClick(), &state.Book{}, &state.SourceStats{}, schemas.Decisions}, &rules).Entry
	other := post("approved t1 5")
	other.ClickId = "another click"
	second := Attribute(Input{other, testClick(), &state.Book{}, &state.SourceStats{}, schemas.Decisions}, &rules).Entry

	holder, e := CheckClaim(nil, &events.Claim{Conversion: first})
	if e != nil || holder.ClickId != ourIDText {
		t.Fatalf("the first use: %v %v", holder, e)
	}
	if holder, e = CheckClaim(holder, &events.Claim{Conversion: first}); e != nil {
		t.Errorf("the same conversion again: %v", e)
	}
	holder, e = CheckClaim(holder, &events.Claim{Conversion: second})
	if e == nil || holder.ClickId != ourIDText {
		t.Fatalf("another click with the same transaction ID is not found")
	}
	if e.Kind != events.Conversion_KIND_RESCORED || e.FlaggedDelta != 1 || !slices.Equal(codes(e.Reasons), []string{schemas.SignalDup}) || e.ConversionId != second.ConversionId {
		t.Errorf("%v", e)
	}
	if e.ConversionsDelta != 0 || e.RevenueConfirmedDeltaMicros != 0 || e.ApprovedDelta != 0 {
		t.Errorf("a new score changes money: %v", e)
	}
	if rows := Anomalies(e); len(rows) != 1 || rows[0].Reason.Code != schemas.SignalDup {
		t.Errorf("anomalies of it: %v", rows)
	}
}

func BenchmarkAttribute(b *testing.B) {
	click, pb, book, stats := testClick(), post("approved t1 10"), &state.Book{}, &state.SourceStats{}
	b.ReportAllocs()
	for b.Loop() {
		book.Items = book.Items[:0]
		Attribute(Input{pb, click, book, stats, schemas.Decisions}, &rules)
	}
}

func BenchmarkScoreClick(b *testing.B) {
	click, s := testClick(), DefaultScoring()
	b.ReportAllocs()
	for b.Loop() {
		ScoreClick(click, &s)
	}
}

// TestANewSignal counts the places: its declaration in schemas/signals.go, and the rule that finds it. Its family is
// from the declaration, as the dictionary is.
func TestANewSignal(t *testing.T) {
	was := schemas.Signals
	defer func() { schemas.Signals = was }()
	schemas.Signals = append(slices.Clone(was), schemas.SignalInfo{Code: "NEW", Family: "timing", Means: "something new"})
	found := func(code string, points uint32) *events.Reason { return &events.Reason{Code: code, Points: points} }
	if got := Score([]*events.Reason{found("NEW", 60), found(schemas.SignalTSOrder, 90)}); got != 90 {
		t.Errorf("beside a stronger one of its family: %d, 90 would be right", got)
	}
	if got := Score([]*events.Reason{found("NEW", 60), found(schemas.SignalIPRate, 50)}); got != 80 {
		t.Errorf("beside one of another family: %d, 80 would be right", got)
	}
}

// TestSignals: each is declared once, with its family and its meaning.
func TestSignals(t *testing.T) {
	seen := map[string]bool{"": true}
	for _, s := range schemas.Signals {
		if seen[s.Code] || s.Family == "" || s.Means == "" {
			t.Errorf("%+v is there twice, or says nothing", s)
		}
		seen[s.Code] = true
	}
	if len(schemas.Signals) < 6 || !seen[schemas.SignalTSOrder] || !seen[schemas.SignalPBFake] {
		t.Errorf("they are %v", schemas.Signals)
	}
}
