package money

import (
	"errors"
	"math"
	"math/bits"

	"tributary/schemas"
)

const (
	decimals = 6
	// maxTextBytes bounds the work for one amount. A program that writes a float to its last digit needs some 60
	// characters:
	// 0.1000000000000000055511151231257827021181583404541015625.
	maxTextBytes = 64

	// RateDecimals is how many decimals an exchange rate may have: enough for seven significant digits of the cheapest
	// currency (1 IRR = 0.0000238 USD).
	RateDecimals = 12
	rateUnit     = 1_000_000_000_000
	// MaxRateUnits bounds a rate, so that it fits an int64 beside its decimals.
	MaxRateUnits = 1_000_000
)

var (
	// ErrSyntax says that a text is not digits with at most one point.
	ErrSyntax = errors.New("not a decimal number: digits with at most one point, such as 12.50")
	// ErrRange says that an amount is beyond schemas.MaxMoneyMicros.
	ErrRange = errors.New("above 1000000000, the largest amount")
	// ErrBelow says that an amount is below -schemas.MaxMoneyMicros.
	ErrBelow = errors.New("below -1000000000, the least amount")
	// ErrRate says that a text is no exchange rate.
	ErrRate = errors.New("not a rate: a decimal number above 0 and below 1000000 with at most 12 decimals, such as 1.0845")
)

// Parse reads an amount of money, 0 to schemas.MaxMoneyMicros, into micros. It takes digits with at most one point (".5"
// and "5." included) and nothing else: no sign, no exponent, no comma, no space. More than six decimals are rounded half
// to even. The error is ErrSyntax or ErrRange.
func Parse(text []byte) (micros int64, err error) {
	if len(text) > maxTextBytes {
		return 0, ErrSyntax
	}
	var digits, places int
	point, half, tail := false, byte(0), false
	for _, c := range text {
		switch {
		case c == '.' && !point:
			point = true
		case c < '0' || c > '9':
			return 0, ErrSyntax
		case !point || places < decimals:
			digits++
			if point {
				places++
			}
			if micros = micros*10 + int64(c-'0'); micros > schemas.MaxMoneyMicros {
				return 0, rangeOrSyntax(text)
			}
		case places == decimals:
			places++
			half = c - '0'
		default:
			tail = tail || c != '0'
		}
	}
	if digits == 0 {
		return 0, ErrSyntax
	}
	for ; places < decimals; places++ {
		if micros *= 10; micros > schemas.MaxMoneyMicros {
			return 0, ErrRange
		}
	}
	if half > 5 || half == 5 && (tail || micros&1 == 1) {
		micros++
	}
	if micros > schemas.MaxMoneyMicros {
		return 0, ErrRange
	}
	return micros, nil
}

// ParseSigned reads an amount that may be below 0, -schemas.MaxMoneyMicros to schemas.MaxMoneyMicros: as Parse does, with at most
// one minus sign before it, which is rounded as it would be without. The error is ErrSyntax, ErrRange or ErrBelow.
func ParseSigned(text []byte) (micros int64, err error) {
	if len(text) == 0 || text[0] != '-' {
		return Parse(text)
	}
	micros, err = Parse(text[1:])
	if errors.Is(err, ErrRange) {
		err = ErrBelow
	}
	return -micros, err
}

// rangeOrSyntax tells a number that is too large from a text that only starts like one.
func rangeOrSyntax(text []byte) error {
	points := 0
	for _, c := range text {
		if c == '.' {
			points++
		} else if c < '0' || c > '9' {
			return ErrSyntax
		}
	}
	if points > 1 {
		return ErrSyntax
	}
	return ErrRange
}

// Append writes micros as the shortest decimal text that ParseSigned reads back, and Parse what is not below 0: "12.5",
// "0.000001", "3", "-3".
func Append(dst []byte, micros int64) []byte {
	u := uint64(micros)
	if micros < 0 {
		dst = append(dst, '-')
		u = -u
	}
	whole, frac := u/schemas.Micros, u%schemas.Micros
	var buf [20]byte
	i := len(buf)
	for {
		i--
		buf[i] = byte('0' + whole%10)
		if whole /= 10; whole == 0 {
			break
		}
	}
	dst = append(dst, buf[i:]...)
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := uint64(schemas.Micros / 10); frac > 0; unit /= 10 {
		dst = append(dst, byte('0'+frac/unit))
		frac %= unit
	}
	return dst
}

// Rate is an exchange rate with RateDecimals decimals: how many units of the base currency one unit is worth.
type Rate int64

// One is the rate of the base currency itself.
const One Rate = rateUnit

// ParseRate reads a rate above 0 and below MaxRateUnits. Unlike an amount it is never rounded: more decimals than
// RateDecimals are an error, ErrRate.
func ParseRate(text string) (Rate, error) {
	var r int64
	digits, places, point := 0, 0, false
	for i := range len(text) {
		c := text[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' || places == RateDecimals {
			return 0, ErrRate
		}
		digits++
		if point {
			places++
		}
		if r = r*10 + int64(c-'0'); r >= MaxRateUnits*rateUnit {
			return 0, ErrRate
		}
	}
	if digits == 0 {
		return 0, ErrRate
	}
	for ; places < RateDecimals; places++ {
		if r *= 10; r >= MaxRateUnits*rateUnit {
			return 0, ErrRate
		}
	}
	if r == 0 {
		return 0, ErrRate
	}
	return Rate(r), nil
}

// Convert returns amount times rate, rounded half to even, so that an amount and the same below 0 cancel. ok is false when the
// result is beyond schemas.MaxMoneyMicros in either direction.
func (r Rate) Convert(micros int64) (baseMicros int64, ok bool) {
	if micros < 0 {
		baseMicros, ok = r.convert(-uint64(micros))
		return -baseMicros, ok
	}
	return r.convert(uint64(micros))
}

func (r Rate) convert(micros uint64) (baseMicros int64, ok bool) {
	hi, lo := bits.Mul64(micros, uint64(r))
	if hi >= rateUnit {
		return 0, false
	}
	quo, rem := bits.Div64(hi, lo, rateUnit)
	if rem > rateUnit/2 || rem == rateUnit/2 && quo&1 == 1 {
		quo++
	}
	if quo > math.MaxInt64 || int64(quo) > schemas.MaxMoneyMicros {
		return 0, false
	}
	return int64(quo), true
}
