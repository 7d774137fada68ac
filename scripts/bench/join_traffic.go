package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/cli/loadgen"
	"tributary/cli/loadgen/useragents"
	"tributary/ingest/useragent"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// Shares of the run that meets the live clicks. The others are new clicks.
const (
	joinPostbackShare = .05
	joinResentShare   = .005
	// Ages of the clicks that postbacks name: log-normal, and a part spread evenly over the window.
	joinAgeMedian   = 20 * time.Minute
	joinAgeSigma    = 1.8
	joinAnyAgeShare = .05
	joinFreshPerMS  = 10 // new clicks a millisecond of event time
)

// joinTraffic draws click number i from i alone, so that a postback can name any of a hundred million clicks without
// a list of them. The clicks are the load generator's: its campaigns, sources, offers, countries, user agents, subs and
// external IDs, in its shares. Clicks 0 to live-1 are spread evenly over the window before runMS; those from live on follow at joinFreshPerMS.
type joinTraffic struct {
	live, runMS int64
	spacingMS   float64

	campaigns []*joinCampaign // a table to draw from, as the next two
	sources   []*loadgen.Source
	agents    []useragent.Info
	texts     []string // the agents' own
	partition kgo.TopicPartitioner
}

type joinCampaign struct {
	loadgen.Campaign
	offer     *loadgen.Offer
	payout    int64
	countries []string
}

const joinTableEntries = 4096

// joinTable makes a table in which every value is found as often as its weight says.
func joinTable[T any](values []T, weight func(i int) float64) []T {
	sums := make([]float64, len(values))
	sum := 0.0
	for i := range values {
		sum += weight(i)
		sums[i] = sum
	}
	table := make([]T, joinTableEntries)
	for i := range table {
		table[i] = values[min(sort.SearchFloat64s(sums, (float64(i)+.5)/joinTableEntries*sum), len(values)-1)]
	}
	return table
}

func newJoinTraffic(live int64, window time.Duration, runMS int64) (*joinTraffic, error) {
	s := loadgen.DefaultScenario(time.UnixMilli(runMS))
	t := &joinTraffic{live: live, runMS: runMS, spacingMS: float64(window.Milliseconds()) / float64(max(live, 1)),
		partition: kgo.StickyKeyPartitioner(nil).ForTopic("")}
	var campaigns []*joinCampaign
	for _, c := range s.Campaigns {
		j := &joinCampaign{Campaign: c, countries: nil}
		for i := range s.Offers {
			if s.Offers[i].Name == c.Offer {
				j.offer = &s.Offers[i]
			}
		}
		payout, err := strconv.ParseFloat(j.offer.Payout, 64)
		if err != nil {
			return nil, err
		}
		j.payout = int64(payout * 1e6)
		names := make([]string, len(c.Countries))
		for i := range names {
			names[i] = c.Countries[i].Country
		}
		j.countries = joinTable(names, func(i int) float64 { return c.Countries[i].Weight })
		campaigns = append(campaigns, j)
	}
	t.campaigns = joinTable(campaigns, func(i int) float64 { return math.Pow(float64(i+1), -.9) })
	sources := make([]*loadgen.Source, len(s.Sources))
	for i := range sources {
		sources[i] = &s.Sources[i]
	}
	t.sources = joinTable(sources, func(i int) float64 { return math.Pow(float64(i+1), -.8) })
	parser, err := useragent.New(useragent.Config{})
	if err != nil {
		return nil, err
	}
	profiles := useragents.All()
	infos, texts := make([]useragent.Info, len(profiles)), make([]string, len(profiles))
	for i := range profiles {
		infos[i], texts[i] = parser.ParseString(profiles[i].UA), profiles[i].UA
	}
	t.agents = joinTable(infos, func(i int) float64 { return profiles[i].Weight })
	t.texts = joinTable(texts, func(i int) float64 { return profiles[i].Weight })
	return t, nil
}

// draws is SplitMix64 (Steele, Lea, Flood 2014): good numbers from any seed at once.
type draws uint64

func (d *draws) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (d *draws) unit() float64 { return float64(d.next()>>11) / (1 << 53) }

func (t *joinTraffic) timeMS(i int64) int64 {
	if i < t.live {
		return t.runMS - int64(float64(t.live-i)*t.spacingMS)
	}
	return t.runMS + (i-t.live)/joinFreshPerMS
}

// at is the number of a click of about this time; at most last.
func (t *joinTraffic) at(ms, last int64) int64 {
	if ms >= t.runMS {
		return min(t.live+(ms-t.runMS)*joinFreshPerMS, last)
	}
	return min(max(t.live-int64(float64(t.runMS-ms)/t.spacingMS), 0), last)
}

// click fills c in, all but the slices that it shares between calls.
func (t *joinTraffic) click(i int64, c *events.Click) {
	d := draws(i)
	r := d.next()
	campaign, source := t.campaigns[r%joinTableEntries], t.sources[r>>12%joinTableEntries]
	agent := r >> 24 % joinTableEntries
	info := &t.agents[agent]
	ms := t.timeMS(i)
	counter := uint64(0) // a minter's counter starts anew every millisecond
	if t.spacingMS < 1 || i >= t.live {
		counter = uint64(i) & 0xffff
	}
	var click id.Click
	binary.BigEndian.PutUint64(click[0:], uint64(ms)<<16|uint64(campaign.ID)>>4)
	binary.BigEndian.PutUint64(click[8:], uint64(campaign.ID&15)<<60|uint64(source.ID)<<40|1<<32|(0x5a17c3+r>>36%2*0x111111)<<8|counter>>8)
	click[16] = byte(counter)
	binary.BigEndian.PutUint64(click[17:], d.next()) // where the signature is; nobody after the edge checks it

	subs := append(c.Subs[:0], zoneNames[r>>37%400], "", adNames[r>>46%12])
	ip := append(c.Ip[:0], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, byte(r>>40), byte(r>>48), byte(r>>56))
	c.Reset()
	var text [id.ClickTextBytes]byte
	c.ClickId = string(click.AppendText(text[:0]))
	c.EventMs, c.ReceivedMs = ms, ms+int64(r>>60&3)
	c.CampaignId, c.Campaign, c.SourceId, c.Source = campaign.ID, campaign.Name, source.ID, source.Name
	c.OfferId, c.Offer = campaign.offer.ID, campaign.offer.Name
	c.Subs, c.Ip = subs, ip
	x := d.next()
	if x%3 > 0 {
		var raw [8]byte
		binary.BigEndian.PutUint64(raw[:], d.next())
		c.ExternalId = hex.EncodeToString(raw[:])
	}
	c.Creative, c.CostMicros, c.Currency, c.CostBaseMicros = "creative-3", 12_500+int64(x>>8&1023), source.Currency, 12_900
	c.OfferPayoutMicros, c.OfferCurrency, c.OfferPayoutBaseMicros = campaign.payout, campaign.offer.Currency, campaign.payout+campaign.payout/12
	c.Country = campaign.countries[x>>20%joinTableEntries]
	c.Device, c.Os, c.OsVersion, c.Browser, c.BrowserVersion = info.Device, info.OS, info.OSVersion, info.Browser, info.BrowserVersion
	c.UserAgent, c.Referrer, c.Language = t.texts[agent], "https://news.example/article/1234", "de-de"
	c.IpClicksPerMinute = 1 + uint32(x>>40%100/97)
}

var zoneNames, adNames = func() (zones, ads []string) {
	for i := range 400 {
		zones = append(zones, fmt.Sprintf("zone%d", 100+i))
	}
	for i := range 12 {
		ads = append(ads, fmt.Sprintf("ad%d", i))
	}
	return zones, ads
}()

// age draws how old the click of a postback is.
func (t *joinTraffic) ageMS(d *draws) int64 {
	window := float64(t.live) * t.spacingMS
	if d.unit() < joinAnyAgeShare {
		return int64(d.unit() * window * .99)
	}
	normal := math.Sqrt(-2*math.Log(1-d.unit())) * math.Cos(2*math.Pi*d.unit())
	return int64(min(float64(joinAgeMedian.Milliseconds())*math.Exp(joinAgeSigma*normal), window*.99))
}

// postback answers the n-th postback: a conversion of click i at a time.
func (t *joinTraffic) postback(n, i, ms int64) *events.Postback {
	var c events.Click
	t.click(i, &c)
	return &events.Postback{ReceiptId: fmt.Sprintf("%026d", n), ClickId: c.ClickId, Network: "shopline", Event: "sale", Status: events.Status_STATUS_APPROVED,
		OriginalStatus: "ok", Txid: fmt.Sprintf("tx-%d", n), HasPayout: true, PayoutMicros: 25_000_000, Currency: "USD", PayoutBaseMicros: 25_000_000, EventMs: ms, ReceivedMs: ms,
		CampaignId: c.CampaignId, Campaign: c.Campaign, SourceId: c.SourceId, Source: c.Source}
}
