package money

import (
	"bytes"
	"strconv"
)

// maxPlaces bounds how far an exponent may move the decimal point.
const maxPlaces = 30

// WithoutExponent writes a number that a program wrote with an exponent, 1e2 or 1.5E-05, as the digits that it stands
// for: 100, 0.000015. Nothing is rounded. What has no exponent, is no number, or has one that moves the point by more
// than maxPlaces stays as it is, and Parse refuses it. Only who knows that the number is whole may ask: a spreadsheet
// that shows 1.23457E+05 has dropped digits.
func WithoutExponent(number []byte) []byte {
	at := bytes.IndexAny(number, "eE")
	if at < 0 || len(number) > maxWrittenBytes {
		return number
	}
	mantissa, exponent := number[:at], number[at+1:]
	digits, hasSign := bytes.CutPrefix(exponent, []byte{'+'})
	if !hasSign {
		digits = bytes.TrimPrefix(exponent, []byte{'-'})
	}
	if !isPlainNumber(mantissa) || len(bytes.Trim(mantissa, "-.")) == 0 || len(digits) == 0 || len(digits) > 3 ||
		len(bytes.Trim(digits, "0123456789")) > 0 {
		return number
	}
	move, err := strconv.Atoi(string(digits))
	if err != nil || move > maxPlaces {
		return number
	}
	if exponent[0] == '-' {
		move = -move
	}
	return moved(mantissa, move)
}

// moved writes a plain number with its decimal point so many places further right.
func moved(mantissa []byte, move int) []byte {
	rest, minus := bytes.CutPrefix(mantissa, []byte{'-'})
	whole, fraction, _ := bytes.Cut(rest, []byte{'.'})
	digits := append(append(make([]byte, 0, len(mantissa)+maxPlaces), whole...), fraction...)
	point := len(whole) + move
	if point < 0 {
		digits, point = append(bytes.Repeat([]byte{'0'}, -point), digits...), 0
	}
	if point > len(digits) {
		digits = append(digits, bytes.Repeat([]byte{'0'}, point-len(digits))...)
	}
	out := make([]byte, 0, len(digits)+3)
	if minus {
		out = append(out, '-')
	}
	if whole = bytes.TrimLeft(digits[:point], "0"); len(whole) == 0 {
		whole = []byte{'0'}
	}
	out = append(out, whole...)
	if fraction = bytes.TrimRight(digits[point:], "0"); len(fraction) > 0 {
		out = append(append(out, '.'), fraction...)
	}
	return out
}
