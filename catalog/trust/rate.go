package trust

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Rate is a token bucket: burst requests at once, filled again at perSecond. The zero Rate has no limit.
type Rate struct {
	interval time.Duration
	burst    time.Duration // interval times the requests that fit
}

// NewRate makes a Rate of perSecond (0 for no limit) and burst, at least 1.
func NewRate(perSecond, burst int) Rate {
	if perSecond <= 0 {
		return Rate{}
	}
	interval := time.Second / time.Duration(perSecond)
	return Rate{interval: interval, burst: interval * time.Duration(max(burst, 1))}
}

func (r Rate) limited() bool { return r.interval > 0 }

// take is one step of the generic cell rate algorithm (ITU-T I.371, annex A), a token bucket in one number: fullNS is when
// the bucket would be full again. wait is 0 when the request fits.
func (r Rate) take(fullNS, nowNS int64) (nextNS int64, wait time.Duration) {
	// A clock that was set back must not close the bucket for as long as it went back.
	fullNS = min(max(fullNS, nowNS), nowNS+int64(r.burst))
	if next := fullNS + int64(r.interval); next <= nowNS+int64(r.burst) {
		return next, 0
	}
	return fullNS, time.Duration(fullNS + int64(r.interval) - nowNS - int64(r.burst))
}

// bucket is one Rate's state, without a lock.
type bucket struct{ fullNS atomic.Int64 }

func (b *bucket) take(r Rate, nowNS int64) (wait time.Duration) {
	if !r.limited() {
		return 0
	}
	for {
		old := b.fullNS.Load()
		next, wait := r.take(old, nowNS)
		if next == old || b.fullNS.CompareAndSwap(old, next) {
			return wait
		}
	}
}

const (
	ways     = 4
	setBits  = 14
	sets     = 1 << setBits
	lockBits = 6
	// ipv6Bits is what one IPv6 customer has at least: addresses within it are one sender.
	ipv6Bits = 64
)

// addresses are the buckets of client addresses in a table of fixed size: 65,536 entries of 16 bytes, 1 MiB. Each address has
// one set of four entries. Where more than four of a set are busy the least busy one is forgotten: under an attack from very
// many addresses a limit may be too generous, and nobody is refused for what another one sent.
type addresses struct {
	seed  maphash.Seed
	locks [1 << lockBits]sync.Mutex
	table [sets][ways]struct {
		hash   uint64
		fullNS int64
	}
}

func newAddresses() *addresses { return &addresses{seed: maphash.MakeSeed()} }

// PerAddress bounds what each client address does, in 1 MiB however many there are. Nil has no bound. It is safe for concurrent
// use.
type PerAddress struct {
	rate  Rate
	table *addresses
}

// NewPerAddress makes a bound of perSecond (0 for none) and burst for each address; of IPv6, for each /64.
func NewPerAddress(perSecond, burst int) *PerAddress {
	rate := NewRate(perSecond, burst)
	if !rate.limited() {
		return nil
	}
	return &PerAddress{rate: rate, table: newAddresses()}
}

// Take counts one more of the client's and answers 0, or how long until one fits, which is not counted.
func (p *PerAddress) Take(client netip.Addr, now time.Time) (wait time.Duration) {
	if p == nil {
		return 0
	}
	return p.table.take(p.rate, client, now.UnixNano())
}

func (a *addresses) take(r Rate, addr netip.Addr, nowNS int64) (wait time.Duration) {
	bytes := addr.Unmap().As16()
	if !addr.Unmap().Is4() {
		clear(bytes[ipv6Bits/8:])
	}
	hash := maphash.Bytes(a.seed, bytes[:])
	at := hash & (sets - 1)
	lock := &a.locks[at>>(setBits-lockBits)]
	lock.Lock()
	defer lock.Unlock()
	set := &a.table[at]
	entry := &set[0]
	for i := range set {
		if set[i].hash == hash {
			entry = &set[i]
			break
		}
		if set[i].fullNS < entry.fullNS {
			entry = &set[i]
		}
	}
	if entry.hash != hash {
		entry.hash, entry.fullNS = hash, 0
	}
	entry.fullNS, wait = r.take(entry.fullNS, nowNS)
	return wait
}
