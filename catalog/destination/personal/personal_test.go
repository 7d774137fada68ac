package personal

import (
	"strings"
	"testing"
	"testing/quick"
)

// TestDocumentedHashes are the platforms' own examples.
func TestDocumentedHashes(t *testing.T) {
	for _, c := range []struct{ source, got, want string }{
		{"developers.facebook.com, customer information parameters", Email("John_Smith@gmail.com", EmailPlain), "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"},
		{"developers.facebook.com, customer information parameters", Phone("(650)555-1212", "US", PhoneDigits), "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"},
		{"ads-api.reddit.com, direct integration", Email("Al.ice+Apple@Example.Com", EmailNoDotsNoTag), "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"},
		{"ads-api.reddit.com, direct integration", Phone("+1 555 444 1234", "", PhoneE164), "e5b124c58580eb16bd959b8d0cac12b12c952e2ceae0203d416cff94f10b994a"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.source, c.got, c.want)
		}
	}
}

func TestNormalEmail(t *testing.T) {
	for _, c := range []struct {
		value string
		rule  EmailRule
		want  string
	}{
		{" Jane.Doe+News@Example.com ", EmailPlain, "jane.doe+news@example.com"},
		{"Jane.Doe@GMail.com", EmailPlain, "jane.doe@gmail.com"},
		{"Jane.Doe@GMail.com", EmailGmailDots, "janedoe@gmail.com"},
		{"jane . doe@googlemail.com", EmailGmailDots, "janedoe@googlemail.com"},
		{"Jane.Doe+News@gmail.com", EmailGmailDots, "janedoe+news@gmail.com"},
		{"jane.doe@example.com", EmailGmailDots, "jane.doe@example.com"},
		{"jane.doe+x@example.com", EmailNoDotsNoTag, "janedoe@example.com"},
		{"VALÉRY@example.fr", EmailPlain, "valéry@example.fr"},
		{"", EmailPlain, ""}, {"jane", EmailPlain, ""}, {"@example.com", EmailPlain, ""}, {"jane@", EmailPlain, ""},
		{"+x@example.com", EmailNoDotsNoTag, ""}, {"a@b@c", EmailPlain, ""}, {"{sub5}", EmailPlain, ""},
	} {
		if got := NormalEmail(c.value, c.rule); got != c.want {
			t.Errorf("%q under rule %d: %q, want %q", c.value, c.rule, got, c.want)
		}
	}
}

func TestNormalPhone(t *testing.T) {
	for _, c := range []struct{ value, country, want string }{
		{"(800) 555-0100", "us", "+18005550100"},
		{"+1 (800) 555-0100 ext. 5", "", "+18005550100"},
		{"18005550100", "", "+18005550100"},
		{"0044 20 7031 3000", "", "+442070313000"},
		{"020 7031 3000", "GB", "+442070313000"},
		{"4930901820", "US", "+4930901820"},
		{"+49 (0) 30 901820", "US", "+4930901820"},
		{"", "US", ""}, {"12", "US", ""}, {"555-1212", "", ""}, {"not a number", "US", ""}, {strings.Repeat("1", 400), "US", ""},
	} {
		if got := NormalPhone(c.value, c.country, PhoneE164); got != c.want {
			t.Errorf("%q from %q: %q, want %q", c.value, c.country, got, c.want)
		}
		if got, want := NormalPhone(c.value, c.country, PhoneDigits), strings.TrimPrefix(c.want, "+"); got != want {
			t.Errorf("%q from %q in digits: %q, want %q", c.value, c.country, got, want)
		}
	}
}

// each calls every way to hash.
func each(value string, see func(name, hashed string, again func(string) string)) {
	for rule := EmailPlain; rule <= EmailNoDotsNoTag; rule++ {
		again := func(v string) string { return Email(v, rule) }
		see("email", again(value), again)
	}
	for rule := PhoneE164; rule <= PhoneDigits; rule++ {
		again := func(v string) string { return Phone(v, "US", rule) }
		see("phone", again(value), again)
	}
	see("user", User(value), User)
}

// TestNeverTwice is the property that a hash is not hashed, however it is written, and that nothing but a hash comes out.
func TestNeverTwice(t *testing.T) {
	property := func(value string) bool {
		good := true
		each(value, func(name, hashed string, again func(string) string) {
			if hashed == "" {
				return
			}
			if !Hashed(hashed) || hashed != strings.ToLower(hashed) || again(hashed) != hashed || again(" "+strings.ToUpper(hashed)+"\n") != hashed {
				t.Errorf("%s of %q: %q, and again %q", name, value, hashed, again(hashed))
				good = false
			}
		})
		return good
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

// TestWritingDoesNotMatter is the property that blanks and capitals do not make another person.
func TestWritingDoesNotMatter(t *testing.T) {
	property := func(local, domain uint32) bool {
		plain := "a" + strings.Repeat("b", int(local%20)) + "@d" + strings.Repeat("e", int(domain%20)) + ".com"
		for rule := EmailPlain; rule <= EmailNoDotsNoTag; rule++ {
			if want := Email(plain, rule); want == "" || Email("\t"+strings.ToUpper(plain)+" ", rule) != want {
				return false
			}
		}
		return true
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func FuzzPersonal(f *testing.F) {
	for _, seed := range []string{"a@b.c", "+1 650 555 1212", "", strings.Repeat("f", 64), "\xff@\xff", "00", "+", "tel:+1-800-555-0100;ext=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		each(value, func(name, hashed string, again func(string) string) {
			if hashed != "" && (!Hashed(hashed) || again(hashed) != hashed) {
				t.Errorf("%s of %q: %q", name, value, hashed)
			}
		})
	})
}
