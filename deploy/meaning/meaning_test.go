package meaning

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tributary/deploy/config"
)

const hour = int64(time.Hour / time.Millisecond)

func of(base, prefix string, active int, keys map[int]string) Meaning {
	return Meaning{BaseCurrency: base, TopicPrefix: prefix, Active: active, Keys: keys, LiveFor: 24 * time.Hour}
}

// A difference is refused, named by its key, and what is not known is compared with nothing.
func TestDifferences(t *testing.T) {
	var k Kept
	k.Take(of("USD", "", 1, map[int]string{1: "aa"}), 0)
	for name, c := range map[string]struct {
		m    Meaning
		want []string
	}{
		"the same":                 {of("USD", "", 1, map[int]string{1: "aa"}), nil},
		"a role without a catalog": {of("", "", 0, nil), nil},
		"another base currency":    {of("EUR", "", 1, map[int]string{1: "aa"}), []string{"catalog.base_currency: is EUR"}},
		"another prefix":           {of("USD", "b.", 1, map[int]string{1: "aa"}), []string{`kafka.topic_prefix: is "b."`}},
		"another key":              {of("USD", "", 1, map[int]string{1: "bb"}), []string{"catalog.click_id_keys.keys.1: is another one (bb, was aa)"}},
		"a lost key":               {of("USD", "", 2, map[int]string{2: "bb"}), []string{"catalog.click_id_keys.keys.1: is not there"}},
		"a key beside":             {of("USD", "", 2, map[int]string{1: "aa", 2: "bb"}), nil},
		"all":                      {of("EUR", "b.", 2, map[int]string{2: "bb"}), []string{"base_currency", "topic_prefix", "keys.1"}},
	} {
		err := k.Check(c.m, "data", hour)
		if (err == nil) != (c.want == nil) || err != nil && !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in %v", name, want, err)
			}
		}
	}
	grouped := of("USD", "", 1, map[int]string{1: "aa"})
	grouped.ProcessorGroup = "one"
	if err := k.Check(grouped, "data", hour); err != nil {
		t.Errorf("a group that was not remembered: %v", err)
	}
	remembered := k
	if news := remembered.Take(grouped, hour); len(news) != 1 || !strings.Contains(news[0], "one") {
		t.Errorf("news of the group: %v", news)
	}
	grouped.ProcessorGroup = "two"
	for where, one := range map[string]*Kept{"data": &remembered, "tables": OfRows(remembered.Rows())} {
		if err := one.Check(grouped, where, hour); !errors.Is(err, ErrMismatch) ||
			!strings.Contains(err.Error(), `processor.group: is "two", and `+where+` was processed by the group "one"`) {
			t.Errorf("another group for the %s: %v", where, err)
		}
		if err := one.Check(of("USD", "", 1, map[int]string{1: "aa"}), where, hour); err != nil {
			t.Errorf("a broker that needs no group: %v", err)
		}
	}
	given := of("USD", "", 2, map[int]string{2: "bb"})
	given.GivenUp = []int{1}
	if err := k.Check(given, "data", hour); err != nil {
		t.Errorf("a key that is given up: %v", err)
	}
}

// A key is needed for as long as the click IDs that it signed may convert, and no longer.
func TestKeysEnd(t *testing.T) {
	var k Kept
	k.Take(of("USD", "", 1, map[int]string{1: "aa", 3: "cc"}), 1) // 3 may have signed before
	k.Take(of("USD", "", 1, map[int]string{1: "aa", 2: "bb", 3: "cc"}), hour)
	if k.Keys[2].SignedUntilMS != 0 {
		t.Errorf("a key that never signed: %+v", k.Keys[2])
	}
	if err := k.Check(of("USD", "", 1, map[int]string{1: "aa", 3: "cc"}), "data", hour); err != nil {
		t.Errorf("a key that never signed is taken away: %v", err)
	}
	if err := k.Check(of("USD", "", 1, map[int]string{1: "aa", 2: "bb"}), "data", hour); err == nil {
		t.Error("a key that may have signed was taken away")
	}
	k.Take(of("USD", "", 2, map[int]string{1: "aa", 2: "bb", 3: "cc"}), 2*hour)
	if k.Keys[1].SignedUntilMS != 2*hour || k.Keys[2].SignedUntilMS != Signing {
		t.Errorf("after the rotation: %+v", k.Keys)
	}
	alone := of("USD", "", 2, map[int]string{2: "bb"})
	if err := k.Check(alone, "data", 26*hour); err == nil {
		t.Error("a key was taken away whose click IDs may convert")
	}
	if err := k.Check(alone, "data", 26*hour+1); err != nil {
		t.Errorf("a key was to be kept for ever: %v", err)
	}
	if news := k.Take(alone, 27*hour); len(k.Keys) != 1 || len(news) != 2 {
		t.Errorf("%+v %q", k, news)
	}
	if news := k.Take(alone, 28*hour); news != nil {
		t.Errorf("news of nothing: %q", news)
	}
}

// What is kept comes back from the file and from the table as it was; a file that is no whole one is not taken for none.
func TestKeptComesBack(t *testing.T) {
	var k Kept
	k.Take(of("USD", "", 1, map[int]string{1: "aa", 200: "bb"}), hour)
	dir := filepath.Join(t.TempDir(), "data")
	if got, err := ReadFile(dir); got != nil || err != nil {
		t.Errorf("nothing is kept: %+v %v", got, err)
	}
	if err := WriteFile(dir, &k); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(dir)
	if err != nil || string(got.Text()) != string(k.Text()) {
		t.Errorf("%s %v", got.Text(), err)
	}
	if got := OfRows(k.Rows()); string(got.Text()) != string(k.Text()) {
		t.Errorf("%s\n%s", got.Text(), k.Text())
	}
	if rows := (&Kept{}).Rows(); len(rows) != 0 {
		t.Errorf("nothing has rows: %v", rows)
	}
	path := filepath.Join(dir, FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) - 1 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFile(dir); n < len(whole)-2 && (err == nil || !strings.Contains(err.Error(), path)) {
			t.Fatalf("%d of %d bytes: %+v %v", n, len(whole), got, err)
		}
	}
	for _, text := range []string{"{}", "null", "[]"} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is taken for something kept", text)
		}
	}
}

// A refusal has the line of what it is about.
func TestLocated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.yaml")
	text := "catalog:\n  base_currency: EUR\n  campaigns: []\n  click_id_keys:\n    active: 2\n    keys: {2: fedcba9876543210}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(config.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	var k Kept
	k.Take(of("USD", "", 1, map[int]string{1: "aa"}), 0)
	err = Located(k.Check(Of(loaded), "data", 0), loaded)
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 2 || problems[0].Line != 2 || problems[1].Line != 6 {
		t.Errorf("%v", err)
	}
}
