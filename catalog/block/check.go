package block

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"tributary/schemas"
	"tributary/schemas/events"
)

// Kind is that of the entries.
const Kind = "block"

// MaxBlocks is how many blocks may be in force at once: whoever adds one is told.
const MaxBlocks = 10_000

// idDigits are those of a block's ID behind its "b": 32 of them, none that is taken for another.
const (
	idDigits = "0123456789abcdefghjkmnpqrstvwxyz"
	idLength = 1 + 8
)

// NewID makes an ID by chance: 40 bits.
func NewID() string {
	var random [idLength - 1]byte
	_, _ = rand.Read(random[:]) // never fails
	id := []byte{'b'}
	for _, r := range random {
		id = append(id, idDigits[r%32])
	}
	return string(id)
}

// Shortest networks that a block may be on: a typing mistake shall not block a continent.
const (
	minBits4 = 8
	minBits6 = 16
)

// anyBot is the class of every listed bot.
const anyBot = "bot"

// agents are the classes of user agents, as the edge tells them: devices, any bot, and kinds of bots. ingest/useragent has
// them, and its test holds them against these.
var agents = []string{"desktop", "mobile", "tablet", "tv", "unknown", anyBot,
	"search", "ai", "preview", "monitoring", "ads", "security", "archive", "feed", "library", "headless", "crawler"}

// Agents returns the classes of user agents that a block may be on: devices first, then kinds of bots.
func Agents() []string { return slices.Clone(agents) }

var (
	errID    = errors.New("it is no ID of a block: want b and 8 characters of " + idDigits)
	errValue = errors.New("the value is no block")
)

// CheckID says why a text is no ID of a block.
func CheckID(id string) error {
	if len(id) != idLength || id[0] != 'b' || strings.Trim(id[1:], idDigits) != "" {
		return fmt.Errorf("%q: %w", clip(id), errID)
	}
	return nil
}

// Check says why an entry with this ID and value is no block that may be in force. It is pure: who writes an entry and who
// reads it say the same.
func Check(id string, value []byte) error {
	var v events.Block
	return read(id, value, &v)
}

func read(id string, value []byte, v *events.Block) error {
	if err := CheckID(id); err != nil {
		return err
	}
	if err := v.UnmarshalVT(value); err != nil {
		return fmt.Errorf("%w: %w", errValue, err)
	}
	if err := CheckValue(v); err != nil {
		return fmt.Errorf("block %s: %w", id, err)
	}
	return nil
}

// CheckValue says what is wrong with a block.
func CheckValue(v *events.Block) error {
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	on := 0
	for _, set := range []bool{v.SourceId != 0 || v.Source != "", v.Network != "", v.Asn != 0, v.Agent != ""} {
		if set {
			on++
		}
	}
	if on != 1 {
		add("it is on %d things: want exactly one of a source, a network, an asn and an agent", on)
	}
	text := func(name, value string, most int) {
		if len(value) > most || !utf8.ValidString(value) || strings.ContainsFunc(value, isControl) {
			add("%s is %q: want UTF-8 text without control characters of at most %d bytes", name, clip(value), most)
		}
	}
	text("campaign", v.Campaign, schemas.MaxNameBytes)
	text("source", v.Source, schemas.MaxNameBytes)
	text("sub_value", v.SubValue, schemas.MaxSubBytes)
	switch {
	case v.Sub > schemas.MaxSubs:
		add("sub is %d: want 1 to %d", v.Sub, schemas.MaxSubs)
	case v.Sub != 0 && v.SourceId == 0 && v.Source == "":
		add("it is on sub%d of no source: subs are a source's own", v.Sub)
	case (v.Sub != 0) != (v.SubValue != ""):
		add("a sub has a number and a value: it has number %d and value %q", v.Sub, clip(v.SubValue))
	}
	if v.CampaignId == 0 && v.Campaign != "" {
		add("campaign %q has no number", v.Campaign)
	}
	if v.Network != "" {
		if p, err := ParseNetwork(v.Network); err != nil {
			wrong = append(wrong, err)
		} else if p.String() != v.Network {
			add("network is %q: want %q", v.Network, p)
		}
	}
	if v.Agent != "" && !slices.Contains(agents, v.Agent) {
		add("%q is no class of user agents: want one of %s", clip(v.Agent), strings.Join(agents, ", "))
	}
	if answerNames[v.Answer] == "" {
		add("answer is %d: want 1 (fallback), 2 (empty) or 3 (page)", v.Answer)
	}
	if v.UntilMs < 0 || v.UntilMs >= schemas.MaxTimeMS {
		add("until_ms is %d: want Unix milliseconds before the year 2106, or 0", v.UntilMs)
	}
	return errors.Join(wrong...)
}

// ParseNetwork reads an address or a network and returns it as a block has it: masked, IPv4 as such.
func ParseNetwork(text string) (netip.Prefix, error) {
	const right = "want an address such as 203.0.113.7, or a network such as 203.0.113.0/24 or 2001:db8::/32"
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no network: %s", clip(text), right)
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%q is all of IPv4 and more: %s", clip(text), right)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	least := minBits4
	if p.Addr().Is6() {
		least = minBits6
	}
	if p.Bits() < least {
		return netip.Prefix{}, fmt.Errorf("the network %s is too large: want /%d or narrower", p, least)
	}
	return p.Masked(), nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// clip shortens what somebody sent for a text of ours.
func clip(text string) string {
	const most = 64
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
