package money

import (
	"bytes"
	"math/big"
	"testing"

	"tributary/schemas/fuzzbound"
)

func TestWithoutExponent(t *testing.T) {
	for number, want := range map[string]string{
		"1e2": "100", "1E2": "100", "1.5E1": "15", "1.25e+2": "125", "1e-2": "0.01", "-1.5e-05": "-0.000015", "0e5": "0",
		"12.50e0": "12.5",
		".5e1":    "5", "5.e1": "50", "00.5e1": "5", "100000e-5": "1", "1e30": "1000000000000000000000000000000",
		// What is no number with an exponent, or one that nobody pays, stays.
		"12.5": "12.5", "": "", "e": "e", "1e": "1e", "e5": "e5", "1e+": "1e+", "1e++2": "1e++2", "1e+-2": "1e+-2",
		"1e2e3": "1e2e3", "1e2.5": "1e2.5",
		"1e31": "1e31", "1e-31": "1e-31", "1e0000002": "1e0000002", "-e2": "-e2", ".e2": ".e2", "--1e2": "--1e2",
		"1,5e2": "1,5e2", "0x1e2": "0x1e2", "EUR": "EUR", " 1e2": " 1e2",
	} {
		if got := string(WithoutExponent([]byte(number))); got != want {
			t.Errorf("WithoutExponent(%q) = %q, want %q", number, got, want)
		}
	}
}

// FuzzWithoutExponent holds it against arbitrary-precision arithmetic: the number is the same one, to the last digit.
func FuzzWithoutExponent(f *testing.F) {
	for _, number := range []string{"1e2", "-1.5E-05", "1.23457E+15", ".e1", "1e99999"} {
		f.Add([]byte(number))
	}
	f.Fuzz(func(t *testing.T, number []byte) {
		before := bytes.Clone(number)
		var got []byte
		fuzzbound.Hold(t, len(number), func() { got = WithoutExponent(number) })
		if !bytes.Equal(number, before) {
			t.Fatalf("%q was written over", before)
		}
		if bytes.Equal(got, number) {
			return
		}
		was, ok := new(big.Rat).SetString(string(number))
		is, stillOK := new(big.Rat).SetString(string(got))
		if !ok || !stillOK || was.Cmp(is) != 0 || !isPlainNumber(got) {
			t.Fatalf("%q becomes %q", number, got)
		}
	})
}
