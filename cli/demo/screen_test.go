package demo

import (
	"strings"
	"testing"

	"tributary/schemas"
)

func some() *figures {
	share, epc, roi := .78, 1.25, .5
	f := &figures{total: line{clicks: 300}}
	for i, name := range []string{"push-harbor", "turbo-pops", "quiet-one"} {
		l := line{name: name, clicks: int64(100 - i), epc: &epc, roi: &roi}
		if i == 1 {
			l.flaggedShare, l.flagged, l.topReason = &share, 40, schemas.SignalCTITFast
		}
		f.sources = append(f.sources, l)
		f.campaigns = append(f.campaigns, line{name: "campaign-" + name})
	}
	return f
}

func TestTheSuspiciousSourceIsMarkedWithItsReason(t *testing.T) {
	s := &screen{}
	p := s.picture(some(), "USD", "status", []string{"below"})
	for _, want := range []string{"campaign-push-harbor", "!! CTIT_FAST", "!! turbo-pops: 78 %", "faster after the click", "below", "1.2500", "+50 %"} {
		if !strings.Contains(p, want) {
			t.Errorf("no %q in\n%s", want, p)
		}
	}
	if strings.Contains(p, "\x1b") {
		t.Error("escape sequences where no terminal is")
	}
	s.Colour = true
	if !strings.Contains(s.picture(some(), "USD", "status", nil), "\x1b[") {
		t.Error("no colour on a terminal")
	}
}

func TestThePictureFitsTheTerminal(t *testing.T) {
	for _, height := range []int{24, 30, 50, 0} {
		s := &screen{Terminal: Terminal{Live: true, Width: 100, Height: height}}
		p := s.picture(some(), "USD", "status", []string{strings.Repeat("x", 250)})
		if height > 0 && s.lines(p) >= height {
			t.Errorf("%d lines on a terminal of %d", s.lines(p), height)
		}
		if !strings.Contains(p, "turbo-pops") {
			t.Errorf("height %d: the suspicious source is not shown", height)
		}
	}
	s := &screen{Terminal: Terminal{Width: 10}}
	if n := s.lines("0123456789\n01234567890\n\n"); n != 4 {
		t.Errorf("%d lines, want 4: the second wraps", n)
	}
}

func TestFunnelsAreShownWhereThereAreAny(t *testing.T) {
	s := &screen{}
	if p := s.picture(some(), "USD", "status", nil); strings.Contains(p, "CTR │") {
		t.Errorf("columns with nothing to show:\n%s", p)
	}
	f := some()
	ctr, page, senseless := .114, .4321, 3.5
	f.campaigns[1].ctr, f.campaigns[2].pageCTR, f.sources[0].ctr = &ctr, &page, &senseless
	p := s.picture(f, "USD", "status", nil)
	for campaign, want := range map[string]string{"campaign-turbo-pops": "11.4 %", "campaign-quiet-one": "43.2 %"} {
		found := false
		for line := range strings.Lines(p) {
			found = found || strings.Contains(line, campaign) && strings.Contains(line, want)
		}
		if !found {
			t.Errorf("no line with %s and %s in\n%s", campaign, want, p)
		}
	}
	if strings.Contains(p, "350.0 %") {
		t.Errorf("a source's clicks of all campaigns over the impressions of some:\n%s", p)
	}
	for _, width := range []int{90, 140} {
		narrow := &screen{Terminal: Terminal{Live: true, Width: width}}
		if shown := strings.Contains(narrow.picture(f, "USD", "status", nil), "CTR │"); shown != (width == 140) {
			t.Errorf("CTR on a terminal of %d: %v", width, shown)
		}
	}
	if strings.Count(p, "LP CTR") != 1 {
		t.Errorf("want the columns in the table of campaigns only:\n%s", p)
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		share float64
		want  string
	}{{-.0049, "0 %"}, {.0049, "0 %"}, {0, "0 %"}, {-.0051, "-1 %"}, {1.54, "+154 %"}} {
		if got := percent(&c.share); got != c.want {
			t.Errorf("%v is written %q, not %q", c.share, got, c.want)
		}
	}
	if got := percent(nil); got != "–" {
		t.Errorf("no cost is written %q", got)
	}
}
