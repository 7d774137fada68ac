package personal

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// EmailRule is what a platform does to an address before it is hashed.
type EmailRule uint8

// The rules. Each drops white space and makes letters small.
const (
	// EmailPlain does no more: Meta, TikTok, Snap, Pinterest, X, OpenAI, Microsoft.
	EmailPlain EmailRule = iota
	// EmailGmailDots takes the dots before the @ out of addresses at gmail.com and googlemail.com: Google.
	EmailGmailDots
	// EmailNoDotsNoTag takes the dots before the @, and a plus with what follows it, out of any address: Reddit.
	EmailNoDotsNoTag
)

// PhoneRule is how a platform writes a number before it is hashed.
type PhoneRule uint8

// The rules.
const (
	// PhoneE164 is + and digits, the country's first: Google, TikTok, Microsoft, Reddit, X.
	PhoneE164 PhoneRule = iota
	// PhoneDigits is the same without the +: Meta, Snap, Pinterest.
	PhoneDigits
)

// hashBytes is the length of a SHA-256 hash in hexadecimal digits.
const hashBytes = 2 * sha256.Size

// Hashed tells whether value is a SHA-256 hash in hexadecimal digits already.
func Hashed(value string) bool {
	if len(value) != hashBytes {
		return false
	}
	_, err := hex.DecodeString(value)
	return err == nil
}

// Email returns the hash of an email address under a rule, 64 small hexadecimal digits. It is empty for what is no address, which
// would match nobody.
func Email(value string, rule EmailRule) string {
	value = strings.TrimSpace(value)
	if Hashed(value) {
		return strings.ToLower(value)
	}
	if value = NormalEmail(value, rule); value == "" {
		return ""
	}
	return hash(value)
}

// NormalEmail returns an address as it is hashed under a rule, empty for what is none.
func NormalEmail(value string, rule EmailRule) string {
	value = strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, value))
	local, domain, found := strings.Cut(value, "@")
	if !found || domain == "" || strings.Contains(domain, "@") {
		return ""
	}
	switch {
	case rule == EmailNoDotsNoTag:
		local, _, _ = strings.Cut(local, "+")
		local = strings.ReplaceAll(local, ".", "")
	case rule == EmailGmailDots && (domain == "gmail.com" || domain == "googlemail.com"):
		local = strings.ReplaceAll(local, ".", "")
	}
	if local == "" {
		return ""
	}
	return local + "@" + domain
}

// Phone returns the hash of a telephone number under a rule. country, two letters, is where a number without its country's code is
// called from; it may be empty. It is empty for what is no number, or one whose country nobody knows: it would match nobody.
func Phone(value, country string, rule PhoneRule) string {
	value = strings.TrimSpace(value)
	if Hashed(value) {
		return strings.ToLower(value)
	}
	if value = NormalPhone(value, country, rule); value == "" {
		return ""
	}
	return hash(value)
}

// maxPhoneBytes is the longest text that is read as a number: 15 digits, with whatever stands between them.
const maxPhoneBytes = 40

// NormalPhone returns a number as it is hashed under a rule, empty for what is none.
func NormalPhone(value, country string, rule PhoneRule) string {
	if value == "" || len(value) > maxPhoneBytes {
		return ""
	}
	if written := plainE164(value); written != "" {
		if rule == PhoneDigits {
			written = written[1:]
		}
		return written
	}
	number, err := phonenumbers.Parse(value, strings.ToUpper(country))
	if err != nil || !phonenumbers.IsValidNumber(number) {
		// Lists have digits with the country's code and no plus, which in another country may be a number too, if an unlikely one.
		abroad, errAbroad := phonenumbers.Parse("+"+strings.TrimLeft(value, "+0 "), "")
		switch {
		case errAbroad == nil && phonenumbers.IsValidNumber(abroad):
			number = abroad
		case err != nil || !phonenumbers.IsPossibleNumber(number):
			return ""
		}
	}
	number.Extension = nil
	written := phonenumbers.Format(number, phonenumbers.E164)
	if rule == PhoneDigits {
		written = strings.TrimPrefix(written, "+")
	}
	return written
}

// plainE164 returns a number that is E.164 but for blanks, dots and hyphens, which is most of what machines send; the library takes a
// hundred times as long. It is empty for any other.
func plainE164(value string) string {
	if value[0] != '+' {
		return ""
	}
	written := make([]byte, 1, len(value))
	written[0] = '+'
	for _, c := range []byte(value[1:]) {
		switch {
		case c >= '0' && c <= '9':
			written = append(written, c)
		case c != ' ' && c != '.' && c != '-':
			return ""
		}
	}
	if digits := len(written) - 1; digits < 8 || digits > 15 || written[1] == '0' {
		return ""
	}
	return string(written)
}

// User returns the hash of the advertiser's own ID of a person: as written, but for white space around it. Platforms say no more.
func User(value string) string {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return ""
	case Hashed(value):
		return strings.ToLower(value)
	}
	return hash(value)
}

func hash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}
