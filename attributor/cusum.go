package attributor

import "math"

// cusum is a one-sided Bernoulli CUSUM (Page 1954): it sums the log-likelihood ratio of "rate p1" against "rate p0" over
// the observations, never below zero. With a threshold h the average number of clean observations before a false alarm is at least
// e^h, however often one looks: 9.2 gives 10,000, 13.8 gives 1,000,000.
type cusum struct{ hit, miss float64 }

func newCUSUM(p0, p1 float64) cusum {
	return cusum{hit: math.Log(p1 / p0), miss: math.Log((1 - p1) / (1 - p0))}
}

// add answers the sum after one more observation, held within [0, ceiling] so that a source which mends its ways is clean
// again after a bounded number of observations.
func (c cusum) add(sum float64, hit bool, ceiling float64) float64 {
	if hit {
		sum += c.hit
	} else {
		sum += c.miss
	}
	return min(max(sum, 0), ceiling)
}
