package importer

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"tributary/ingest/money"
)

// Decimal is what a comma in an amount means.
type Decimal uint8

const (
	// DecimalAuto tells by the amount, and refuses what can be read both ways: 1,234.
	DecimalAuto Decimal = iota
	DecimalPoint
	DecimalComma
)

// DecimalNames are the values of --decimal.
var DecimalNames = map[string]Decimal{"auto": DecimalAuto, "point": DecimalPoint, "comma": DecimalComma}

const rightAmount = "digits with a point, such as 0.0125"

// amount reads an amount as an export writes it and answers it as the edge reads it. The error says what is wrong with it.
func amount(text string, decimal Decimal, cents bool) (plain string, micros int64, problem, right string) {
	text = strings.Trim(strings.TrimSpace(text), "$€£ \u00a0\u202f")
	if i := strings.IndexByte(text, ' '); i > 0 && isLetters(text[i+1:]) { // 0.05 USD
		text = text[:i]
	}
	plain = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "").Replace(text)
	comma, point := strings.LastIndexByte(plain, ','), strings.LastIndexByte(plain, '.')
	switch {
	case comma < 0 && (decimal != DecimalComma || point < 0):
	case decimal == DecimalComma:
		plain = strings.Replace(strings.ReplaceAll(plain, ".", ""), ",", ".", 1)
	case decimal == DecimalPoint, comma >= 0 && point > comma:
		if !isGrouped(plain) {
			return "", 0, "the comma separates no thousands", rightAmount + ", or --decimal comma"
		}
		plain = strings.ReplaceAll(plain, ",", "")
	case point >= 0: // 1.234,56
		plain = strings.Replace(strings.ReplaceAll(plain, ".", ""), ",", ".", 1)
	default:
		before, after := plain[:comma], plain[comma+1:]
		if len(after) == 3 && strings.TrimLeft(before, "0") != "" {
			return "", 0, "the comma may separate thousands or decimals", "--decimal comma or --decimal point"
		}
		plain = strings.Replace(plain, ",", ".", 1)
	}
	if strings.ContainsAny(plain, "eE") { // spreadsheets write small costs so
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil || f < 0 || f > 1e9 {
			return "", 0, "no decimal number", rightAmount
		}
		plain = strconv.FormatFloat(f, 'f', 9, 64)
	}
	if cents {
		r, ok := new(big.Rat).SetString(plain)
		if !ok || len(plain) > 30 || strings.Trim(plain, "0123456789.") != "" {
			return "", 0, "no decimal number", "an amount in hundredths, such as 125"
		}
		plain = r.Quo(r, big.NewRat(100, 1)).FloatString(9)
	}
	micros, err := money.Parse([]byte(plain))
	if err != nil {
		if strings.HasPrefix(plain, "-") {
			return "", 0, "an amount below 0", rightAmount
		}
		return "", 0, err.Error(), rightAmount
	}
	return string(money.Append(nil, micros)), micros, "", ""
}

func isLetters(text string) bool {
	for _, r := range text {
		if r < 'A' || r > 'Z' && r < 'a' || r > 'z' {
			return false
		}
	}
	return text != ""
}

// isGrouped tells whether commas separate groups of three digits before the point: 1,234,567.89.
func isGrouped(text string) bool {
	whole, _, _ := strings.Cut(text, ".")
	groups := strings.Split(whole, ",")
	for i, g := range groups {
		if i > 0 && len(g) != 3 || i == 0 && (len(g) == 0 || len(g) > 3) {
			return false
		}
	}
	return true
}

// DateOrder is how a date with slashes is meant.
type DateOrder uint8

const (
	// OrderUnknown refuses such dates.
	OrderUnknown DateOrder = iota
	DayFirst
	MonthFirst
)

// DateOrders are the values of --dates.
var DateOrders = map[string]DateOrder{"dmy": DayFirst, "mdy": MonthFirst}

const rightTime = "2026-01-31 12:00:00, RFC 3339, Unix seconds or milliseconds"

// clocks are the times of day, behind the date and a space or T. Abbreviations of zones are none of them: they mean several.
var clocks = []string{"15:04:05.999999999", "15:04:05", "15:04", "3:04:05 PM", "3:04 PM", "3:04:05PM", "15:04:05Z07:00", "15:04:05 -07:00", "15:04:05 -0700"}

const (
	// firstMS is the first number that is taken for milliseconds instead of seconds, as the edge does it.
	firstMS = 100_000_000_000
	lastMS  = firstMS * 100
)

// moment reads a time as an export writes it; zone is that of times that name none, where an hour that the clock repeats or
// leaves out is one of the two it may be. It answers Unix milliseconds.
func moment(text string, zone *time.Location, order DateOrder) (atMS int64, problem, right string) {
	text = strings.TrimSpace(text)
	if number, err := strconv.ParseFloat(text, 64); err == nil && strings.Trim(text, "0123456789.") == "" {
		n, fraction, _ := strings.Cut(text, ".")
		whole, err := strconv.ParseInt(n, 10, 64)
		switch {
		case err != nil || whole <= 0 || whole >= lastMS:
			return 0, "no time: a number of seconds or milliseconds since 1970 has 9 to 13 digits", rightTime
		case whole < 100_000_000:
			return 0, "a number too small for seconds since 1970", rightTime
		case whole < firstMS && fraction != "":
			return int64(number * 1000), "", ""
		case whole < firstMS:
			return whole * 1000, "", ""
		}
		return whole, "", ""
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UnixMilli(), "", ""
	}
	date, clock, ok := strings.Cut(text, " ")
	if i := strings.IndexByte(text, 'T'); i == len("2026-01-31") {
		date, clock, ok = text[:i], text[i+1:], true
	}
	date = strings.TrimSuffix(date, ",") // 31.01.2026, 12:00
	if !ok {
		clock = "00:00:00"
	}
	layout, problem := dateLayout(date, order)
	if problem != "" {
		return 0, problem, "--dates dmy or --dates mdy, or a date such as 2026-01-31"
	}
	if layout != "" {
		clock = strings.TrimSuffix(strings.TrimSpace(strings.ToUpper(clock)), " UTC")
		if strings.HasSuffix(strings.ToUpper(text), " UTC") {
			zone = time.UTC
		}
		for _, c := range clocks {
			if at, err := time.ParseInLocation(layout+" "+c, date+" "+clock, zone); err == nil && at.UnixMilli() > 0 {
				return at.UnixMilli(), "", ""
			}
		}
	}
	return 0, "no time", rightTime
}

// dateLayout is the layout of a date, empty when it is none.
func dateLayout(date string, order DateOrder) (layout, problem string) {
	switch {
	case len(date) == 10 && date[4] == date[7] && strings.IndexByte("-/.", date[4]) >= 0:
		return fmt.Sprintf("2006%c01%c02", date[4], date[4]), ""
	case strings.Count(date, ".") == 2:
		return "2.1.2006", "" // points are written day first wherever they are written
	case strings.Count(date, "/") == 2 || strings.Count(date, "-") == 2:
		mark := "/"
		if strings.Contains(date, "-") {
			mark = "-"
		}
		switch order {
		case DayFirst:
			return "2" + mark + "1" + mark + "2006", ""
		case MonthFirst:
			return "1" + mark + "2" + mark + "2006", ""
		}
		return "", "the day or the month may come first"
	}
	return "", ""
}
