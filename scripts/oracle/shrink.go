package oracle

import (
	"context"
	"slices"
	"time"
)

// Shrink leaves out inputs and faults of a failing scenario as long as it still fails, within a time. It answers what is left out and
// the last failing result.
func (d *Driver) Shrink(ctx context.Context, seed uint64, within time.Duration) (Options, *Result) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	s := Generate(seed, Options{Without: d.Without, Outbound: d.Outbound})
	var o Options
	var failing *Result
	fails := func(candidate Options) bool {
		r, err := d.One(ctx, seed, candidate)
		if err != nil || len(r.Differences) == 0 {
			return false
		}
		failing = r
		return true
	}
	reduce := func(n int, list func(*Options) *[]int) {
		// Halves, quarters, … single ones.
		for size := (n + 1) / 2; size >= 1 && ctx.Err() == nil; size /= 2 {
			for from := 0; from < n && ctx.Err() == nil; from += size {
				candidate := Options{Inputs: slices.Clone(o.Inputs), Faults: slices.Clone(o.Faults)}
				into := list(&candidate)
				before := len(*into)
				for i := from; i < min(from+size, n); i++ {
					if !slices.Contains(*into, i) {
						*into = append(*into, i)
					}
				}
				if len(*into) > before && fails(candidate) {
					o = candidate
				}
			}
		}
	}
	for range 2 {
		reduce(len(s.Faults), func(o *Options) *[]int { return &o.Faults })
		reduce(len(s.Inputs), func(o *Options) *[]int { return &o.Inputs })
	}
	return o, failing
}
