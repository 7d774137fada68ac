package useragents

import (
	"bytes"
	"compress/gzip"
	"math"
	"testing"
)

func TestProfiles(t *testing.T) {
	profiles := All()
	if len(profiles) < 400 || len(profiles) > 600 {
		t.Errorf("%d profiles, want about 500", len(profiles))
	}
	sum, share, seen := 0.0, map[string]float64{}, map[Profile]bool{}
	for _, p := range profiles {
		if p.Weight <= 0 || p.Weight >= 1 || p.UA == "" || len(p.UA) > 512 {
			t.Errorf("bad profile %+v", p)
		}
		sum += p.Weight
		share[p.DeviceCategory] += p.Weight
		p.Weight = 0
		if seen[p] {
			t.Errorf("%+v occurs twice", p)
		}
		seen[p] = true
	}
	if math.Abs(sum-1) > 1e-4 {
		t.Errorf("weights sum to %v, want 1", sum)
	}
	if len(share) != 3 || share["desktop"] < 0.2 || share["mobile"] < 0.2 || share["tablet"] <= 0 {
		t.Errorf("shares %v, want desktop, mobile and some tablet", share)
	}
}

func TestParseRefusesWhatItCannotRead(t *testing.T) {
	for name, packed := range map[string][]byte{
		"not gzip":   []byte("0.5\tdesktop\tMozilla/5.0"),
		"two fields": pack(t, "0.5\tMozilla/5.0\n"),
		"no number":  pack(t, "half\tdesktop\tMozilla/5.0\n"),
		"cut short":  pack(t, "0.5\tdesktop\tMozilla/5.0\n")[:20],
	} {
		if _, err := parse(packed); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func pack(t *testing.T, text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
