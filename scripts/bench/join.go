package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/processor"
	"tributary/schemas"
	"tributary/schemas/events"
)

// joinFlags are what `make bench-join` is told by BENCHFLAGS.
type joinFlags struct {
	clicks  string
	events  float64
	restore float64
	profile string
}

// joinRateShare is the least part of the first size's rate that a later one may have.
const joinRateShare = .8

// benchJoin: how fast the processor joins while it remembers so many clicks, what they cost in memory and on disk, and how long it takes
// to be back after a restart and after the loss of its state.
func benchJoin(ctx context.Context, b *bench) error {
	var first joinPace
	for _, text := range strings.Split(cmp.Or(b.join.clicks, "1e6,1e7"), ",") {
		live, err := strconv.ParseFloat(text, 64)
		if err != nil || live < 1 {
			return fmt.Errorf("--clicks has %q; numbers such as 1e6,1e7 would be right", text)
		}
		pace, err := b.joinAt(ctx, int64(live), first)
		if err != nil {
			return fmt.Errorf("%s live clicks: %w", millions(live), err)
		}
		if first.rate == 0 {
			first = pace
		}
	}
	if b.join.restore >= 1 {
		return b.joinRestore(ctx, int64(b.join.restore))
	}
	return nil
}

func millions(n float64) string { return strconv.FormatFloat(n/1e6, 'g', 3, 64) + " M" }

// joinPace is how fast the processor was: events a second of the clock, beside its broker on the same cores, and of its own CPU time.
type joinPace struct{ rate, perCPU float64 }

// joinAt measures one size of state.
func (b *bench) joinAt(ctx context.Context, live int64, first joinPace) (pace joinPace, err error) {
	name := "join-" + strconv.FormatInt(live, 10)
	dir := filepath.Join(b.dir, name)
	defer os.RemoveAll(dir) // the next size needs the room
	traffic, err := newJoinTraffic(live, processor.Defaults().Window, time.Now().Add(-time.Hour).UnixMilli())
	if err != nil {
		return pace, err
	}
	said := millions(float64(live)) + " live clicks"
	filled, err := b.joinFilled(ctx, filepath.Join(dir, "state"), traffic)
	if err != nil {
		return pace, fmt.Errorf("filling the state: %w", err)
	}
	perClick := float64(filled.DiskBytes) / float64(live)
	b.report(said+": bytes a click on disk", fmt.Sprintf("%.0f", perClick), "", "", "≤ 110")
	b.report(said+": bytes written a byte on disk", fmt.Sprintf("%.1f", float64(filled.Written)/float64(filled.DiskBytes)), "", "", "")
	b.report(said+": put there, clicks/s, no Kafka", fmt.Sprintf("%.0f", float64(live)/(filled.Seconds-filled.Settling)), "", "", "")

	broker, address, err := b.startChild("child-broker", filepath.Join(dir, "kafka"))
	if err != nil {
		return pace, err
	}
	defer broker.stop()
	s, err := b.newSite(name, address)
	if err != nil {
		return pace, err
	}
	if err := makeTopics(ctx, address); err != nil {
		return pace, err
	}
	records, err := traffic.fill(ctx, address, int64(b.join.events))
	if err != nil {
		return pace, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return pace, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if err := makeCopyTopic(ctx, admin); err != nil {
		return pace, err
	}
	limit, err := copyRate(ctx, address, records)
	if err != nil {
		return pace, err
	}
	p, err := b.role(ctx, s, "process")
	if err != nil {
		return pace, err
	}
	pace.rate, err = b.joinRate(ctx, s, p, admin, records)
	if err != nil {
		p.stop()
		return pace, err
	}
	cpu, memory := p.cpu().Seconds(), p.memory()
	pace.perCPU = float64(records) / cpu
	p.kill()
	b.report(said+": events/s, exactly once", fmt.Sprintf("%.0f", pace.rate), fmt.Sprintf("%.0f copied in transactions", limit), fmt.Sprintf("%.2f", pace.rate/limit), "")
	b.report(said+": events a CPU-second", fmt.Sprintf("%.0f", pace.perCPU), "", "", "≥ 100000")
	b.report(said+": CPU-s a million events", fmt.Sprintf("%.1f", cpu/float64(records)*1e6), "", "", "≤ 10")
	if first.rate > 0 {
		aim := fmt.Sprintf("≥ %.1f", joinRateShare)
		b.report(said+": events/s, of those at the first size", "", fmt.Sprintf("%.0f", first.rate), fmt.Sprintf("%.2f", pace.rate/first.rate), aim)
		b.report(said+": events a CPU-second, of those at the first size", "", fmt.Sprintf("%.0f", first.perCPU), fmt.Sprintf("%.2f", pace.perCPU/first.perCPU), aim)
	}
	b.report(said+": most resident memory, MiB", fmt.Sprintf("%d", memory>>20), "", "", "≤ 1024")
	killed, err := b.joinRestart(ctx, s)
	if err != nil {
		return pace, err
	}
	took, err := b.joinRestart(ctx, s)
	if err != nil {
		return pace, err
	}
	b.report(said+": restart to ready, ms", fmt.Sprintf("%d", took.Milliseconds()), "", "", "≤ 1000")
	b.report(said+": restart to ready after kill -9, ms", fmt.Sprintf("%d", killed.Milliseconds()), "", "", "≤ 1000")
	return pace, nil
}

// joinFilled has a child fill the state: what it needed of memory is none of the processor's.
func (b *bench) joinFilled(ctx context.Context, dir string, t *joinTraffic) (filled joinPrefilled, err error) {
	self, err := os.Executable()
	if err != nil {
		return filled, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return filled, err
	}
	cmd := exec.CommandContext(ctx, self, "child-join-prefill", dir, strconv.FormatInt(t.live, 10), strconv.FormatInt(t.runMS, 10))
	cmd.Stderr = os.Stderr // its progress
	line, err := cmd.Output()
	if err != nil {
		return filled, err
	}
	return filled, json.Unmarshal(line, &filled)
}

// joinRate watches the group's lag: the rate is of what the ready processor does from the first look on.
func (b *bench) joinRate(ctx context.Context, s *site, p *process, admin *kadm.Client, records int) (float64, error) {
	if b.join.profile != "" {
		go b.profile(s.opsOf["process"], b.join.profile, profileTime)
	}
	group := processor.Defaults().Group
	var began time.Time
	var done int64
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		behind, err := lag(ctx, admin, group, schemas.TopicClicks, schemas.TopicPostbacks)
		if err != nil {
			return 0, err
		}
		if began.IsZero() {
			began, done = time.Now(), int64(records)-behind
		}
		if behind == 0 {
			return float64(int64(records)-done) / time.Since(began).Seconds(), nil
		}
		select {
		case <-p.done:
			return 0, p.failed(errors.New("ended"))
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}

// profileTime is how long the processor or the loader is profiled.
const profileTime = 15 * time.Second

// profile writes the process's CPU profile of the next so long, whole seconds, to the file.
func (b *bench) profile(ops, file string, d time.Duration) {
	answer, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", ops, max(1, int(d/time.Second))))
	if err == nil {
		defer answer.Body.Close()
		var text []byte
		if text, err = io.ReadAll(answer.Body); err == nil {
			err = os.WriteFile(file, text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
	}
}

// joinRestart starts the processor on what it left, answers the time until it says that it is ready, and stops it.
func (b *bench) joinRestart(ctx context.Context, s *site) (time.Duration, error) {
	start := time.Now()
	p, err := b.role(ctx, s, "process")
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	p.stop()
	return took, nil
}

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
	p.stdin.Close()
	p.logFile.Close()
}

// joinRestore: clicks through Kafka into the state; then the state is lost, and the topics make it anew.
func (b *bench) joinRestore(ctx context.Context, clicks int64) error {
	dir := filepath.Join(b.dir, "join-restore")
	defer os.RemoveAll(dir)
	traffic, err := newJoinTraffic(0, processor.Defaults().Window, time.Now().Add(-time.Duration(clicks/joinFreshPerMS)*time.Millisecond-time.Minute).UnixMilli())
	if err != nil {
		return err
	}
	broker, address, err := b.startChild("child-broker", filepath.Join(dir, "kafka"))
	if err != nil {
		return err
	}
	defer broker.stop()
	s, err := b.newSite("join-restore", address)
	if err != nil {
		return err
	}
	if err := makeTopics(ctx, address); err != nil {
		return err
	}
	records, err := traffic.fill(ctx, address, clicks)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	p, err := b.role(ctx, s, "process")
	if err != nil {
		return err
	}
	if _, err := b.joinRate(ctx, s, p, kadm.NewClient(client), records); err != nil {
		p.stop()
		return err
	}
	p.stop()
	if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
		return err
	}
	b.patience = time.Duration(records) * time.Millisecond // a thousand a second would be a failure
	defer func() { b.patience = 0 }()
	start := time.Now()
	if p, err = b.role(ctx, s, "process"); err != nil {
		return err
	}
	took := time.Since(start)
	memory := p.memory()
	p.stop()
	said := "state of " + millions(float64(clicks)) + " clicks lost: "
	b.report(said+"ready again, s", fmt.Sprintf("%.1f", took.Seconds()), "", "", "")
	b.report(said+"records/s from the topics", fmt.Sprintf("%.0f", float64(records)/took.Seconds()), "", "", "")
	b.report(said+"most resident memory, MiB", fmt.Sprintf("%d", memory>>20), "", "", "≤ 1024")
	return nil
}

// fill writes n events as the edge would: new clicks, some of them twice, and postbacks for clicks of all ages.
func (t *joinTraffic) fill(ctx context.Context, broker string, n int64) (int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(100_000), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	var failed atomic.Pointer[error]
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Store(&err)
		}
	}
	random := draws(42)
	clicks, postbacks := int64(0), int64(0)
	var click events.Click
	logged := time.Now()
	for i := range n {
		ms := t.timeMS(t.live + clicks)
		at := time.UnixMilli(ms)
		var record *kgo.Record
		kind := random.unit()
		if kind < joinPostbackShare && t.live+clicks > 0 {
			which := t.at(ms-t.ageMS(&random), t.live+clicks-1)
			postback := t.postback(postbacks, which, ms)
			value, err := postback.MarshalVT()
			if err != nil {
				return 0, err
			}
			postbacks++
			record = &kgo.Record{Topic: schemas.TopicPostbacks, Key: []byte(postback.ClickId), Value: value, Timestamp: at}
		} else {
			which := t.live + clicks
			if kind > 1-joinResentShare && clicks > 2000 {
				which -= 1000
			} else {
				clicks++
			}
			t.click(which, &click)
			value, err := click.MarshalVT()
			if err != nil {
				return 0, err
			}
			record = &kgo.Record{Topic: schemas.TopicClicks, Key: []byte(click.ClickId), Value: value, Timestamp: at}
		}
		client.Produce(ctx, record, promise)
		if time.Since(logged) > 5*time.Second {
			logged = time.Now()
			fmt.Fprintf(os.Stderr, "    %.1f of %.1f M events into Kafka\n", float64(i)/1e6, float64(n)/1e6)
		}
	}
	if err := client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("writing the input: %w", err)
	}
	if err := failed.Load(); err != nil {
		return 0, fmt.Errorf("writing the input: %w", *err)
	}
	return int(n), nil
}
