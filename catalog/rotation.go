package catalog

import "math"

const (
	// MaxRotation is how many offers one list may have.
	MaxRotation = 256
	// maxWeight bounds a weight, so that shares stay what they were declared to be.
	maxWeight = 1_000_000
)

// Rotation is a list of offers with weights. Which one a visitor is sent to depends on nothing but the visitor, the campaign and
// the list: the same visitor gets the same offer on any edge, after any restart, and after a reload that leaves the list alone.
//
// It is weighted rendezvous hashing (Thaler and Ravishankar 1998, weights by -ln(u)/w): when an offer is added, removed or
// weighted anew, only the visitors whose share moved get another offer. An offer that is passed over gives its visitors to the
// others by their weights.
type Rotation struct {
	shares []share
}

type share struct {
	offer *Offer
	// salt is of campaign and offer, so that two campaigns do not split their visitors along the same line.
	salt uint64
	// inverse is 1/weight.
	inverse float64
}

// Tried is a set of positions in a Rotation, empty at first.
type Tried [MaxRotation / 64]uint64

func newRotation(campaign uint32, offers []*Offer, weights []int) *Rotation {
	r := &Rotation{}
	for i, o := range offers {
		if weights[i] > 0 {
			r.shares = append(r.shares, share{offer: o, salt: mix(uint64(campaign)<<32 | uint64(o.ID)), inverse: 1 / float64(weights[i])})
		}
	}
	return r
}

// Pick returns the offer of a visitor among those that were not tried, and marks it as tried; nil when all were. It does not
// allocate.
func (r *Rotation) Pick(visitor uint64, tried *Tried) *Offer {
	best, least := -1, math.Inf(1)
	for i := range r.shares {
		if tried[i/64]&(1<<(i%64)) != 0 {
			continue
		}
		s := &r.shares[i]
		if len(r.shares) == 1 {
			best = i
			break
		}
		// 53 random bits, and a half so that the logarithm is finite.
		u := (float64(mix(visitor^s.salt)>>11) + 0.5) / (1 << 53)
		if score := -math.Log(u) * s.inverse; score < least {
			best, least = i, score
		}
	}
	if best < 0 {
		return nil
	}
	tried[best/64] |= 1 << (best % 64)
	return r.shares[best].offer
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit of the result depends on every bit of x.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
