package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"tributary/attributor"
	"tributary/processor"
	"tributary/processor/stage"
	"tributary/processor/stages/join"
	"tributary/processor/state"
	"tributary/schemas"
	"tributary/schemas/events"
)

// joinPrefilled is what the prefilling child answers, one line of JSON.
type joinPrefilled struct {
	// DiskBytes is without the log of the write buffers, whose size depends on theirs only.
	DiskBytes uint64
	Seconds   float64
	// Settling is the part of Seconds after the last click, until no compaction was left.
	Settling float64
	Written  uint64 // bytes that flushes and compactions wrote
}

// joinPrefill puts live clicks into a processor's state through the join stage itself, as the processor's cycles would, without Kafka.
// Arguments: directory, clicks, time of the run (Unix ms).
func joinPrefill(args []string) error {
	live, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	runMS, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	cfg := processor.Defaults()
	traffic, err := newJoinTraffic(live, cfg.Window, runMS)
	if err != nil {
		return err
	}
	store, err := state.Open(state.Options{Dir: args[0], CacheBytes: cfg.CacheBytes, MemtableBytes: cfg.MemtableBytes})
	if err != nil {
		return err
	}
	joining := join.New(join.Options{Rules: attributor.Rules{WindowMS: cfg.Window.Milliseconds(), Scoring: attributor.DefaultScoring()},
		GraceMS: cfg.Grace.Milliseconds(), BookRetentionMS: cfg.BookRetention.Milliseconds(), MaxParked: cfg.MaxParked})
	fills := make([]*joinFill, partitions)
	for i := range fills {
		view := store.Partition(int32(i))
		fills[i] = &joinFill{view: view, stages: stage.NewPartition(int32(i), view, []stage.Stage{joining})}
		if err := fills[i].stages.Open(0, runMS); err != nil {
			return err
		}
	}
	started, logged := time.Now(), time.Now()
	const cycle = 20_000
	var click events.Click
	var record kgo.Record
	for from := int64(0); from < live; from += cycle {
		for i := from; i < min(from+cycle, live); i++ {
			traffic.click(i, &click)
			record.Key = append(record.Key[:0], click.ClickId...)
			f := fills[traffic.partition.Partition(&record, partitions)]
			if err := f.add(&click); err != nil {
				return err
			}
		}
		var g errgroup.Group
		for _, f := range fills {
			g.Go(f.flush)
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if time.Since(logged) > 5*time.Second {
			logged = time.Now()
			rate := float64(from+cycle) / time.Since(started).Seconds()
			fmt.Fprintf(os.Stderr, "    %.1f of %.1f M clicks, %.0f/s, %s left\n", float64(from+cycle)/1e6, float64(live)/1e6, rate,
				time.Duration(float64(live-from)/rate*float64(time.Second)).Round(time.Second))
		}
	}
	filled := time.Now()
	if err := store.Settle(); err != nil {
		return err
	}
	if os.Getenv("JOIN_DESCRIBE") != "" {
		fmt.Fprintln(os.Stderr, store.Describe())
	}
	answer := joinPrefilled{DiskBytes: store.TableBytes(), Written: store.WrittenBytes(), Seconds: time.Since(started).Seconds(), Settling: time.Since(filled).Seconds()}
	if err := store.Close(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

// joinFill is one partition being filled.
type joinFill struct {
	view    *state.Partition
	stages  *stage.Partition
	offset  int64
	records []stage.Record
	values  []byte
}

func (f *joinFill) add(c *events.Click) error {
	n := c.SizeVT()
	if len(f.values)+n > cap(f.values) {
		f.values = make([]byte, 0, 1<<20) // the records refer to the old one
	}
	from := len(f.values)
	f.values = f.values[:from+n]
	value := f.values[from : from+n : from+n]
	if _, err := c.MarshalToSizedBufferVT(value); err != nil {
		return err
	}
	f.records = append(f.records, stage.Record{Topic: schemas.TopicClicks, Offset: f.offset, Value: value, TimestampMS: c.ReceivedMs})
	f.offset++
	return nil
}

func (f *joinFill) flush() error {
	var failure error
	failed := func(fault stage.Failure) { failure = fault.Err }
	for i := range f.records {
		r := &f.records[i]
		f.stages.SetNow(r.TimestampMS)
		if err := f.stages.Advance(r.TimestampMS, failed); err != nil {
			return err
		}
		if err := f.stages.Process(r, failed); err != nil {
			return err
		}
	}
	f.stages.DropOutputs()
	f.records, f.values = f.records[:0], f.values[:0]
	if failure != nil {
		return failure
	}
	return f.view.Flush()
}
