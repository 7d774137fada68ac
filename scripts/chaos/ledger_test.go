package main

import (
	"maps"
	"slices"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		want, got            []uint64
		lost, twice, foreign int
		lostOnes, oddOnes    []uint64
	}{
		{nil, nil, 0, 0, 0, nil, nil},
		{[]uint64{1, 2, 3}, []uint64{1, 2, 3}, 0, 0, 0, nil, nil},
		{[]uint64{1, 2, 3}, []uint64{2}, 2, 0, 0, []uint64{1, 3}, nil},
		{[]uint64{1, 2, 3}, []uint64{1, 2, 2, 2, 3, 3}, 0, 3, 0, nil, []uint64{2, 3}},
		{[]uint64{2}, []uint64{1, 2, 3}, 0, 0, 2, nil, []uint64{1, 3}},
		{[]uint64{1, 4}, []uint64{2, 4, 4}, 1, 1, 1, []uint64{1}, []uint64{2, 4}},
	} {
		v := &verdict{}
		lost, odd := v.match(c.want, c.got)
		if v.lost != c.lost || v.twice != c.twice || v.foreign != c.foreign ||
			!slices.Equal(slices.Sorted(maps.Keys(lost)), c.lostOnes) || !slices.Equal(slices.Sorted(maps.Keys(odd)), c.oddOnes) {
			t.Errorf("%v against %v: %+v, %v, %v", c.want, c.got, v, lost, odd)
		}
		if v.right() != (c.lost+c.twice+c.foreign == 0) {
			t.Errorf("%v against %v is called right", c.want, c.got)
		}
	}
}
