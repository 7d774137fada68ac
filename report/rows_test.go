package report

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestRowsHaveTheScope: each kind of rows is asked for with the scope of who asks, or not at all.
func TestRowsHaveTheScope(t *testing.T) {
	scope := Scope{Campaigns: []uint32{7}, Buyers: []string{"an'na", ""}}
	for _, kind := range Logs {
		text, columns, err := (&RowQuestion{Kind: kind, Limit: 10, Scope: Everything}).sql()
		if err != nil || !strings.Contains(text, "WHERE 1\n") || len(columns) < 5 {
			t.Errorf("%s: %v\n%s", kind, err, text)
		}
		for _, c := range columns {
			if c == "ip" || strings.HasPrefix(c, "_") {
				t.Errorf("%s shows %s", kind, c)
			}
		}
		if text, _, err = (&RowQuestion{Kind: kind, Limit: 10}).sql(); err == nil && !strings.Contains(text, "WHERE 0\n") {
			t.Errorf("%s: a scope of nothing asks\n%s", kind, text)
		}
		text, _, err = (&RowQuestion{Kind: kind, Limit: 10, Scope: scope}).sql()
		switch {
		case errors.Is(err, ErrScope):
			if kind == "clicks" || kind == "conversions" {
				t.Errorf("%s has no scope", kind)
			}
		case err != nil || !strings.Contains(text, "campaign_id IN (7)"):
			t.Errorf("%s: %v\n%s", kind, err, text)
		}
	}
	for name, q := range map[string]RowQuestion{
		"no kind": {Kind: "system.users", Limit: 1}, "no limit": {Kind: "clicks"}, "too many": {Kind: "clicks", Limit: MaxLogRows + 1},
		"a column that is none": {Kind: "clicks", Limit: 1, Where: []Filter{{Dimension: "1=1 OR click_id", Op: Is, Values: []string{"x"}}}},
		"an address":            {Kind: "clicks", Limit: 1, Where: []Filter{{Dimension: "ip", Op: Like, Values: []string{"1%"}}}},
		"an op":                 {Kind: "clicks", Limit: 1, Where: []Filter{{Dimension: "click_id", Op: "= '' OR", Values: []string{"x"}}}},
		"no value":              {Kind: "clicks", Limit: 1, Where: []Filter{{Dimension: "click_id", Op: Is}}},
		"a place":               {Kind: "clicks", Limit: 1, Before: "1) OR (1"},
	} {
		q.Scope = Everything
		if text, _, err := q.sql(); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	q := RowQuestion{Kind: "clicks", Limit: 1, Scope: scope, Addresses: true, Before: "5.1.9", Period: Period{From: time.UnixMilli(1), To: time.UnixMilli(2)},
		Where: []Filter{{Dimension: "sub1", Op: Is, Values: []string{`x' OR 1=1 --\`}}}}
	text, columns, err := q.sql()
	for _, part := range []string{`sub1 IN ('x\' OR 1=1 --\\')`, `buyer IN ('an\'na')`, "(received_at, _partition, _offset) < (fromUnixTimestamp64Milli(5, 'UTC'), 1, 9)", "LIMIT 2"} {
		if err != nil || !strings.Contains(text, part) {
			t.Errorf("%v: no %s in\n%s", err, part, text)
		}
	}
	if !strings.Contains(strings.Join(columns, " ")+" ", " ip ") {
		t.Errorf("whoever may see addresses does not: %v", columns)
	}
}
