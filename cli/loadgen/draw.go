package loadgen

import (
	"math"
	"math/rand/v2"
	"sort"
)

// weighted draws values by weight.
type weighted[T any] struct {
	values []T
	sums   []float64
}

func (w *weighted[T]) add(value T, weight float64) {
	sum := weight
	if len(w.sums) > 0 {
		sum += w.sums[len(w.sums)-1]
	}
	w.values, w.sums = append(w.values, value), append(w.sums, sum)
}

func (w *weighted[T]) draw(random *rand.Rand) T {
	x := random.Float64() * w.sums[len(w.sums)-1]
	return w.values[min(sort.SearchFloat64s(w.sums, x), len(w.values)-1)]
}

// newZipf weighs n ranks by 1/rank^s. math/rand's own Zipf needs s > 1, which is steeper than traffic is.
func newZipf(n int, s float64) *weighted[int] {
	w := &weighted[int]{}
	for rank := range n {
		w.add(rank, math.Pow(float64(rank+1), -s))
	}
	return w
}
