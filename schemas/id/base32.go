package id

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const invalid = 0xff

// decodeTable maps a byte of text to its 5 bits, or to invalid.
var decodeTable = func() (t [256]byte) {
	for i := range t {
		t[i] = invalid
	}
	for i := range len(alphabet) {
		c := alphabet[i]
		t[c] = byte(i)
		if c >= 'a' {
			t[c-'a'+'A'] = byte(i)
		}
	}
	for _, alias := range []struct{ from, to byte }{{'i', 1}, {'I', 1}, {'l', 1}, {'L', 1}, {'o', 0}, {'O', 0}} {
		t[alias.from] = alias.to
	}
	return t
}()

// encode writes src as base 32 into dst, which is exactly ceil(len(src)*8/5) bytes. Left-over bits of the last
// character are zero.
func encode(dst, src []byte) {
	var acc uint32
	bits, d := 0, 0
	for _, b := range src {
		acc = acc<<8 | uint32(b)
		for bits += 8; bits >= 5; d++ {
			bits -= 5
			dst[d] = alphabet[acc>>bits&31]
		}
	}
	if bits > 0 {
		dst[d] = alphabet[acc<<(5-bits)&31]
	}
}

// decode reads base 32 text of exactly ceil(len(dst)*8/5) bytes into dst. It answers the index of the first character
// that cannot be read, or -1. Left-over bits of the last character must be zero, so that a value has one text.
func decode(dst []byte, src []byte) int {
	var acc uint32
	bits, d := 0, 0
	for i, c := range src {
		v := decodeTable[c]
		if v == invalid {
			return i
		}
		acc = acc<<5 | uint32(v)
		if bits += 5; bits >= 8 {
			bits -= 8
			dst[d] = byte(acc >> bits)
			d++
		}
	}
	if bits > 0 && acc&(1<<bits-1) != 0 {
		return len(src) - 1
	}
	return -1
}
