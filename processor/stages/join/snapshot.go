package join

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"tributary/processor/stage"
	"tributary/schemas/events"
)

// A snapshot is what is remembered of a click: what a ledger entry takes from it. The ID is in the key.
//
//	version and flags, 1 byte · epoch of its words, less the day of the ID (zigzag) · campaign · source · place · agent
//	· network · language · referrer · keyword · creative · names
//	· [event time less the ID's (zigzag)] · [clicks of the IP in its minute, unless 1] · [external ID, with its length] · number of subs · subs
//
// Campaign to names and each sub are references to parts: see words. Version 1 has no network to names, and less in campaign, place
// and agent. Version 3, which only clicks that met a block are written in, ends with one more part: the block's ID and whether it
// was applied.
const (
	snapshotVersion1     = 1 << 4
	snapshotVersion      = 2 << 4
	snapshotVersionBlock = 3 << 4

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
	p = appendText(binary.AppendUvarint(p, uint64(c.LandingId)), c.Landing)
	p = appendText(appendText(p, c.Buyer), c.Team)
	p = binary.AppendUvarint(p, uint64(len(c.Tags)))
	for _, tag := range c.Tags {
		p = appendText(p, tag)
	}
	p = binary.AppendUvarint(p, uint64(len(c.Goals)))
	for _, goal := range c.Goals {
		p = appendText(p, goal)
	}
	dst = t.words.refer(ctx, dst, p)

	p = appendText(binary.AppendUvarint(p[:0], uint64(c.SourceId)), c.Source)
	dst = t.words.refer(ctx, dst, p)

	p = p[:0]
	if c.Country != "" || c.Region != "" || c.City != "" {
		p = appendText(appendText(appendText(p, c.Country), c.Region), c.City)
	}
	dst = t.words.refer(ctx, dst, p)

	p = appendText(appendText(appendText(appendText(p[:0], c.Device), c.Os), c.Browser), c.Bot)
	p = appendText(appendText(appendText(p, c.BotClass), c.OsVersion), c.BrowserVersion)
	dst = t.words.refer(ctx, dst, p)

	p = p[:0]
	if c.Asn != 0 || c.AsOrg != "" || c.ConnectionType != "" || c.Hosting {
		p = appendText(appendText(binary.AppendUvarint(p, uint64(c.Asn)), c.AsOrg), c.ConnectionType)
		p = append(p, bit(c.Hosting))
	}
	dst = t.words.refer(ctx, dst, p)
	dst = t.words.referText(ctx, dst, c.Language)
	dst = t.words.referText(ctx, dst, c.ReferrerDomain)
	dst = t.words.referText(ctx, dst, c.Keyword)
	dst = t.words.referText(ctx, dst, c.Creative)
	p = appendNames(p[:0], c)
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
		dst = t.words.referText(ctx, dst, sub)
	}
	dst[head] = snapshotVersion | flags
	if c.Block != "" || c.Blocked {
		p = append(appendText(p[:0], c.Block), bit(c.Blocked))
		dst = t.words.refer(ctx, dst, p)
		dst[head] = snapshotVersionBlock | flags
	}
	t.part = p
	return dst
}

// readSnapshot answers the click of a snapshot of the ID in t.id, with all that appendSnapshot took of it. The click is the caller's.
func (t *task) readSnapshot(ctx *stage.Context, b []byte) (*events.Click, error) {
	r := snapshotReader{b: b}
	head := r.byte()
	version := head &^ snapshotFlags
	if version < snapshotVersion1 || version > snapshotVersionBlock {
		return nil, fmt.Errorf("%w: version %d, 1 to %d would be right", errSnapshot, head>>4, snapshotVersionBlock>>4)
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
	if version > snapshotVersion1 {
		c.LandingId, c.Landing = uint32(campaign.uvarint()), campaign.string()
		c.Buyer, c.Team = campaign.string(), campaign.string()
		for n := campaign.count(); n > 0; n-- {
			c.Tags = append(c.Tags, campaign.string())
		}
		for n := campaign.count(); n > 0; n-- {
			c.Goals = append(c.Goals, campaign.string())
		}
	}
	source := part()
	c.SourceId, c.Source = uint32(source.uvarint()), source.string()
	place := part()
	if version == snapshotVersion1 {
		c.Country, place.text = place.text, ""
	} else if place.rest() > 0 {
		c.Country, c.Region, c.City = place.string(), place.string(), place.string()
	}
	agent := part()
	c.Device, c.Os, c.Browser, c.Bot = agent.string(), agent.string(), agent.string(), agent.string()
	var network, named snapshotReader
	if version > snapshotVersion1 {
		c.BotClass, c.OsVersion, c.BrowserVersion = agent.string(), agent.string(), agent.string()
		if network = part(); network.rest() > 0 {
			c.Asn, c.AsOrg, c.ConnectionType, c.Hosting = uint32(network.uvarint()), network.string(), network.string(), network.byte() != 0
		}
		c.Language, c.ReferrerDomain, c.Keyword, c.Creative = part().text, part().text, part().text, part().text
		named = part()
	}
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
	for n := r.count(); n > 0; n-- {
		c.Subs = append(c.Subs, part().text)
	}
	readNames(&named, c)
	var block snapshotReader
	if version == snapshotVersionBlock {
		block = part()
		c.Block, c.Blocked = block.string(), block.byte() != 0
	}
	var err error
	for _, p := range [...]*snapshotReader{&campaign, &source, &place, &agent, &network, &named, &block} {
		if p.rest() > 0 {
			r.damaged()
		}
		err = errors.Join(err, p.err)
	}
	if r.rest() > 0 {
		r.damaged()
	}
	return c, errors.Join(err, r.err)
}

// names are the places of the source's own names in a click.
func names(c *events.Click) [10]*string {
	return [...]*string{&c.Zone, &c.ZoneName, &c.Site, &c.Placement, &c.AdCampaign, &c.AdCampaignName, &c.Adset, &c.AdsetName, &c.Ad, &c.AdName}
}

// A name is blank, the sub with a number from 1 on, or, after nameInline, a text.
const nameInline = 255

// appendNames says of which sub each name is: one part for most clicks of a source. Nothing where no name is set.
func appendNames(dst []byte, c *events.Click) []byte {
	if len(c.Zone)|len(c.ZoneName)|len(c.Site)|len(c.Placement)|len(c.AdCampaign)|len(c.AdCampaignName)|
		len(c.Adset)|len(c.AdsetName)|len(c.Ad)|len(c.AdName) == 0 {
		return dst
	}
	for _, name := range names(c) {
		if *name == "" {
			dst = append(dst, 0)
			continue
		}
		if i := slices.Index(c.Subs, *name); i >= 0 && i < nameInline-1 {
			dst = append(dst, byte(i+1))
		} else {
			dst = appendText(append(dst, nameInline), *name)
		}
	}
	return dst
}

func readNames(r *snapshotReader, c *events.Click) {
	if r.rest() == 0 {
		return
	}
	for _, name := range names(c) {
		switch i := int(r.byte()); {
		case i == 0:
		case i == nameInline:
			*name = r.string()
		case i <= len(c.Subs):
			*name = c.Subs[i-1]
		default:
			r.damaged()
		}
	}
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
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

// count reads how many things follow, each of a byte or more.
func (r *snapshotReader) count() uint64 {
	n := r.uvarint()
	if n > uint64(r.rest()) {
		r.damaged()
		return 0
	}
	return n
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
