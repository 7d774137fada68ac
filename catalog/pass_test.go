package catalog

import (
	"bytes"
	"hash"
	"strings"
	"testing"
	"time"
)

func TestPass(t *testing.T) {
	cat, err := Build(parse(t, rotationExample))
	if err != nil {
		t.Fatal(err)
	}
	const now = int64(1772366400_000)
	link := []byte("https://a.example/?x=%22&y=1")
	pass, _ := cat.AppendPass([]byte("/r/"), []byte("kept"), link, now)
	text := pass[len("/r/"):]
	open := func(c *Catalog, text []byte, after time.Duration) string {
		got, err := c.OpenPass([]byte("kept"), text, now+after.Milliseconds())
		if err != nil && string(got) != "kept" {
			t.Errorf("refused, and answered %q", got)
		}
		return strings.TrimPrefix(string(got), "kept")
	}
	for _, after := range []time.Duration{0, time.Hour, 24 * time.Hour, -time.Minute} {
		if got := open(cat, text, after); got != string(link) {
			t.Errorf("after %v the link is %q", after, got)
		}
	}
	for _, after := range []time.Duration{24*time.Hour + time.Second, -time.Minute - time.Second} {
		if got := open(cat, text, after); got != "" {
			t.Errorf("after %v the link is still %q", after, got)
		}
	}
	for i := range text {
		for _, c := range []byte("A_9") {
			forged := bytes.Clone(text)
			if forged[i] == c {
				continue
			}
			forged[i] = c
			if got := open(cat, forged, 0); got != "" {
				t.Fatalf("with another character at %d the link is %q", i, got)
			}
		}
	}
	for _, broken := range []string{"", "A", "AQ", "====", strings.Repeat("A", 28), strings.Repeat("A", 29), strings.Repeat("A", 100_000), string(text) + "A", string(text[:len(text)-1]), "../x", "\r\n"} {
		if got := open(cat, []byte(broken), 0); got != "" {
			t.Errorf("%.20q is the link %q", broken, got)
		}
	}

	cfg := parse(t, rotationExample)
	cfg.ClickIDKeys.Keys[2], cfg.ClickIDKeys.Active = "another secret of the tests", 2
	rotated, err := Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := open(rotated, text, 0); got != string(link) {
		t.Errorf("after the keys rotated the link is %q", got)
	}
	cfg.ClickIDKeys.Keys[1] = "not the secret that signed it"
	stranger, err := Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := open(stranger, text, 0); got != "" {
		t.Errorf("under another secret the link is %q", got)
	}
}

func FuzzOpenPass(f *testing.F) {
	f.Add([]byte("AQ"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var cfg Config
		cfg.BaseCurrency, cfg.ClickIDKeys = "USD", KeysConfig{Active: 1, Keys: map[int]Secret{1: "sixteen bytes of secret"}}
		cat, err := Build(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if link, err := cat.OpenPass(nil, text, 1772366400_000); err == nil {
			t.Errorf("%q is the link %q", text, link)
		}
	})
}

// TestReusedMAC holds that a key's state shows nothing of the pass that it was used for before.
func TestReusedMAC(t *testing.T) {
	key := newPassKey([]byte("a secret"))
	want := string(key.appendMAC(nil, []byte("head"), []byte("link")))
	reused := newPassKey([]byte("a secret"))
	fresh := reused.states.New
	reused.states.New = func() any {
		state := fresh().(hash.Hash)
		state.Write([]byte("canary"))
		return state
	}
	if got := string(reused.appendMAC(nil, []byte("head"), []byte("link"))); got != want {
		t.Errorf("a reused state makes %x, a new one %x", got, want)
	}
}
