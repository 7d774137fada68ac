package query

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestPrintable holds eight bytes at once against one by one: each byte in each place, and random ones near the borders.
func TestPrintable(t *testing.T) {
	check := func(b []byte) {
		t.Helper()
		want := true
		for _, c := range b {
			want = want && c >= ' ' && c < 0x7f
		}
		if got := printable(binary.LittleEndian.Uint64(b)); got != want {
			t.Fatalf("%x: %v, %v would be right", b, got, want)
		}
	}
	borders := []byte{0, 1, 0x1f, ' ', '!', '~', 0x7e, 0x7f, 0x80, 0x9f, 0xa0, 0xff, 'a'}
	for place := range 8 {
		for c := range 256 {
			for _, others := range borders {
				b := []byte{others, others, others, others, others, others, others, others}
				b[place] = byte(c)
				check(b)
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		b := make([]byte, 8)
		for i := range b {
			b[i] = borders[random.IntN(len(borders))]
		}
		check(b)
	}
}
