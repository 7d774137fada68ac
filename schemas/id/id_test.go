package id

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"

	"tributary/schemas/fuzzbound"
)

func ring(t testing.TB, active uint8, ids ...uint8) *Keyring {
	t.Helper()
	secrets := map[uint8][]byte{}
	for _, id := range ids {
		secrets[id] = bytes.Repeat([]byte{id + 1}, 32)
	}
	r, err := NewKeyring(active, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClickCarriesItsFields(t *testing.T) {
	r := ring(t, 7, 7)
	for _, c := range []struct {
		ms               int64
		campaign, source uint32
	}{{0, 0, 0}, {1, 1, 1}, {1_795_000_000_000, 42, 7}, {maxTimeMS, MaxCampaign, MaxSource}, {1_795_000_000_001, 0x12345, 0xabcde}} {
		m := NewMinter()
		id := m.Click(r, c.ms, c.campaign, c.source)
		if c.ms == 0 {
			c.ms = id.TimeMS()
		}
		if id.TimeMS() != c.ms || id.Campaign() != c.campaign || id.Source() != c.source || id.KeyID() != 7 {
			t.Errorf("%+v came back as %d %d %d key %d", c, id.TimeMS(), id.Campaign(), id.Source(), id.KeyID())
		}
		text := id.String()
		for _, variant := range []string{text, strings.ToUpper(text)} {
			back, err := ParseClick(variant)
			if err != nil || back != id {
				t.Errorf("%q parsed as %v, %v", variant, back, err)
			}
			if !LooksLikeClick(variant) {
				t.Errorf("%q does not look like a click ID", variant)
			}
		}
		if err := r.Verify(&id); err != nil {
			t.Errorf("verifying %s: %v", text, err)
		}
	}
}

func TestEveryFlippedBitIsAForgery(t *testing.T) {
	r, m := ring(t, 1, 1, 2), NewMinter()
	id := m.Click(r, 1_795_000_000_000, 3, 4)
	for bit := range ClickBytes * 8 {
		bad := id
		bad[bit/8] ^= 1 << (bit % 8)
		if err := r.Verify(&bad); !errors.Is(err, ErrForged) && !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
}

func TestRotation(t *testing.T) {
	m := NewMinter()
	old := m.Click(ring(t, 1, 1), 1000, 1, 1)
	both := ring(t, 2, 1, 2)
	fresh := m.Click(both, 1000, 1, 1)
	if err := both.Verify(&old); err != nil {
		t.Errorf("an ID of the old key: %v", err)
	}
	if err := both.Verify(&fresh); err != nil || fresh.KeyID() != 2 {
		t.Errorf("an ID of the new key: %v", err)
	}
	if err := ring(t, 2, 2).Verify(&old); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("an ID of a retired key: %v", err)
	}
}

func TestMACIsHMACSHA256(t *testing.T) {
	for _, n := range []int{MinKeyBytes, 64, 65, 200} {
		secret := bytes.Repeat([]byte{byte(n)}, n)
		r, err := NewKeyring(9, map[uint8][]byte{9: secret})
		if err != nil {
			t.Fatal(err)
		}
		c := NewMinter().Click(r, 1000, 5, 6)
		h := hmac.New(sha256.New, secret)
		h.Write(c[:signed])
		if want := h.Sum(nil)[:macBytes]; !bytes.Equal(c[signed:], want) {
			t.Errorf("a secret of %d bytes: %x, crypto/hmac says %x", n, c[signed:], want)
		}
	}
}

func TestNewKeyringRefuses(t *testing.T) {
	if _, err := NewKeyring(1, map[uint8][]byte{2: make([]byte, 32)}); err == nil {
		t.Error("an active key that is not declared was accepted")
	}
	if _, err := NewKeyring(1, map[uint8][]byte{1: make([]byte, MinKeyBytes-1)}); err == nil {
		t.Error("a short key was accepted")
	}
}

func TestParseRefuses(t *testing.T) {
	good := NewMinter().Click(ring(t, 1, 1), 1000, 1, 1).String()
	for _, bad := range []string{"", "x", good[:39], good + "0", good[:39] + "u", good[:10] + "\x00" + good[11:], good[:10] + "é" + good[12:]} {
		if _, err := ParseClick(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
		if LooksLikeClick(bad) {
			t.Errorf("%q looks like a click ID", bad)
		}
	}
}

func TestTextSortsByTime(t *testing.T) {
	r, m := ring(t, 1, 1), NewMinter()
	last := ""
	for ms := int64(1_795_000_000_000); ms < 1_795_000_000_200; ms += 7 {
		text := m.Click(r, ms, MaxCampaign, 0).String()
		if text <= last {
			t.Fatalf("%s does not sort after %s", text, last)
		}
		last = text
	}
}

func TestMinterNeverRepeatsNorGoesBack(t *testing.T) {
	m, r := NewMinter(), ring(t, 1, 1)
	const workers, each = 4, 50_000 // more than a counter holds, at one instant
	seen := make([]map[Click]bool, workers)
	var wg sync.WaitGroup
	for w := range workers {
		seen[w] = make(map[Click]bool, each)
		wg.Go(func() {
			last := int64(0)
			for i := range each {
				c := m.Click(r, int64(1_000_000-i), 1, 1)
				if c.TimeMS() < last {
					t.Errorf("time went back from %d to %d", last, c.TimeMS())
					return
				}
				last = c.TimeMS()
				seen[w][c] = true
			}
		})
	}
	wg.Wait()
	all := map[Click]bool{}
	for _, s := range seen {
		for c := range s {
			all[c] = true
		}
	}
	if len(all) != workers*each {
		t.Errorf("%d distinct IDs of %d", len(all), workers*each)
	}
}

func TestReceipt(t *testing.T) {
	r := NewMinter().Receipt(1_795_000_000_000)
	back, err := ParseReceipt(r.String())
	if err != nil || back != r || back.TimeMS() != 1_795_000_000_000 || len(r.String()) != ReceiptTextBytes {
		t.Errorf("%v %v", back, err)
	}
	for _, bad := range []string{"", r.String()[1:], r.String()[:25] + "1", "u" + r.String()[1:]} {
		if _, err := ParseReceipt(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseClick(f *testing.F) {
	f.Add(NewMinter().Click(ring(f, 1, 1), 1000, 1, 1).String())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		fuzzbound.Hold(t, 0, func() { _, _ = ParseClick(text) })
		c, err := ParseClick(text)
		if (err == nil) != LooksLikeClick(text) {
			t.Fatalf("%q: parse says %v, look says otherwise", text, err)
		}
		if err != nil {
			return
		}
		if again, err := ParseClick(c.String()); err != nil || again != c {
			t.Fatalf("%q does not come back: %v", text, err)
		}
	})
}

func TestHotPathAllocations(t *testing.T) {
	r, m := ring(t, 1, 1), NewMinter()
	id := m.Click(r, 1000, 1, 1)
	text := []byte(id.String())
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(1000, func() {
		c := m.Click(r, 1000, 1, 1)
		buf = c.AppendText(buf[:0])
		back, _ := ParseClick(text)
		if r.Verify(&back) != nil {
			t.Fatal("refused")
		}
	}); n > 0.01 {
		t.Errorf("minting, writing, parsing and verifying a click ID allocates %v times", n)
	}
}

func BenchmarkMint(b *testing.B) {
	r, m := ring(b, 1, 1), NewMinter()
	b.ReportAllocs()
	for b.Loop() {
		m.Click(r, 1_795_000_000_000, 1, 1)
	}
}

func BenchmarkVerify(b *testing.B) {
	r := ring(b, 1, 1)
	id := NewMinter().Click(r, 1000, 1, 1)
	b.ReportAllocs()
	for b.Loop() {
		r.Verify(&id)
	}
}

// FuzzParseReceipt holds that a receipt ID is refused, or written again as it was read, but for case and the letters that stand for digits.
func FuzzParseReceipt(f *testing.F) {
	receipt := NewMinter().Receipt(1_772_366_400_000)
	f.Add(receipt.String())
	f.Add(strings.ToUpper(receipt.String()))
	f.Add(strings.Repeat("z", ReceiptTextBytes))
	f.Fuzz(func(t *testing.T, text string) {
		fuzzbound.Hold(t, 0, func() { _, _ = ParseReceipt(text) })
		r, err := ParseReceipt(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again, err := ParseReceipt([]byte(r.String())); err != nil || again != r {
			t.Fatalf("%q does not come back: %v", text, err)
		}
		if ms := r.TimeMS(); ms < 0 || ms >= 1<<48 {
			t.Fatalf("%q is of the time %d", text, ms)
		}
	})
}
