package join

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"tributary/processor/stage"
	"tributary/schemas/events"
)

// A snapshot is what is remembered of a click: what a ledger entry takes from it. The ID is in the key.
//
//	version and flags, 1 byte · epoch of its words, less the day of the ID (zigzag) · campaign · source · country · agent
//	· [event time less the ID's (zigzag)] · [clicks of the IP in its minute, unless 1] · [external ID, with its length] · number of subs · subs
//
// Campaign, source, country, agent and each sub are references to parts: see words.
const (
	snapshotVersion = 1 << 4

	snapshotFlags  = 1<<4 - 1
	snapshotEvent  = 1 << 0
	snapshotIPRate = 1 << 1
	snapshotHexID  = 1 << 2 // the external ID is lower-case hexadecimal, packed
	snapshotTextID = 1 << 3
)

var errSnapshot = errors.New("a remembered click is damaged")

// appendSnapshot appends the snapshot of a click whose ID is in t.id. It allocates for new words only.
func (t *task) appendSnapshot(ctx *stage.Context, dst []byte, c *events.Click) []byte {
	head := len(dst)
	flags := byte(0)
	dst = append(dst, 0)
	dst = binary.AppendVarint(dst, t.words.epoch-t.id.timeMS/wordsEpochMS)

	p := binary.AppendUvarint(t.part[:0], uint64(c.CampaignId))
	p = appendText(p, c.Campaign)
	p = binary.AppendUvarint(p, uint64(c.OfferId))
	p = appendText(p, c.Offer)
	p = binary.AppendVarint(p, c.OfferPayoutMicros)
	p = appendText(p, c.OfferCurrency)
	p = binary.AppendVarint(p, c.OfferPayoutBaseMicros)
	dst = t.words.refer(ctx, dst, p)

	p = appendText(binary.AppendUvarint(p[:0], uint64(c.SourceId)), c.Source)
	dst = t.words.refer(ctx, dst, p)

	p = append(p[:0], c.Country...)
	dst = t.words.refer(ctx, dst, p)

	p = p[:0]
	for _, name := range [...]string{c.Device, c.Os, c.Browser, c.Bot} {
		p = appendText(p, name)
	}
	dst = t.words.refer(ctx, dst, p)

	if c.EventMs != t.id.timeMS {
		flags |= snapshotEvent
		dst = binary.AppendVarint(dst, c.EventMs-t.id.timeMS)
	}
	if c.IpClicksPerMinute != 1 {
		flags |= snapshotIPRate
		dst = binary.AppendUvarint(dst, uint64(c.IpClicksPerMinute))
	}
	if packed, ok := packHex(p[:0], c.ExternalId); ok {
		flags |= snapshotHexID
		p = packed
		dst = append(binary.AppendUvarint(dst, uint64(len(p))), p...)
	} else if c.ExternalId != "" {
		flags |= snapshotTextID
		dst = appendText(dst, c.ExternalId)
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.Subs)))
	for _, sub := range c.Subs {
		p = append(p[:0], sub...)
		dst = t.words.refer(ctx, dst, p)
	}
	dst[head] = snapshotVersion | flags
	t.part = p
	return dst
}

// readSnapshot answers the click of a snapshot of the ID in t.id, with all that appendSnapshot took of it. The click is the caller's.
func (t *task) readSnapshot(ctx *stage.Context, b []byte) (*events.Click, error) {
	r := snapshotReader{b: b}
	head := r.byte()
	if head&^snapshotFlags != snapshotVersion {
		return nil, fmt.Errorf("%w: version %d, %d would be right", errSnapshot, head>>4, snapshotVersion>>4)
	}
	c := &events.Click{Foreign: t.id.foreign}
	epoch := r.varint() + t.id.timeMS/wordsEpochMS
	part := func() snapshotReader {
		text, err := t.readPart(ctx, &r, epoch)
		if err != nil && r.err == nil {
			r.err = err
		}
		return snapshotReader{text: text, isText: true}
	}
	campaign := part()
	c.CampaignId, c.Campaign = uint32(campaign.uvarint()), campaign.string()
	c.OfferId, c.Offer = uint32(campaign.uvarint()), campaign.string()
	c.OfferPayoutMicros, c.OfferCurrency, c.OfferPayoutBaseMicros = campaign.varint(), campaign.string(), campaign.varint()
	source := part()
	c.SourceId, c.Source = uint32(source.uvarint()), source.string()
	c.Country = part().text
	agent := part()
	c.Device, c.Os, c.Browser, c.Bot = agent.string(), agent.string(), agent.string(), agent.string()
	c.EventMs, c.IpClicksPerMinute = t.id.timeMS, 1
	if head&snapshotEvent != 0 {
		c.EventMs += r.varint()
	}
	if head&snapshotIPRate != 0 {
		c.IpClicksPerMinute = uint32(r.uvarint())
	}
	switch {
	case head&snapshotHexID != 0:
		c.ExternalId = hex.EncodeToString([]byte(r.string()))
	case head&snapshotTextID != 0:
		c.ExternalId = r.string()
	}
	n := r.uvarint()
	if n > uint64(r.rest()) {
		r.damaged()
		n = 0
	}
	for range n {
		c.Subs = append(c.Subs, part().text)
	}
	if r.rest() > 0 || campaign.rest() > 0 || source.rest() > 0 || agent.rest() > 0 {
		r.damaged()
	}
	return c, errors.Join(r.err, campaign.err, source.err, agent.err)
}

// readPart answers what a reference stands for. The text stays valid.
func (t *task) readPart(ctx *stage.Context, r *snapshotReader, epoch int64) (string, error) {
	switch ref := r.uvarint(); {
	case r.err != nil:
		return "", r.err
	case ref == partInline:
		return r.string(), r.err
	case ref == partBlank:
		return "", nil
	default:
		return t.words.word(ctx, epoch, ref-partWord)
	}
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// packHex packs a text of lower-case hexadecimal digits, an even number of them.
func packHex(dst []byte, text string) ([]byte, bool) {
	if text == "" || len(text)%2 != 0 {
		return dst, false
	}
	for i := 0; i < len(text); i += 2 {
		high, low := hexValue(text[i]), hexValue(text[i+1])
		if high|low > 15 {
			return dst, false
		}
		dst = append(dst, high<<4|low)
	}
	return dst, true
}

func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// snapshotReader reads from bytes or from a text; err is set at the first thing that does not fit, and what follows reads as zero.
type snapshotReader struct {
	b      []byte
	text   string
	isText bool
	err    error
}

func (r *snapshotReader) rest() int { return len(r.b) + len(r.text) }

func (r *snapshotReader) damaged() {
	if r.err == nil {
		r.err = fmt.Errorf("%w: it ends too early or too late", errSnapshot)
	}
	r.b, r.text = nil, ""
}

func (r *snapshotReader) byte() byte {
	if r.rest() == 0 {
		r.damaged()
		return 0
	}
	if r.isText {
		v := r.text[0]
		r.text = r.text[1:]
		return v
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *snapshotReader) uvarint() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.damaged()
	return 0
}

func (r *snapshotReader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// string reads a length and so many bytes; of a text it is a part, of bytes a copy.
func (r *snapshotReader) string() (s string) {
	n := r.uvarint()
	if n > uint64(r.rest()) {
		r.damaged()
		return ""
	}
	if r.isText {
		s, r.text = r.text[:n], r.text[n:]
		return s
	}
	s, r.b = string(r.b[:n]), r.b[n:]
	return s
}
