package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/events"
)

// probeCampaign is nobody else's.
const probeCampaign = 4_000_000_000

// sinkFreshness measures from Kafka's acknowledgement of a scored click until a query counts it: while the loader is as busy
// as it can be, and with ten events a second.
func (b *bench) sinkFreshness(ctx context.Context, s *site, conn driver.Conn) error {
	for _, load := range []struct {
		name  string
		full  bool
		every time.Duration
	}{{"at full load", true, 50 * time.Millisecond}, {"at 10 events/s", false, 100 * time.Millisecond}} {
		if err := empty(ctx, conn, "tributary"); err != nil {
			return err
		}
		p, err := b.role(ctx, s, "sink", "--set", fmt.Sprintf("sink.group=bench-%d", b.rounds-1)) // it has loaded all there is
		if err != nil {
			return err
		}
		times, rate, err := freshRows(ctx, s, conn, load.full, load.every)
		p.stop()
		if err != nil {
			return fmt.Errorf("freshness %s: %w", load.name, err)
		}
		b.report("sink: Kafka's answer → queryable "+load.name+", p50 / p99 ms", quantiles(times), fmt.Sprintf("%.0f rows/s meanwhile", rate), "", "p99 ≤ 2000")
	}
	return nil
}

// aheadRows is how many rows the producer of a full load keeps in front of what has landed, a third of a second's worth
// or so: the loader always has something to do, and rows do not wait in a backlog.
const aheadRows = 60_000

func freshRows(ctx context.Context, s *site, conn driver.Conn, full bool, every time.Duration) ([]time.Duration, float64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(200_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu       sync.Mutex
		accepted = map[string]time.Time{}
		landed   atomic.Int64
		sent     atomic.Int64
		wg       sync.WaitGroup
	)
	base, err := count(ctx, conn, "tributary.clicks")
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	loading, stopLoading := context.WithTimeout(ctx, (freshSeconds+3)*time.Second)
	defer stopLoading()
	if full {
		wg.Go(func() {
			for i := 0; loading.Err() == nil; i++ {
				if sent.Load()-landed.Load() > aheadRows {
					pause(loading, 5*time.Millisecond)
					continue
				}
				sent.Add(1)
				if err := produceClick(ctx, client, uint32(1+i%5), fmt.Sprintf("load-%d", i), nil); err != nil {
					cancel(err)
				}
			}
		})
		pause(ctx, 3*time.Second)
	}
	n := int(freshSeconds * time.Second / every)
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := range n {
			key := fmt.Sprintf("probe-%d", i)
			sent.Add(1)
			err := produceClick(ctx, client, probeCampaign, key, func() {
				mu.Lock()
				defer mu.Unlock()
				accepted[key] = time.Now()
			})
			if err != nil {
				cancel(err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	seen := map[string]time.Duration{}
	rate := 0.0
	deadline := time.Now().Add(time.Minute)
	for len(seen) < n {
		if time.Now().After(deadline) {
			return nil, 0, fmt.Errorf("%d of %d probes did not arrive", n-len(seen), n)
		}
		if err := context.Cause(ctx); err != nil {
			return nil, 0, err
		}
		rows, err := count(ctx, conn, "tributary.clicks")
		if err != nil {
			return nil, 0, err
		}
		landed.Store(int64(rows - base))
		if loading.Err() == nil {
			rate = float64(rows-base) / time.Since(start).Seconds()
		}
		keys, err := probeKeys(ctx, conn)
		if err != nil {
			return nil, 0, err
		}
		now := time.Now()
		mu.Lock()
		for _, key := range keys {
			if at, ok := accepted[key]; ok && seen[key] == 0 {
				seen[key] = max(now.Sub(at), 1)
			}
		}
		mu.Unlock()
		pause(ctx, pollEvery)
	}
	stopLoading()
	wg.Wait()
	if err := client.Flush(ctx); err != nil {
		return nil, 0, err
	}
	times := make([]time.Duration, 0, n)
	for _, t := range seen {
		times = append(times, t)
	}
	return times, rate, nil
}

// probeKeys are the probes that a query sees. An acknowledgement may come to know of itself only after the row is there: such a
// probe is taken at the next look.
func probeKeys(ctx context.Context, conn driver.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT external_id FROM tributary.clicks WHERE campaign_id = %d SETTINGS max_threads = 1", probeCampaign))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, errors.Join(rows.Err(), rows.Close())
}

// produceClick sends a scored click of now; acknowledged, if given, is called when Kafka has it.
func produceClick(ctx context.Context, client *kgo.Client, campaign uint32, key string, acknowledged func()) error {
	now := time.Now().UnixMilli()
	click := &events.Click{
		ClickId: fmt.Sprintf("%040s", key), EventMs: now, ReceivedMs: now, CampaignId: campaign, Campaign: "summer", SourceId: 7, Source: "push-4411", OfferId: 3, Offer: "casino-de",
		Subs: []string{"zone-4411", "mobile"}, ExternalId: key, Keyword: "casual games", CostMicros: 12_500, Currency: "USD", CostBaseMicros: 12_500,
		OfferPayoutMicros: 25_000_000, OfferCurrency: "EUR", OfferPayoutBaseMicros: 27_500_000, Ip: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3},
		Country: "DE", Device: "mobile", Os: "Android", OsVersion: "14", Browser: "Chrome", BrowserVersion: "131",
		UserAgent: "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
		Referrer:  "https://news.example/article/1234", Language: "de-de", IpClicksPerMinute: 1,
	}
	value, err := click.MarshalVT()
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	client.Produce(ctx, &kgo.Record{Topic: schemas.TopicScoredClicks, Key: []byte(key), Value: value}, func(_ *kgo.Record, err error) {
		if err == nil && acknowledged != nil {
			acknowledged()
		}
		failed <- err
	})
	if acknowledged == nil { // a full load waits for nothing but its own bound
		return nil
	}
	return <-failed
}
