package dlq

import (
	"slices"
	"strings"
	"time"

	"tributary/cli/misuse"
	"tributary/schemas"
)

// A Selection says which letters, in the words of the command line. Empty members select all; of several values of one member
// a letter must have one.
type Selection struct {
	Reasons, Kinds, Places, Networks, ClickIDs, Letters []string
	// Since and Until bound when the input was received: RFC 3339, a date (its midnight, UTC), "today", or an age such as 2h
	// or 3d. Until itself is excluded.
	Since, Until string
}

// A Filter is a Selection that makes sense.
type Filter struct {
	selection Selection
	// sinceMS and untilMS are 0 for no bound.
	sinceMS, untilMS int64
}

// Parse checks the selection. Errors are misuses (package misuse) and name the nearest right word.
func (s Selection) Parse(now time.Time) (Filter, error) {
	f := Filter{selection: s}
	var reasons []string
	for _, r := range schemas.RejectReasons {
		reasons = append(reasons, string(r.Reason))
	}
	for _, list := range []struct {
		flag         string
		given, known []string
	}{{"--reason", s.Reasons, reasons}, {"--kind", s.Kinds, Kinds}, {"--place", s.Places, Places}} {
		for _, word := range list.given {
			if !slices.Contains(list.known, word) {
				return f, misuse.Errorf("%s %q is unknown; did you mean %q? One of %s", list.flag, word, misuse.Nearest(word, list.known), strings.Join(list.known, ", "))
			}
		}
	}
	var err error
	if f.sinceMS, err = parseTime("--since", s.Since, now); err != nil {
		return f, err
	}
	if f.untilMS, err = parseTime("--until", s.Until, now); err != nil {
		return f, err
	}
	if f.sinceMS > 0 && f.untilMS > 0 && f.sinceMS >= f.untilMS {
		return f, misuse.Errorf("--since %s is not before --until %s: no letter can lie between", s.Since, s.Until)
	}
	return f, nil
}

const day = 24 * time.Hour

func parseTime(flag, text string, now time.Time) (ms int64, err error) {
	if text == "" {
		return 0, nil
	}
	if text == "today" {
		return now.UTC().Truncate(day).UnixMilli(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return max(1, t.UnixMilli()), nil
		}
	}
	age, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		if age, err = time.ParseDuration(days + "h"); err == nil {
			age *= 24
		}
	}
	if err != nil || age < 0 {
		return 0, misuse.Errorf("%s %q is not a time; right would be today, a date such as 2026-01-31, a time such as 2026-01-31T12:00:00Z, or an age such as 90m, 2h or 3d", flag, text)
	}
	return max(1, now.Add(-age).UnixMilli()), nil
}

func (f *Filter) takes(l *Letter) bool {
	e, s := l.Event, &f.selection
	among := func(value string, list []string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return (f.sinceMS == 0 || e.ReceivedMs >= f.sinceMS) && (f.untilMS == 0 || e.ReceivedMs < f.untilMS) &&
		among(e.Reason, s.Reasons) && among(kindWord(e.Kind), s.Kinds) && among(e.Place, s.Places) && among(e.Network, s.Networks) &&
		among(e.ClickId, s.ClickIDs) && among(e.LetterId, s.Letters)
}
