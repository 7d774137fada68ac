package main

import (
	"math/rand/v2"
	"strings"
	"time"
)

// A fault is one line of the plan.
type fault struct {
	at     time.Duration // from the start of the load
	kind   string
	target string
	// lasts is how long it stays; of a kill, how long the process stays away.
	lasts  time.Duration
	toxic  toxic
	amount time.Duration // of a delay or a clock step
}

// A kind is something that can be done, as often as its weight says among the others.
type kind struct {
	name    string
	weight  int
	targets []string
	// short and long bound how long it lasts; one in five lasts long.
	short, long time.Duration
}

// plan draws the faults of a run.
func plan(seed uint64, length, gap time.Duration, kinds []kind, only string) []fault {
	random := rand.New(rand.NewPCG(seed, 0x6368616f73))
	var chosen []kind
	total := 0
	for _, k := range kinds {
		if len(k.targets) > 0 && (only == "" || matches(k.name, only)) {
			chosen = append(chosen, k)
			total += k.weight
		}
	}
	var out []fault
	if total == 0 {
		return nil
	}
	for at := time.Duration(float64(gap) * random.ExpFloat64()); at < length; at += time.Duration(float64(gap) * random.ExpFloat64()) {
		n := random.IntN(total)
		i := 0
		for n >= chosen[i].weight {
			n -= chosen[i].weight
			i++
		}
		k := &chosen[i]
		f := fault{at: at, kind: k.name, target: k.targets[random.IntN(len(k.targets))]}
		if random.IntN(5) == 0 {
			f.lasts = k.short + time.Duration(random.Float64()*float64(k.long-k.short))
		} else {
			f.lasts = time.Duration(random.Float64() * float64(k.short))
		}
		f.lasts = max(f.lasts, 50*time.Millisecond).Round(time.Millisecond)
		f.toxic = toxic(1 + random.IntN(int(halfClose)))
		f.amount = time.Duration(20+random.IntN(280)) * time.Millisecond
		if k.name == kindClock {
			f.amount = time.Duration((2*random.Float64() - 1) * float64(maxStep)).Round(time.Second)
		}
		out = append(out, f)
	}
	return out
}

func matches(name, words string) bool {
	for word := range strings.SplitSeq(words, ",") {
		if strings.Contains(name, strings.TrimSpace(word)) {
			return true
		}
	}
	return false
}
