package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var (
	durationType        = reflect.TypeFor[time.Duration]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// setText puts the text of one value into a scalar. name is the key's own name: sizes, which end in _bytes, may be
// written with a unit. The error says what would be right, never the text itself when the caller must hide it.
func setText(v reflect.Value, name, text string) error {
	if v.CanAddr() && v.Addr().Type().Implements(textUnmarshalerType) {
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	}
	if v.Type() == durationType {
		d, err := parseDuration(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil || len(text) < 2 { // ParseBool takes 1, t, T too
			return errors.New("want true or false")
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := parseWhole(name, text)
		if err != nil {
			return err
		}
		if v.OverflowInt(n) {
			return fmt.Errorf("want a whole number that fits %d bits", v.Type().Bits())
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := parseWhole(name, text)
		if err != nil {
			return err
		}
		if n < 0 || v.OverflowUint(uint64(n)) {
			return fmt.Errorf("want a whole number from 0 to %d", uint64(math.MaxUint64)>>(64-v.Type().Bits()))
		}
		v.SetUint(uint64(n))
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("want a number such as 0.25")
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("want %s", describe(v.Type()))
	}
	return nil
}

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func isSize(name string) bool { return name == "bytes" || strings.HasSuffix(name, "_bytes") }

func parseWhole(name, text string) (int64, error) {
	number, unit := text, int64(1)
	if isSize(name) {
		for _, u := range sizeUnits {
			if rest, ok := strings.CutSuffix(text, u.suffix); ok {
				number, unit = strings.TrimSpace(rest), u.bytes
			}
		}
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(number, "_", ""), 10, 64)
	if err != nil || n > math.MaxInt64/unit || n < math.MinInt64/unit {
		if isSize(name) {
			return 0, errors.New("want a size in bytes, such as 65536, 64KiB, 16MiB or 1GiB")
		}
		return 0, errors.New("want a whole number")
	}
	return n * unit, nil
}

const day = 24 * time.Hour

// parseDuration is time.ParseDuration with whole days, which windows and retentions are counted in.
func parseDuration(text string) (time.Duration, error) {
	wrong := errors.New("want a duration with its unit, such as 500ms, 30s, 5m, 12h or 30d")
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 64)
		if err != nil || n > int64(math.MaxInt64/day) || n < int64(math.MinInt64/day) {
			return 0, wrong
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, wrong
	}
	return d, nil
}

// text is the inverse of setText, in the form a person would write.
func text(v reflect.Value, name string) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	if v.Type() == durationType {
		return durationText(time.Duration(v.Int()))
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if isSize(name) {
			return sizeText(v.Int())
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if isSize(name) && v.Uint() <= math.MaxInt64 {
			return sizeText(int64(v.Uint()))
		}
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	}
	return fmt.Sprint(v.Interface())
}

func durationText(d time.Duration) string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func sizeText(n int64) string {
	for _, u := range sizeUnits {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

// describe names what a key of this type takes, for errors and the reference.
func describe(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return describe(t.Elem())
	}
	if t == durationType {
		return "duration"
	}
	if reflect.PointerTo(t).Implements(textUnmarshalerType) {
		return "text"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "whole number"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list of " + plural(describe(t.Elem()))
	case reflect.Map:
		return "map of " + plural(describe(t.Key())) + " to " + plural(describe(t.Elem()))
	case reflect.Struct:
		return "section"
	}
	return t.String()
}

func plural(noun string) string {
	return noun + "s"
}
