package spool

import (
	"strconv"
	"sync/atomic"
	"testing"
)

func benchRecord() *Record {
	r := testRecord(1)
	r.Value = make([]byte, 450) // about a click
	return r
}

func benchConfig(b *testing.B) Config {
	cfg := Defaults()
	cfg.Dir, cfg.MaxBytes = b.TempDir(), 16<<30
	return cfg
}

// BenchmarkPut is records a second made durable, each caller waiting for its own: by how many wait at once.
func BenchmarkPut(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run("callers="+strconv.Itoa(callers), func(b *testing.B) {
			s := opened(b, benchConfig(b), nil)
			defer closed(b, s)
			b.ReportAllocs()
			b.SetParallelism(max(1, callers/2))
			var failed atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				r := benchRecord()
				for pb.Next() {
					batch, err := s.Submit(r)
					if err != nil {
						failed.Add(1)
						continue
					}
					<-batch.Done()
				}
			})
			if failed.Load() > 0 {
				b.Errorf("%d were refused", failed.Load())
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(b.N)/total(b, s.metrics.sync), "records/fsync")
		})
	}
}

// BenchmarkRecover is records a second read at a start; BenchmarkDrain those read to be sent, without sending.
func BenchmarkRecover(b *testing.B) {
	cfg := filled(b)
	for b.Loop() {
		s := opened(b, cfg, nil)
		if n := s.pending.Load(); n != benchRecords {
			b.Fatalf("%d records", n)
		}
		closed(b, s)
	}
	b.ReportMetric(float64(b.N)*benchRecords/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkDrain(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := opened(b, filled(b), nil)
		b.StartTimer()
		for s.Pending() {
			entries, err := s.Next(b.Context(), 2000)
			if err != nil {
				b.Fatal(err)
			}
			s.Done(len(entries))
		}
		b.StopTimer()
		closed(b, s)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*benchRecords/b.Elapsed().Seconds(), "records/s")
}

const benchRecords = 200_000

func filled(b *testing.B) Config {
	cfg := benchConfig(b)
	s := opened(b, cfg, nil)
	r := benchRecord()
	var last *Batch
	for range benchRecords {
		for {
			batch, err := s.Submit(r)
			if err == nil {
				last = batch
				break
			}
			<-last.Done()
		}
	}
	<-last.Done()
	closed(b, s)
	return cfg
}
