package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// fill writes clicks as the edge would, and a postback for every fiftieth, to the given topics. It answers how many
// records there are.
func fill(ctx context.Context, s *site, clicksTopic string, clicks int, postbacks bool) (int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(200_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ring, err := id.NewKeyring(s.scenario.KeyID, map[uint8][]byte{s.scenario.KeyID: []byte(s.scenario.Secret)})
	if err != nil {
		return 0, err
	}
	var failed atomic.Pointer[error]
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Store(&err)
		}
	}
	minter := id.NewMinter()
	now := time.Now().UnixMilli()
	records := 0
	countries := []string{"DE", "US", "BR", "IN", "FR", "GB"}
	for i := range clicks {
		campaign, source := s.scenario.Campaigns[i*7%len(s.scenario.Campaigns)], s.scenario.Sources[i*13%len(s.scenario.Sources)]
		offer := s.scenario.Offers[i%len(s.scenario.Offers)]
		at := now - int64(clicks-i)/100
		clickID := minter.Click(ring, at, campaign.ID, source.ID).String()
		click := &events.Click{
			ClickId: clickID, EventMs: at, ReceivedMs: at, CampaignId: campaign.ID, Campaign: campaign.Name, SourceId: source.ID, Source: source.Name,
			OfferId: offer.ID, Offer: offer.Name, Subs: []string{fmt.Sprintf("zone-%d", i%5000), "mobile"}, ExternalId: fmt.Sprintf("%08x", i*2654435761),
			Keyword: "casual games", CostMicros: 12_500, Currency: "USD", CostBaseMicros: 12_500, OfferPayoutMicros: 25_000_000, OfferCurrency: "EUR",
			OfferPayoutBaseMicros: 27_500_000, Ip: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, byte(i >> 16), byte(i >> 8), byte(i)},
			Country: countries[i%len(countries)], Device: "mobile", Os: "Android", OsVersion: "14", Browser: "Chrome", BrowserVersion: "131",
			UserAgent: "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
			Referrer:  "https://news.example/article/1234", Language: "de-de", IpClicksPerMinute: 1,
		}
		value, err := click.MarshalVT()
		if err != nil {
			return 0, err
		}
		client.Produce(ctx, &kgo.Record{Topic: clicksTopic, Key: []byte(clickID), Value: value}, promise)
		records++
		if !postbacks || i%50 != 0 {
			continue
		}
		pb := &events.Postback{ReceiptId: minter.Receipt(at).String(), ClickId: clickID, Network: offer.Network, Event: "sale", Status: events.Status_STATUS_APPROVED,
			Txid: fmt.Sprintf("tx-%d", i), HasPayout: true, PayoutMicros: 25_000_000, Currency: "USD", PayoutBaseMicros: 25_000_000, EventMs: at + 600_000, ReceivedMs: at,
			CampaignId: campaign.ID, Campaign: campaign.Name, SourceId: source.ID, Source: source.Name}
		if value, err = pb.MarshalVT(); err != nil {
			return 0, err
		}
		client.Produce(ctx, &kgo.Record{Topic: schemas.TopicPostbacks, Key: []byte(clickID), Value: value}, promise)
		records++
	}
	if err := client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("writing the input: %w", err)
	}
	if err := failed.Load(); err != nil {
		return 0, fmt.Errorf("writing the input: %w", *err)
	}
	return records, nil
}

// until polls done ten times a second, for at most two minutes: oftener, and a query each time would be felt.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// lag answers how many records of the topics the group has not committed.
func lag(ctx context.Context, admin *kadm.Client, group string, topics ...string) (int64, error) {
	committed, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return 0, err
	}
	ends, err := admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return 0, err
	}
	var behind int64
	ends.Each(func(o kadm.ListedOffset) {
		at := int64(0)
		if c, ok := committed.Lookup(o.Topic, o.Partition); ok && c.At > 0 {
			at = c.At
		}
		behind += max(o.Offset-at, 0)
	})
	return behind, nil
}
