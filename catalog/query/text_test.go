package query

import (
	"strings"
	"testing"
	"unicode"
)

// hiddenOnes are those that attacks are made of, and some from each class.
var hiddenOnes = []rune{
	0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x200e, 0x200f, 0x061c, // direction
	0x200b, 0x200c, 0x200d, 0x2060, 0xfeff, 0x00ad, 0x034f, 0x180e, 0x2061, 0x2064, // no room
	0x2028, 0x2029, // lines
	0x115f, 0x1160, 0x3164, 0xffa0, // fillers
	0xfe0f, 0xe0100, 0xe0001, 0xe0041, 0xfff9, 0x1d173, // variation, tags, annotation, musical
}

func TestNames(t *testing.T) {
	for _, good := range []string{"", "acme", "größe", "ООО Ромашка", "株式会社", "שלום", "مرحبا", "a b", "€5", "😀", "a\u00a0b"} {
		if !IsName([]byte(good)) {
			t.Errorf("%+q is no name", good)
		}
	}
	for _, r := range hiddenOnes {
		text := "ac" + string(r) + "me"
		got, ok := Hidden([]byte(text))
		if IsName([]byte(text)) || !IsText([]byte(text)) || !ok || got != r {
			t.Errorf("%+q: name %v, text %v, hidden %U", text, IsName([]byte(text)), IsText([]byte(text)), got)
		}
		if clean, changed := CleanName([]byte(text), 100); string(clean) != "acme" || !changed {
			t.Errorf("%+q is cleaned to %+q", text, clean)
		}
		if clean, changed := Clean([]byte(text), 100); string(clean) != text || changed {
			t.Errorf("the text %+q is cleaned to %+q", text, clean)
		}
		if marked := Marked([]byte(text), 100); string(marked) != "ac\ufffdme" {
			t.Errorf("%+q is marked as %+q", text, marked)
		}
	}
	for _, bad := range []string{"a\x00", "a\n", "\x7f", "\u0085", "\xff", "a\xc3"} {
		if IsName([]byte(bad)) || IsText([]byte(bad)) {
			t.Errorf("%+q is text", bad)
		}
	}
	if got := Marked([]byte(strings.Repeat("\u202e", 10)), 7); string(got) != "\ufffd\ufffd" {
		t.Errorf("cut to 7 bytes: %+q", got)
	}
	if _, ok := Hidden([]byte("acme\xff")); ok {
		t.Error("a broken byte is hidden")
	}
}

func FuzzNames(f *testing.F) {
	for _, r := range hiddenOnes {
		f.Add([]byte("a"+string(r)+"b"), 5)
	}
	f.Fuzz(func(t *testing.T, value []byte, limit int) {
		limit = min(max(limit, 0), 1<<10)
		whole := string(value)
		isName := IsName(value)
		if isName && !IsText(value) {
			t.Fatalf("%+q is a name and no text", whole)
		}
		marked := Marked(value, limit)
		if !IsName(marked) || len(marked) > limit || string(value) != whole {
			t.Fatalf("%+q is marked as %+q", whole, marked)
		}
		clean, changed := CleanName([]byte(whole), limit)
		if !IsName(clean) || len(clean) > limit || changed == (string(clean) == whole) {
			t.Fatalf("%+q is cleaned to %+q, changed %v", whole, clean, changed)
		}
		for _, r := range string(marked) {
			if unicode.In(r, unicode.Cc, unicode.Cf) {
				t.Fatalf("%+q is marked as %+q, with %U", whole, marked, r)
			}
		}
	})
}

// What is plain needs none of the looks that it is spared.
func FuzzPlain(f *testing.F) {
	for _, value := range []string{"zone-4411", "0.0125", "_x", "__CID__", "a{b}", "a+b", "%41", "a&amp;b=c", "3f2b9c1e7a", "ä", "u0026a=b", ""} {
		f.Add([]byte(value))
	}
	known := func([]byte) bool { return true }
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !IsPlain(raw) {
			return
		}
		if !IsName(raw) || Encoded(raw) || IsMacro(raw, raw) || Joined(raw, known) || string(DecodeID(nil, raw)) != string(raw) {
			t.Fatalf("%+q is plain: name %v, encoded %v, macro %v, joined %v", raw, IsName(raw), Encoded(raw), IsMacro(raw, raw), Joined(raw, known))
		}
	})
}
