package id

import (
	"encoding/binary"
	"fmt"
)

const (
	// ReceiptBytes is the size of a receipt ID in binary.
	ReceiptBytes = 16
	// ReceiptTextBytes is the size of its text.
	ReceiptTextBytes = 26
)

// Receipt names one accepted request for good. Its layout in bits: 48 time, Unix ms · 24 instance · 16 counter · 40
// random, so that nobody can guess another network's receipt.
type Receipt [ReceiptBytes]byte

// ParseReceipt reads the text of a receipt ID. The error wraps ErrMalformed.
func ParseReceipt[T string | []byte](text T) (Receipt, error) {
	var r Receipt
	if len(text) != ReceiptTextBytes {
		return r, fmt.Errorf("%w: a receipt ID has %d characters, this has %d", ErrMalformed, ReceiptTextBytes, len(text))
	}
	var buf [ReceiptTextBytes]byte
	copy(buf[:], text)
	if i := decode(r[:], buf[:]); i >= 0 {
		return Receipt{}, fmt.Errorf("%w: character %d of the receipt ID is %q, which its alphabet lacks", ErrMalformed, i+1, buf[i])
	}
	return r, nil
}

// TimeMS is when the request was accepted, Unix milliseconds.
func (r *Receipt) TimeMS() int64 { return int64(binary.BigEndian.Uint64(r[0:8]) >> 16) }

// AppendText appends the canonical text, ReceiptTextBytes long.
func (r *Receipt) AppendText(dst []byte) []byte {
	var buf [ReceiptTextBytes]byte
	encode(buf[:], r[:])
	return append(dst, buf[:]...)
}

// String is the canonical text.
func (r Receipt) String() string { return string(r.AppendText(nil)) }
