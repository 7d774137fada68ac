package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
	"tributary/schemas/events"
)

const (
	// fullFor is how long the loader shows what it can do.
	fullFor = 10 * time.Second
	// A probe is a click of a campaign of its own whose row is waited for.
	loadProbeEvery = 100 * time.Millisecond
	loadLookEvery  = 50 * time.Millisecond
)

// reportUnderLoad asks while a loader works at half of what it can, and measures how fresh its rows are meanwhile.
func (b *bench) reportUnderLoad(ctx context.Context, s *site, a *asking) error {
	p, err := b.role(ctx, s, "sink", "--set", "sink.group=bench-report")
	if err != nil {
		return err
	}
	defer p.stop()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(200_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		return err
	}
	defer client.Close()
	l := &reportLoad{client: client, asking: a, accepted: map[string]time.Time{}, seen: map[string]time.Duration{}}
	full, err := l.full(ctx)
	if err != nil {
		return fmt.Errorf("at full load: %w", err)
	}
	b.report("report: loader's rows/s beside the dataset, at full load, nobody asks", fmt.Sprintf("%.0f", full), "", "", "")
	loadAverage(b)

	loaded, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for _, work := range []func(context.Context) error{
		func(ctx context.Context) error { return l.pace(ctx, full/2) }, l.probe, l.look,
	} {
		wg.Go(func() {
			if err := work(loaded); err != nil && loaded.Err() == nil {
				stop(err)
			}
		})
	}
	began, sent := time.Now(), l.sent.Load()
	err = b.askedUnderLoad(loaded, a)
	rate := float64(l.sent.Load()-sent) / time.Since(began).Seconds()
	cause := context.Cause(loaded)
	stop(nil)
	wg.Wait()
	if err := errors.Join(cause, err); err != nil {
		return fmt.Errorf("at half load: %w", err)
	}
	if len(l.seen) == 0 {
		return errors.New("no click of the load became visible")
	}
	times := make([]timed, 0, len(l.seen))
	for _, t := range l.seen {
		times = append(times, timed{took: t})
	}
	b.report("report: Kafka's answer → queryable meanwhile, p50 / p99 ms", quantilesOf(times), fmt.Sprintf("%.0f rows/s, %d of %d probes seen", rate, len(l.seen), len(l.accepted)), "", "p99 ≤ 2000")
	return nil
}

func (b *bench) askedUnderLoad(ctx context.Context, a *asking) error {
	for _, set := range a.sets(b.reports.questions) {
		warm, err := a.all(ctx, set.questions)
		if err != nil {
			return err
		}
		warm.cpu = 0
		b.asked(ctx, a, set.name+", loader at half load", set.aim, warm)
	}
	if err := b.wholeSub(ctx, a, "loader at half load"); err != nil {
		return err
	}
	return b.several(ctx, a, "loader at half load")
}

func quantilesOf(times []timed) string {
	list := make([]time.Duration, len(times))
	for i, t := range times {
		list[i] = t.took
	}
	return quantiles(list)
}

// A reportLoad brings scored clicks to a loader, and waits for some of them.
type reportLoad struct {
	client *kgo.Client
	asking *asking
	sent   atomic.Int64

	mu       sync.Mutex
	accepted map[string]time.Time
	seen     map[string]time.Duration
}

// full returns how many rows a second the loader brings into the tables when it always has some to bring.
func (l *reportLoad) full(ctx context.Context) (float64, error) {
	base, err := count(ctx, l.asking.roles, "tributary.clicks")
	if err != nil {
		return 0, err
	}
	var first time.Time
	var before, landed int64
	for looked := (time.Time{}); first.IsZero() || time.Since(first) < fullFor; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if time.Since(looked) > loadLookEvery {
			looked = time.Now()
			rows, err := count(ctx, l.asking.roles, "tributary.clicks")
			if err != nil {
				return 0, err
			}
			landed = int64(rows - base)
			if first.IsZero() && landed > 0 { // it has its partitions
				first, before = time.Now(), landed
			}
		}
		if l.sent.Load()-landed > aheadRows {
			pause(ctx, 5*time.Millisecond)
			continue
		}
		for range 100 {
			if err := l.send(ctx, "", nil); err != nil {
				return 0, err
			}
		}
	}
	rate := float64(landed-before) / time.Since(first).Seconds()
	return rate, until(ctx, "the loader", func() (bool, error) {
		rows, err := count(ctx, l.asking.roles, "tributary.clicks")
		return int64(rows-base) >= l.sent.Load(), err
	})
}

// pace sends so many a second, until the context ends.
func (l *reportLoad) pace(ctx context.Context, perSecond float64) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	start, sent := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for due := int(time.Since(start).Seconds() * perSecond); sent < due; sent++ {
			if err := l.send(ctx, "", nil); err != nil {
				return err
			}
		}
	}
}

// probe sends a click of probeCampaign from time to time.
func (l *reportLoad) probe(ctx context.Context) error {
	for i := 0; ctx.Err() == nil; i++ {
		key := "probe-" + strconv.Itoa(i)
		err := l.send(ctx, key, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.accepted[key] = time.Now()
		})
		if err != nil {
			return err
		}
		pause(ctx, loadProbeEvery)
	}
	return nil
}

// look notes when a query sees a probe.
func (l *reportLoad) look(ctx context.Context) error {
	for ctx.Err() == nil {
		keys, err := probeKeys(ctx, l.asking.roles)
		if err != nil {
			return err
		}
		now := time.Now()
		l.mu.Lock()
		for _, key := range keys {
			if at, ok := l.accepted[key]; ok && l.seen[key] == 0 {
				l.seen[key] = max(now.Sub(at), 1)
			}
		}
		l.mu.Unlock()
		pause(ctx, loadLookEvery)
	}
	return nil
}

// send brings a click that happened in the dataset's last hour and is accepted now, so that questions read it. With a key
// it is a probe, and send waits until Kafka has it.
func (l *reportLoad) send(ctx context.Context, key string, acknowledged func()) error {
	i := l.sent.Add(1)
	now := time.Now().UnixMilli()
	campaign, source, offer := uint32(1+i*7%reportCampaigns), uint32(1+i*13%reportSources), uint32(1+i*3%reportOffers)
	if key != "" {
		campaign = probeCampaign
	}
	countries := []string{"DE", "US", "BR", "IN", "FR"}
	click := &events.Click{
		ClickId: fmt.Sprintf("%012x%028x", now, uint64(i)*0x9E3779B97F4A7C15), EventMs: reportEnd.Add(-time.Hour).UnixMilli() + now%3_600_000, ReceivedMs: now,
		CampaignId: campaign, Campaign: fmt.Sprintf("campaign-%d", campaign), SourceId: source, Source: fmt.Sprintf("source-%d", source),
		OfferId: offer, Offer: fmt.Sprintf("offer-%d", offer), Subs: []string{strconv.FormatInt(i*31%reportZones, 10), strconv.FormatInt(i*7919%reportSubs, 10)}, ExternalId: key,
		Keyword: fmt.Sprintf("keyword %d %d", campaign, i*17%reportKeywords), CostMicros: 12_500, Currency: "USD", CostBaseMicros: 12_500,
		Ip: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, byte(i >> 16), byte(i >> 8), byte(i)}, Country: countries[i%int64(len(countries))],
		Device: "mobile", Os: "Android", OsVersion: "14", Browser: "Chrome", BrowserVersion: "131", Language: "de-de", IpClicksPerMinute: 1,
		UserAgent: "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
		Referrer:  "https://news.example/article/1234",
	}
	value, err := click.MarshalVT()
	if err != nil {
		return err
	}
	record := &kgo.Record{Topic: schemas.TopicScoredClicks, Key: []byte(click.ClickId), Value: value}
	if acknowledged == nil { // one that is lost is missed by whoever waits for all
		l.client.Produce(ctx, record, nil)
		return ctx.Err()
	}
	err = l.client.ProduceSync(ctx, record).FirstErr()
	if err == nil {
		acknowledged()
	}
	return err
}
