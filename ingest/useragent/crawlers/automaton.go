package crawlers

import (
	"fmt"
	"math"
)

// automaton is an Aho–Corasick automaton (Aho and Corasick 1975) as a table: one look-up a byte,
// whatever the number of needles. Bytes that occur in no needle share a column, so the list takes
// 2.1 MiB; three Go libraries measured on it took 10 to 75 MiB and were no faster.
type automaton struct {
	columns [256]uint8
	width   int
	table   []uint16 // state*width+column → state
	fails   []uint16 // the state of the longest proper ending that begins a needle
	ends    []uint16 // the state itself or the longest ending of it that is a whole needle, 0 if none
	found   [][]int32
}

// newAutomaton builds the table. A blank needle would match everything: it is an error.
func newAutomaton(needles []string) (*automaton, error) {
	a := &automaton{width: 1} // column 0: bytes of no needle
	states := 1
	for _, needle := range needles {
		if needle == "" {
			return nil, fmt.Errorf("building the automaton: a blank needle")
		}
		states += len(needle)
		for i := 0; i < len(needle); i++ {
			if c := &a.columns[needle[i]]; *c == 0 {
				if a.width > math.MaxUint8 {
					return nil, fmt.Errorf("building the automaton: needles use all 256 byte values")
				}
				*c = uint8(a.width)
				a.width++
			}
		}
	}
	if states > math.MaxUint16 {
		return nil, fmt.Errorf("building the automaton: needles of %d bytes together, at most %d fit", states, math.MaxUint16)
	}
	a.grow()
	for i, needle := range needles {
		a.add(needle, int32(i))
	}
	a.connect()
	return a, nil
}

func (a *automaton) next(state uint16, b byte) uint16 {
	return a.table[int(state)*a.width+int(a.columns[b])]
}

// grow appends a state without transitions.
func (a *automaton) grow() uint16 {
	state := uint16(len(a.found))
	a.table = append(a.table, make([]uint16, a.width)...)
	a.found = append(a.found, nil)
	return state
}

func (a *automaton) add(needle string, index int32) {
	state := uint16(0)
	for i := 0; i < len(needle); i++ {
		next := a.next(state, needle[i])
		if next == 0 {
			next = a.grow()
			a.table[int(state)*a.width+int(a.columns[needle[i]])] = next
		}
		state = next
	}
	a.found[state] = append(a.found[state], index)
}

// connect turns the tree into the automaton, nearest states first: where a state has no transition
// it takes the one of its longest ending, which is complete by then.
func (a *automaton) connect() {
	a.fails = make([]uint16, len(a.found))
	a.ends = make([]uint16, len(a.found))
	queue := []uint16{0}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		if a.found[state] != nil {
			a.ends[state] = state
		} else {
			a.ends[state] = a.ends[a.fails[state]]
		}
		for column := 1; column < a.width; column++ {
			cell := &a.table[int(state)*a.width+column]
			var viaEnding uint16
			if state != 0 {
				viaEnding = a.table[int(a.fails[state])*a.width+column]
			}
			if *cell == 0 {
				*cell = viaEnding
				continue
			}
			a.fails[*cell] = viaEnding
			queue = append(queue, *cell)
		}
	}
}
