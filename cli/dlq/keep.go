package dlq

import (
	"container/heap"
	"slices"
)

const (
	// MaxLetters bounds how many letters are held at once.
	MaxLetters = 100_000
	// maxHeldBytes bounds what they hold.
	maxHeldBytes = 256 << 20
)

// keeper holds the newest, or the oldest, letters of those it is given.
type keeper struct {
	limit  int
	newest bool
	bytes  int
	// dropped were too many.
	dropped int64
	held    []*Letter
}

func (k *keeper) Len() int           { return len(k.held) }
func (k *keeper) Less(i, j int) bool { return k.held[i].before(k.held[j]) == k.newest }
func (k *keeper) Swap(i, j int)      { k.held[i], k.held[j] = k.held[j], k.held[i] }
func (k *keeper) Push(x any)         { k.held = append(k.held, x.(*Letter)) }
func (k *keeper) Pop() any {
	last := k.held[len(k.held)-1]
	k.held[len(k.held)-1] = nil
	k.held = k.held[:len(k.held)-1]
	return last
}

func (k *keeper) add(l *Letter) {
	heap.Push(k, l)
	k.bytes += l.size()
	for len(k.held) > k.limit || k.bytes > maxHeldBytes && len(k.held) > 1 {
		k.bytes -= heap.Pop(k).(*Letter).size()
		k.dropped++
	}
}

// sorted gives the letters away, oldest first.
func (k *keeper) sorted() []*Letter {
	slices.SortFunc(k.held, func(a, b *Letter) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	return k.held
}
