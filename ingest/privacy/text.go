package privacy

import (
	"bytes"
	"net/netip"
	"strings"

	"tributary/catalog/query"
)

// maxAddressBytes is the longest text of an address, 0000:…:255.255.255.255.
const maxAddressBytes = 45

// Hide replaces an address in a text that is kept, such as the target of a request, by what Text answers: as netip writes it, and in any
// other form that IPv6 has, in upper case, with zeros, percent-encoded. The text may be written over; one without the address is answered
// as it is.
func (m *Masker) Hide(text []byte, addr netip.Addr) []byte {
	if m.IsFull() || !addr.IsValid() {
		return text
	}
	addr = addr.Unmap().WithZone("")
	kept := m.Text(addr)
	text = bytes.ReplaceAll(text, []byte(addr.String()), []byte(kept))
	var out []byte
	copied, inside := 0, false
	for i := 0; i < len(text); {
		c, size := unit(text[i:])
		if !inAddress(c) || inside {
			inside = inAddress(c)
			i += size
			continue
		}
		size, encoded := find(text[i:], addr)
		if size == 0 {
			inside = true
			continue
		}
		out = append(out, text[copied:i]...)
		if encoded {
			out = append(out, strings.ReplaceAll(kept, ":", "%3A")...)
		} else {
			out = append(out, kept...)
		}
		i += size
		copied = i
	}
	if out == nil {
		return text
	}
	return append(out, text[copied:]...)
}

// find answers how many bytes at the start of text are the address, 0 for none: all that can be of one, or as much as stands before a colon
// or a point, which may be a port's or a sentence's.
func find(text []byte, addr netip.Addr) (size int, encoded bool) {
	var plain [maxAddressBytes + 1]byte
	var ends [maxAddressBytes + 1]int
	n := 0
	for size < len(text) && n < len(plain) {
		c, width := unit(text[size:])
		if !inAddress(c) {
			break
		}
		encoded = encoded || width > 1
		size += width
		plain[n], ends[n] = c, size
		n++
	}
	for n > 0 {
		if got, err := netip.ParseAddr(string(plain[:n])); err == nil && got.Unmap() == addr {
			return ends[n-1], encoded
		}
		n = bytes.LastIndexAny(plain[:n], ":.")
	}
	return 0, false
}

func inAddress(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' || c == ':' || c == '.'
}

// unit decodes the first byte of text, which may be percent-encoded, and answers how many bytes it takes.
func unit(text []byte) (c byte, size int) {
	if text[0] == '%' && len(text) > 2 {
		if c, ok := query.HexByte(text[1], text[2]); ok {
			return c, 3
		}
	}
	return text[0], 1
}
