package state

const arenaChunkBytes = 256 << 10

// arena hands out memory that lives until reset. It keeps a few chunks for the next cycle.
type arena struct {
	chunks [][]byte
	next   int // chunks[next] is the one being filled
}

const arenaChunksKept = 64

// copy answers a copy of b.
func (a *arena) copy(b []byte) []byte {
	dst := a.alloc(len(b))
	copy(dst, b)
	return dst
}

func (a *arena) alloc(n int) []byte {
	if n > arenaChunkBytes/4 {
		return make([]byte, n)
	}
	for {
		if a.next == len(a.chunks) {
			a.chunks = append(a.chunks, make([]byte, 0, arenaChunkBytes))
		}
		c := a.chunks[a.next]
		if len(c)+n <= cap(c) {
			a.chunks[a.next] = c[:len(c)+n]
			return c[len(c) : len(c)+n : len(c)+n]
		}
		a.next++
	}
}

func (a *arena) reset() {
	if len(a.chunks) > arenaChunksKept {
		clear(a.chunks[arenaChunksKept:])
		a.chunks = a.chunks[:arenaChunksKept]
	}
	for i := range a.chunks {
		a.chunks[i] = a.chunks[i][:0]
	}
	a.next = 0
}
