package money

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"tributary/schemas/fuzzbound"
)

func TestWritten(t *testing.T) {
	all := []Decimal{DecimalPlain, DecimalPoint, DecimalComma, DecimalAuto}
	for text, want := range map[string][4]string{ // by Decimal: plain, point, comma, auto
		"12.50": {"12.50", "12.50", "groups", "12.50"}, "12,50": {"comma", "groups", "12.50",
			"12.50"}, "1,234": {"comma", "1234", "1.234", "comma"},
		"1.234": {"1.234", "1.234", "1234", "1.234"}, "0,234": {"comma", "groups", "0.234",
			"0.234"}, "1234,567": {"comma", "groups", "1234.567", "1234.567"},
		"1.234,56": {"comma", "groups", "1234.56", "1234.56"}, "1,234.56": {"comma", "1234.56", "groups",
			"1234.56"}, "1,234,567": {"comma", "1234567", "groups", "1234567"},
		"1.234.567": {"groups", "groups", "1234567", "1234567"}, "1 234,56": {"comma", "groups", "1234.56",
			"1234.56"}, "1 234.56": {"1234.56", "1234.56", "groups", "1234.56"},
		"1\u00a0234,56": {"comma", "groups", "1234.56", "1234.56"}, "1\u202f234 567,8": {"comma", "groups", "1234567.8",
			"1234567.8"}, "1'234.50": {"1234.50", "1234.50", "groups", "1234.50"},
		"1’234.50": {"1234.50", "1234.50", "groups", "1234.50"}, "12,34,567.89": {"comma", "1234567.89", "groups",
			"1234567.89"}, "1 234,567": {"comma", "groups", "1234.567", "1234.567"},
		"$12": {"12$", "12$", "12$", "12$"}, "12 USD": {"12 USD", "12 USD", "12 USD", "12 USD"}, "eur12,50": {"comma",
			"groups", "12.50 EUR", "12.50 EUR"},
		"€ 12,50": {"comma", "groups", "12.50€", "12.50€"}, "12,50 zł": {"comma", "groups", "12.50zł",
			"12.50zł"}, "R$ 1.234,56": {"comma", "groups", "1234.56R$", "1234.56R$"},
		"-5": {"-5", "-5", "-5", "-5"}, "−5": {"-5", "-5", "-5", "-5"}, "-$5": {"-5$", "-5$", "-5$",
			"-5$"}, "$-5": {"-5$", "-5$", "-5$", "-5$"}, "(5)": {"-5", "-5", "-5", "-5"}, "($5)": {"-5$", "-5$", "-5$", "-5$"},
		"- 5 EUR": {"-5 EUR", "-5 EUR", "-5 EUR", "-5 EUR"},
		"Rs.500":  {"500Rs.", "500Rs.", "500Rs.", "500Rs."}, "Rs. 1,500.50": {"comma", "1500.50Rs.", "groups", "1500.50Rs."},
		"$.50": {".50$", ".50$", "groups", ".50$"}, "$,50": {"comma", "groups", ".50$", ".50$"}, "12 lei": {"12lei", "12lei", "12lei", "12lei"},
		"12 руб.": {"12руб.", "12руб.", "12руб.", "12руб."}, "USD.50": {".50 USD", ".50 USD", "groups", ".50 USD"}, "CHF 5.-": {"no", "no", "no", "no"},
		"--5": {"no", "no", "no", "no"}, "+5": {"no", "no", "no", "no"}, "(-5)": {"no", "no", "no",
			"no"}, "(5": {"no", "no", "no", "no"}, "5-": {"no", "no", "no", "no"},
		"1e3": {"no", "no", "no", "no"}, "{payout}": {"no", "no", "no", "no"}, "$": {"no", "no", "no",
			"no"}, "12 USD EUR": {"no", "no", "no", "no"}, "$12 USD": {"no", "no", "no", "no"}, "abc": {"no", "no", "no", "no"},
		"1 2": {"groups", "groups", "groups", "groups"}, "1 23": {"groups", "groups", "groups",
			"groups"}, "1,2,3": {"comma", "groups", "groups", "groups"}, "1.2.3": {"groups", "groups", "groups", "groups"},
		"1 234'567": {"groups", "groups", "groups", "groups"}, ",5": {"comma", "groups", ".5", ".5"}, "5,": {"comma",
			"groups", "5.", "5."}, ",": {"no", "no", "no", "no"}, "٥": {"no", "no", "no", "no"},
		"12#": {"no", "no", "no", "no"}, "1_000": {"no", "no", "no", "no"}, "": {"no", "no", "no", "no"},
	} {
		for i, d := range all {
			w, err := d.Read([]byte(text))
			got := string(w.Plain) + w.Sign
			if w.Code != "" {
				got += " " + w.Code
			}
			switch {
			case errors.Is(err, ErrComma):
				got = "comma"
			case errors.Is(err, ErrGroups):
				got = "groups"
			case err != nil:
				got = "no"
			}
			if got != want[i] {
				t.Errorf("%q as %d is %s, want %s", text, d, got, want[i])
			}
		}
	}
	text := []byte("1234.50")
	if n := testing.AllocsPerRun(100, func() { _, _ = DecimalPlain.Read(text) }); n > 0 {
		t.Errorf("a plain amount makes %v allocations", n)
	}
}

// FuzzWritten holds that what is read is a number that ParseSigned reads, with the digits that were written, in their order.
func FuzzWritten(f *testing.F) {
	for _, seed := range []string{"1,234.50", "1.234,5", "€ 12,50", "($5)", "12 USD", "1'234", "-0", ",",
		"−1 234,5 kr"} {
		f.Add([]byte(seed))
	}
	digits := func(text string) string {
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, d := range []Decimal{DecimalPlain, DecimalPoint, DecimalComma, DecimalAuto} {
			fuzzbound.Hold(t, len(text), func() { _, _ = d.Read(text) })
			w, err := d.Read(text)
			if err != nil {
				continue
			}
			if _, err := ParseSigned(w.Plain); errors.Is(err, ErrSyntax) && len(w.Plain) <= maxTextBytes &&
				string(w.Plain) != "." && string(w.Plain) != "-." {
				t.Fatalf("%q is read as %q, which is no number", text, w.Plain)
			}
			if digits(string(w.Plain)) != digits(string(text)) || !utf8.ValidString(w.Sign+w.Code) {
				t.Fatalf("%q is read as %q", text, w.Plain)
			}
		}
	})
}
