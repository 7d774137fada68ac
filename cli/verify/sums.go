package verify

import "github.com/cespare/xxhash/v2"

// buckets is how many parts a set is compared in: a difference makes only its part be read again.
const buckets = 1 << 14

// A multiset is the fingerprint of many IDs: for each part, how many, and the sum of their hashes. Two equal fingerprints
// belong to equal multisets but for one chance in 2^64 a part; adding is order-free, so partitions can be read in any order.
type multiset struct {
	count [buckets]int64
	sum   [buckets]uint64
}

func bucketOf(hash uint64) int { return int(hash >> (64 - 14)) }

func bucketOfID(id string) int { return bucketOf(xxhash.Sum64String(id)) }

func (m *multiset) add(id string) {
	hash := xxhash.Sum64String(id)
	b := bucketOf(hash)
	m.count[b]++
	m.sum[b] += hash
}

func (m *multiset) merge(o *multiset) {
	for b := range buckets {
		m.count[b] += o.count[b]
		m.sum[b] += o.sum[b]
	}
}

// unequal answers the parts in which m is not a and b together.
func (m *multiset) unequal(a, b *multiset) map[int]bool {
	out := map[int]bool{}
	for i := range buckets {
		if m.count[i] != a.count[i]+b.count[i] || m.sum[i] != a.sum[i]+b.sum[i] {
			out[i] = true
		}
	}
	return out
}

// chunkOffsets is how many offsets of a partition are compared with the table at once.
const chunkOffsets = 65_536

type chunkKey struct {
	partition int
	chunk     int64
}

// chunk is the fingerprint of the rows of a range of offsets.
type chunk struct {
	rows int64
	sum  uint64
}
