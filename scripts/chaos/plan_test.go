package main

import (
	"slices"
	"testing"
	"time"
)

func TestPlan(t *testing.T) {
	kinds := []kind{
		{"often", 9, []string{"a", "b"}, time.Second, 5 * time.Second},
		{"seldom", 1, []string{"c"}, time.Second, 5 * time.Second},
		{"nobody", 5, nil, time.Second, 5 * time.Second},
	}
	faults := plan(7, time.Hour, time.Second, kinds, "")
	if !slices.Equal(faults, plan(7, time.Hour, time.Second, kinds, "")) {
		t.Error("one seed makes two plans")
	}
	if slices.Equal(faults, plan(8, time.Hour, time.Second, kinds, "")) {
		t.Error("two seeds make one plan")
	}
	if len(faults) < 3000 || len(faults) > 4200 {
		t.Errorf("%d faults in an hour at a mean gap of 1 s", len(faults))
	}
	counts := map[string]int{}
	last := time.Duration(0)
	for _, f := range faults {
		counts[f.kind]++
		if f.at < last || f.at >= time.Hour || f.lasts <= 0 || f.lasts > 5*time.Second || f.toxic == clean {
			t.Fatalf("%+v after %v", f, last)
		}
		last = f.at
	}
	if counts["nobody"] > 0 || counts["seldom"] < len(faults)/20 || counts["seldom"] > len(faults)/5 {
		t.Errorf("%v, want nine to one", counts)
	}
	for _, f := range plan(7, time.Minute, time.Second, kinds, "eld, else") {
		if f.kind != "seldom" {
			t.Errorf("%s was drawn, which was not asked for", f.kind)
		}
	}
	if got := plan(7, time.Minute, time.Second, kinds, "nothing"); got != nil {
		t.Errorf("%d faults of no kind", len(got))
	}
}
