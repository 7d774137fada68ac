package money

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"tributary/schemas"
	"tributary/schemas/fuzzbound"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		err  error
	}{
		{"0", 0, nil}, {"12.5", 12_500_000, nil}, {"12.50", 12_500_000, nil}, {".5", 500_000, nil}, {"5.", 5_000_000, nil},
		{"0.000001", 1, nil}, {"0.0000005", 0, nil}, {"0.0000015", 2, nil}, {"0.00000050000001", 1, nil}, {"0.00000149999", 1, nil},
		{"12.3000000000000007105427357601001858711242675781250", 12_300_000, nil},
		{"0.1000000000000000055511151231257827021181583404541015625", 100_000, nil},
		{"0.0000025", 2, nil}, {"1.9999999", 2_000_000, nil}, {"000000000000012", 12_000_000, nil},
		{"1000000000", schemas.MaxMoneyMicros, nil}, {"1000000000.000000", schemas.MaxMoneyMicros, nil},
		{"1000000000.0000004", schemas.MaxMoneyMicros, nil}, {"1000000000.0000005", schemas.MaxMoneyMicros, nil},
		{"1000000000.000001", 0, ErrRange}, {"1000000000.0000006", 0, ErrRange}, {"1000000001", 0, ErrRange}, {"99999999999999999999999", 0, ErrRange},
		{"", 0, ErrSyntax}, {".", 0, ErrSyntax}, {"-1", 0, ErrSyntax}, {"+1", 0, ErrSyntax}, {"1,5", 0, ErrSyntax}, {"1e3", 0, ErrSyntax},
		{" 1", 0, ErrSyntax}, {"1 ", 0, ErrSyntax}, {"1.2.3", 0, ErrSyntax}, {"{payout}", 0, ErrSyntax}, {"NaN", 0, ErrSyntax}, {"0x10", 0, ErrSyntax},
		{"９", 0, ErrSyntax}, {"99999999999999999999999x", 0, ErrSyntax}, {strings.Repeat("0", 65), 0, ErrSyntax},
	} {
		if got, err := Parse([]byte(c.text)); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Parse(%q) = %d, %v; want %d, %v", c.text, got, err, c.want, c.err)
		}
	}
}

func TestParseSigned(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		err  error
	}{
		{"5", 5_000_000, nil}, {"-5", -5_000_000, nil}, {"-5.00", -5_000_000, nil}, {"-.5", -500_000, nil}, {"-5.", -5_000_000, nil},
		{"-0", 0, nil}, {"-0.0000005", 0, nil}, {"-0.0000015", -2, nil}, {"-0.0000025", -2, nil}, {"-0.00000250000001", -3, nil},
		{"-1000000000", -schemas.MaxMoneyMicros, nil}, {"-1000000000.0000005", -schemas.MaxMoneyMicros, nil}, {"1000000000", schemas.MaxMoneyMicros, nil},
		{"-1000000000.000001", 0, ErrBelow}, {"-99999999999999999999999", 0, ErrBelow}, {"1000000001", 0, ErrRange},
		{"", 0, ErrSyntax}, {"-", 0, ErrSyntax}, {"--1", 0, ErrSyntax}, {"+1", 0, ErrSyntax}, {"-+1", 0, ErrSyntax}, {"+-1", 0, ErrSyntax}, {"1-", 0, ErrSyntax},
		{"- 1", 0, ErrSyntax}, {" -1", 0, ErrSyntax}, {"-.", 0, ErrSyntax}, {"-1,5", 0, ErrSyntax}, {"-1e3", 0, ErrSyntax}, {"−1", 0, ErrSyntax}, {"(1)", 0, ErrSyntax},
	} {
		if got, err := ParseSigned([]byte(c.text)); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("ParseSigned(%q) = %d, %v; want %d, %v", c.text, got, err, c.want, c.err)
		}
	}
}

func TestAppendIsShortest(t *testing.T) {
	for micros, want := range map[int64]string{0: "0", 1: "0.000001", 12_500_000: "12.5", 3_000_000: "3", -1_200_000: "-1.2", schemas.MaxMoneyMicros: "1000000000"} {
		if got := string(Append(nil, micros)); got != want {
			t.Errorf("Append(%d) = %s, want %s", micros, got, want)
		}
	}
}

func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate   string
		micros int64
		want   int64
	}{
		{"1.10", 25_000_000, 27_500_000}, {"0.0000238", 1_000_000_000_000, 23_800_000}, {"0.5", 1, 0}, {"0.5", 3, 2}, {"1.5", 1, 2}, {"2.5", 1, 2},
		{"1.10", -25_000_000, -27_500_000}, {"0.5", -1, 0}, {"0.5", -3, -2}, {"1.5", -1, -2}, {"2.5", -1, -2}, {"0.000000000001", -1_500_000_000_000, -2},
		{"999999.999999999999", 1_000_000, 1_000_000_000_000}, {"0.000000000001", 500_000_000_000, 0}, {"0.000000000001", 1_500_000_000_000, 2},
	} {
		rate, err := ParseRate(c.rate)
		if err != nil {
			t.Fatalf("ParseRate(%q): %v", c.rate, err)
		}
		if got, ok := rate.Convert(c.micros); !ok || got != c.want {
			t.Errorf("%d at %s = %d, %v; want %d", c.micros, c.rate, got, ok, c.want)
		}
	}
	for _, text := range []string{"", "0", "0.0", "-1", "1,1", "1000000", "0.0000000000001", "1e3", ".", "1.1.1"} {
		if rate, err := ParseRate(text); err == nil {
			t.Errorf("ParseRate(%q) = %d, want an error", text, rate)
		}
	}
	for _, micros := range []int64{schemas.MaxMoneyMicros, -schemas.MaxMoneyMicros, math.MinInt64} {
		if got, ok := Rate(MaxRateUnits*rateUnit - 1).Convert(micros); ok {
			t.Errorf("an amount beyond the limit was converted to %d", got)
		}
	}
}

// FuzzParse holds Parse against arbitrary-precision arithmetic.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"12.5", "0.0000005", "1000000000.0000005", "{payout}", "1e3", ".", "-0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fuzzbound.Hold(t, len(text), func() { _, _ = Parse([]byte(text)) })
		got, err := Parse([]byte(text))
		plain := strings.Trim(text, "0123456789.") == "" && strings.Count(text, ".") <= 1 && strings.Trim(text, ".") != "" && len(text) <= maxTextBytes
		if !plain {
			if !errors.Is(err, ErrSyntax) {
				t.Fatalf("Parse(%q) = %d, %v", text, got, err)
			}
			return
		}
		exact, ok := new(big.Rat).SetString("0" + text + "0")
		if strings.HasSuffix(text, ".") || !strings.Contains(text, ".") {
			exact, ok = new(big.Rat).SetString("0" + strings.TrimSuffix(text, "."))
		}
		if !ok {
			t.Fatalf("big.Rat refuses %q", text)
		}
		want := roundEven(exact.Mul(exact, big.NewRat(schemas.Micros, 1)))
		if want.Cmp(big.NewInt(schemas.MaxMoneyMicros)) > 0 {
			if !errors.Is(err, ErrRange) {
				t.Fatalf("Parse(%q) = %d, %v; want ErrRange", text, got, err)
			}
			return
		}
		if err != nil || got != want.Int64() {
			t.Fatalf("Parse(%q) = %d, %v; want %v", text, got, err, want)
		}
		if again, err := Parse(Append(nil, got)); err != nil || again != got {
			t.Fatalf("%d is written as %s, which reads as %d, %v", got, Append(nil, got), again, err)
		}
	})
}

// FuzzParseSigned: a minus sign changes the sign and nothing else, and a second one is too many.
func FuzzParseSigned(f *testing.F) {
	for _, text := range []string{"12.5", "-12.5", "-0.0000005", "1000000000.0000005", "1000000001", "--1", "-", "-0", "+1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fuzzbound.Hold(t, len(text), func() { _, _ = ParseSigned([]byte(text)) })
		got, err := ParseSigned([]byte(text))
		positive, minus := strings.CutPrefix(text, "-")
		want, wantErr := Parse([]byte(positive))
		if minus {
			want = -want
			if errors.Is(wantErr, ErrRange) {
				wantErr = ErrBelow
			}
		}
		if got != want || !errors.Is(err, wantErr) {
			t.Fatalf("ParseSigned(%q) = %d, %v; want %d, %v", text, got, err, want, wantErr)
		}
		if err != nil {
			return
		}
		if again, err := ParseSigned(Append(nil, got)); err != nil || again != got {
			t.Fatalf("%d is written as %s, which reads as %d, %v", got, Append(nil, got), again, err)
		}
	})
}

// FuzzConvert holds Convert against arbitrary-precision arithmetic.
func FuzzConvert(f *testing.F) {
	f.Add(int64(25_000_000), int64(1_100_000_000_000))
	f.Add(int64(schemas.MaxMoneyMicros), int64(MaxRateUnits*rateUnit-1))
	f.Add(int64(-3), int64(rateUnit/2))
	f.Fuzz(func(t *testing.T, micros, rate int64) {
		if micros < -schemas.MaxMoneyMicros || micros > schemas.MaxMoneyMicros || rate <= 0 || rate >= MaxRateUnits*rateUnit {
			return
		}
		product := new(big.Int).Mul(big.NewInt(micros), big.NewInt(rate))
		want := roundEven(new(big.Rat).SetFrac(product, big.NewInt(rateUnit)))
		got, ok := Rate(rate).Convert(micros)
		if fits := want.CmpAbs(big.NewInt(schemas.MaxMoneyMicros)) <= 0; fits != ok || ok && want.Int64() != got {
			t.Fatalf("%d at %d = %d, %v; want %v", micros, rate, got, ok, want)
		}
	})
}

func roundEven(r *big.Rat) *big.Int {
	if r.Sign() < 0 {
		up := roundEven(new(big.Rat).Neg(r))
		return up.Neg(up)
	}
	quo, rem := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	switch rem.Lsh(rem, 1).Cmp(r.Denom()) {
	case 1:
		return quo.Add(quo, big.NewInt(1))
	case 0:
		if quo.Bit(0) == 1 {
			quo.Add(quo, big.NewInt(1))
		}
	}
	return quo
}
