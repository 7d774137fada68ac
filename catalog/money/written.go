package money

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// Decimal says what a comma in an amount means, and with it what a point does.
type Decimal uint8

const (
	// DecimalPlain is for senders that say nothing of it: the decimal mark is a point, and a comma is refused.
	DecimalPlain Decimal = iota
	// DecimalPoint: the decimal mark is a point, commas stand between thousands.
	DecimalPoint
	// DecimalComma: the decimal mark is a comma, points stand between thousands.
	DecimalComma
	// DecimalAuto tells by the amount, and refuses what can be read both ways: 1,234.
	DecimalAuto
)

// Decimals are the names that settings and flags give them.
var Decimals = map[string]Decimal{"": DecimalPlain, "point": DecimalPoint, "comma": DecimalComma, "auto": DecimalAuto}

// DecimalNames lists them for error texts.
const DecimalNames = "point (1,234.50), comma (1.234,50) or auto (either where there is no doubt)"

var (
	// ErrComma says that a comma may separate thousands or decimals, and nothing tells which.
	ErrComma = errors.New("an amount whose comma may separate thousands or decimals")
	// ErrGroups says that marks between thousands do not stand between thousands.
	ErrGroups = errors.New("an amount whose marks separate no thousands")
)

// maxWrittenBytes bounds an amount with marks, signs and a currency.
const maxWrittenBytes = 64

// Written is an amount as people, spreadsheets and networks write it: 12,50; $12; 1.234,56; 1 234,56; 1'234.50; -5 EUR;
// (5.00).
type Written struct {
	// Plain is the amount as ParseSigned reads it.
	Plain []byte
	// Code is the ISO 4217 code beside it, upper case; Sign is a currency's sign beside it, such as $ or zł. At most
	// one of them is set.
	Code, Sign string
}

// Read takes an amount apart. The error is ErrSyntax, ErrComma or ErrGroups; whether the number is within bounds is
// ParseSigned's to say. An amount that is plain already is answered as it is, without an allocation.
func (d Decimal) Read(text []byte) (Written, error) {
	if isPlainNumber(text) && (d != DecimalComma || bytes.IndexByte(text, '.') < 0) {
		return Written{Plain: text}, nil
	}
	if len(text) > maxWrittenBytes || !utf8.Valid(text) {
		return Written{}, ErrSyntax
	}
	var w Written
	number := strings.TrimSpace(gaps.Replace(string(text)))
	minus := false
	if inner, ok := strings.CutPrefix(number, "("); ok {
		if number, ok = strings.CutSuffix(inner, ")"); !ok {
			return w, ErrSyntax
		}
		minus = true
	}
	for range 3 { // -$5, $-5, 5 USD, - 5
		before := number
		if rest, ok := strings.CutPrefix(number, "-"); ok && !minus {
			number, minus = strings.TrimSpace(rest), true
		}
		if w.Code == "" && w.Sign == "" {
			number = w.unmark(number)
		}
		if number == before {
			break
		}
	}
	plain, err := d.plain(number)
	if err != nil {
		return Written{}, err
	}
	if minus {
		plain = "-" + plain
	}
	w.Plain = []byte(plain)
	return w, nil
}

// Write answers a plain amount, one that ParseSigned reads, as a sender with this decimal mark writes it.
func (d Decimal) Write(plain []byte) []byte {
	if d == DecimalComma {
		return bytes.Replace(plain, []byte{'.'}, []byte{','}, 1)
	}
	return plain
}

// gaps are one kind of space and one of apostrophe, and the minus sign that locales such as Swedish have.
var gaps = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ", "\u2007", " ", "’", "'", "−", "-")

// isPlainNumber tells of digits with at most one point, and a minus before them.
func isPlainNumber(text []byte) bool {
	point := false
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9', c == '-' && i == 0 && len(text) > 1:
		case c == '.' && !point:
			point = true
		default:
			return false
		}
	}
	return len(text) > 0
}

// Signs are what stands for a currency beside an amount, with the currencies that it may mean.
var Signs = map[string][]string{
	"$":   {"USD", "AUD", "CAD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP", "BRL", "UYU", "DOP", "JMD", "NAD", "FJD"},
	"US$": {"USD"}, "A$": {"AUD"}, "AU$": {"AUD"}, "C$": {"CAD"}, "CA$": {"CAD"}, "NZ$": {"NZD"}, "S$": {"SGD"},
	"HK$": {"HKD"}, "NT$": {"TWD"}, "MX$": {"MXN"}, "R$": {"BRL"}, "€": {"EUR"}, "£": {"GBP", "EGP", "GIP", "FKP"},
	"¥": {"JPY", "CNY"}, "￥": {"JPY", "CNY"}, "₹": {"INR"}, "₽": {"RUB"}, "₴": {"UAH"}, "₺": {"TRY"}, "₩": {"KRW"},
	"₫": {"VND"}, "฿": {"THB"}, "₪": {"ILS"}, "₸": {"KZT"}, "₦": {"NGN"}, "₱": {"PHP", "CUP"}, "₲": {"PYG"},
	"₡": {"CRC"}, "₵": {"GHS"}, "₾": {"GEL"}, "₼": {"AZN"}, "៛": {"KHR"}, "৳": {"BDT"}, "zł": {"PLN"},
	"Kč": {"CZK"}, "Ft": {"HUF"}, "lei": {"RON"}, "лв": {"BGN"}, "руб": {"RUB"}, "руб.": {"RUB"}, "грн": {"UAH"},
	"kr": {"SEK", "NOK", "DKK", "ISK"}, "CHF.": {"CHF"}, "Fr.": {"CHF"}, "Rp": {"IDR"}, "RM": {"MYR"},
	"Rs": {"INR", "PKR", "LKR", "NPR"}, "Rs.": {"INR", "PKR", "LKR", "NPR"}, "S/": {"PEN"},
}

// unmark takes a currency away from either end. A point behind a sign is the sign's where there is one written so: Rs.500
// is 500, and $.50 is 0.50.
func (w *Written) unmark(number string) string {
	first, last := strings.IndexAny(number, "0123456789-"), strings.LastIndexAny(number, "0123456789")
	if first < 0 || last < 0 {
		return number
	}
	short := len(strings.TrimRight(number[:first], ".,"))
	for _, end := range [...]struct{ mark, rest string }{
		{number[:first], number[first:]}, {number[:short], number[short:]}, {number[last+1:], number[:last+1]},
	} {
		mark := strings.TrimSpace(end.mark)
		switch {
		case mark == "":
			continue
		case Signs[mark] != nil:
			w.Sign = mark
		case len(mark) == 3 && isLetters(mark):
			w.Code = strings.ToUpper(mark)
		default:
			continue
		}
		return strings.TrimSpace(end.rest)
	}
	return number
}

func isLetters(text string) bool {
	for i := range len(text) {
		if c := text[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// plain writes a number without a sign with a point and nothing between its thousands.
func (d Decimal) plain(number string) (string, error) {
	if number == "" || strings.Trim(number, "0123456789., '") != "" || strings.Trim(number, ",. '") == "" ||
		strings.ContainsAny(number[:1]+number[len(number)-1:], " '") {
		return "", ErrSyntax
	}
	decimal, err := d.mark(number)
	if err != nil {
		return "", err
	}
	whole, fraction := number, ""
	if decimal != 0 {
		at := strings.LastIndexByte(number, decimal)
		whole, fraction = number[:at], number[at:]
	}
	if strings.ContainsAny(fraction[min(1, len(fraction)):], "., '") || decimal != 0 &&
		strings.IndexByte(whole, decimal) >= 0 || !isGrouped(whole) {
		return "", ErrGroups
	}
	whole = strings.NewReplacer(" ", "", "'", "", ",", "", ".", "").Replace(whole)
	if fraction != "" {
		return whole + "." + fraction[1:], nil
	}
	return whole, nil
}

// mark tells which byte of a number is its decimal mark; 0 for none.
func (d Decimal) mark(number string) (byte, error) {
	comma, point := strings.LastIndexByte(number, ','), strings.LastIndexByte(number, '.')
	if comma < 0 && point < 0 {
		return 0, nil
	}
	switch d {
	case DecimalComma:
		if comma >= 0 {
			return ',', nil
		}
		return 0, nil
	case DecimalPoint:
		if point >= 0 {
			return '.', nil
		}
		return 0, nil
	case DecimalPlain:
		if comma >= 0 {
			return 0, ErrComma
		}
		return '.', nil
	}
	last := byte('.')
	if comma > point {
		last = ','
	}
	switch {
	case comma >= 0 && point >= 0:
		return last, nil
	case strings.Count(number, string(rune(last))) > 1:
		return 0, nil // 1.234.567: a decimal mark comes once
	case last == '.':
		return last, nil
	}
	whole, fraction := number[:comma], number[comma+1:]
	if len(fraction) == 3 && !strings.ContainsAny(whole, " '") && len(whole) <= 3 &&
		strings.TrimLeft(whole, "0") != "" && whole[0] != '0' {
		return 0, ErrComma
	}
	return last, nil
}

// isGrouped tells whether one mark stands between the digits of a whole number as it does between thousands: 1,234,567,
// or 12,34,567 as in India. Digits without marks are, too.
func isGrouped(whole string) bool {
	i := strings.IndexAny(whole, "., '")
	if i < 0 {
		return true
	}
	groups := strings.Split(whole, whole[i:i+1])
	last := len(groups) - 1
	if len(groups[0]) == 0 || len(groups[0]) > 3 || groups[0][0] == '0' || len(groups[last]) != 3 {
		return false
	}
	width := 3
	if last > 1 {
		width = len(groups[1])
	}
	for _, g := range groups[1:last] {
		if len(g) != width || strings.Trim(g, "0123456789") != "" {
			return false
		}
	}
	return (width == 3 || width == 2 && len(groups[0]) <= 2) && strings.Trim(groups[0]+groups[last], "0123456789") == ""
}
