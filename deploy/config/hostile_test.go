package config

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

// TestHostileFiles: a file that was made to take memory or time is refused before it does, in few words.
func TestHostileFiles(t *testing.T) {
	var unknown strings.Builder
	for range 100_000 {
		unknown.WriteString("? {a: b}\n: 1\n")
	}
	for name, c := range map[string]struct {
		content, want string
		mib           uint64 // what reading it may allocate
	}{
		"200,000 aliases":      {"log: &a {level: info}\nkafka:\n  brokers:\n" + strings.Repeat("    - *a\n", 200_000), "aliases (*a) are not supported", 200},
		"aliases of aliases":   {"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\nkafka: {brokers: *d}", "aliases (*d) are not supported", 20},
		"millions of nodes":    {"kafka: {brokers: [" + strings.Repeat("1,", 15_000_000) + "1]}", "is it the right file?", 300},
		"millions of dashes":   {"kafka:\n  brokers:\n" + strings.Repeat("  - - - - - - - - a\n", 500_000), "is it the right file?", 200},
		"deep":                 {"kafka: " + strings.Repeat("[", 1_000_000), "depth", 100},
		"unknown keys":         {strings.Repeat("nothing: 1\n", 300_000), "there may be more", 400},
		"keys that are none":   {unknown.String(), "there may be more", 400},
		"wrong values":         {"kafka: {brokers: [" + strings.Repeat("{a: b},", 200_000) + "]}", "there may be more", 400},
		"thousands of sources": {"catalog: {base_currency: USD, sources: [" + strings.Repeat("{id: 1, name: x},", 20_000) + "]}", "there may be more", 300},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.content)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(Sources{File: path, Sections: []string{SectionCatalog}})
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.300v, want %q", err, c.want)
			}
			var problems Problems
			if errors.As(err, &problems) && len(problems) > maxProblems+1 {
				t.Errorf("%d problems are listed", len(problems))
			}
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > c.mib {
				t.Errorf("reading it allocated %d MiB, at most %d would be right", took, c.mib)
			}
		})
	}
}

// TestLargestCatalogFits: the limit of signs leaves room for as many campaigns as there may be.
func TestLargestCatalogFits(t *testing.T) {
	const line = "    - {id: 12345, name: summer-2026-de, offers: [casino-de, casino-at], cost: \"0.02\", currency: USD, source: pushads, time_zone: Europe/Berlin}\n"
	if n := signs([]byte(strings.Repeat(line, 65_536))); n > maxSigns {
		t.Errorf("a catalog of 65,536 campaigns has %d signs, more than %d", n, maxSigns)
	}
}
