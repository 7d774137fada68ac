package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestTransfersKeepToTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := limiter(1 << 20)
		start := time.Now()
		var moved int64
		done := make(chan error)
		for range 4 { // at the same time
			go func() {
				done <- transfer(t.Context(), limit, func(n int64) { atomic.AddInt64(&moved, n) }, func(error) {}, func(_ context.Context, pass through) error {
					_, err := io.Copy(io.Discard, pass(io.NopCloser(bytes.NewReader(make([]byte, 5<<20)))))
					return err
				})
			}()
		}
		for range 4 {
			must(t, <-done)
		}
		if took := time.Since(start); moved != 20<<20 || took < 19*time.Second || took > 21*time.Second {
			t.Errorf("%d bytes took %s at 1 MiB/s", moved, took)
		}
	})
}

func TestAStandstillIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, retries := 0, 0
		var moved int64
		start := time.Now()
		err := transfer(t.Context(), nil, func(n int64) { moved += n }, func(err error) {
			retries++
			if !errors.Is(err, errStalled) {
				t.Errorf("tried again because of %v", err)
			}
		}, func(ctx context.Context, pass through) error {
			r := pass(io.NopCloser(strings.NewReader("12345")))
			if _, err := io.ReadAll(r); err != nil {
				return err
			}
			if tries++; tries < 3 {
				<-ctx.Done() // the service never answers
				return ctx.Err()
			}
			return nil
		})
		must(t, err)
		if tries != 3 || retries != 2 || moved != 5 || time.Since(start) < 2*stallTimeout {
			t.Errorf("%d tries, %d retries, %d bytes in %s", tries, retries, moved, time.Since(start))
		}
		// A slow rate is no standstill.
		must(t, transfer(t.Context(), limiter(1<<16), func(int64) {}, func(err error) { t.Error(err) }, func(_ context.Context, pass through) error {
			_, err := io.Copy(io.Discard, pass(io.NopCloser(bytes.NewReader(make([]byte, 60<<20)))))
			return err
		}))
	})
}

func TestRetriesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tc := range map[string]struct {
			err   error
			tries int
		}{
			"passing trouble": {errors.New("reset"), transferTries},
			"for good":        {backoff.Permanent(errAbsent), 1},
		} {
			tries := 0
			err := retry(t.Context(), func(error) {}, func() error { tries++; return tc.err })
			var p *backoff.PermanentError
			if tries != tc.tries || err == nil || errors.As(err, &p) {
				t.Errorf("%s: %d tries, %#v", name, tries, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := retry(ctx, func(error) {}, func() error { return errFault }); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
			t.Errorf("with a deadline: %v after %s", err, time.Since(start))
		}
	})
}

func TestProgressTellsRateAndTimeLeft(t *testing.T) {
	c := &clock{t: time.Unix(1000, 0)}
	var told []Progress
	m := newMeter("fetching", 1000, c.now, func(p Progress) { told = append(told, p) })
	m.skip(200)
	for range 4 {
		c.add(500 * time.Millisecond)
		m.add(100)
	}
	m.add(-100) // a try in vain
	c.add(2 * time.Second)
	m.add(100)
	m.add(400) // the end is told at once
	want := []Progress{
		{"fetching", 400, 1000, 200, 3 * time.Second},
		{"fetching", 600, 1000, 200, 2 * time.Second},
		{"fetching", 600, 1000, 100, 4 * time.Second},
		{"fetching", 1000, 1000, 200, 0},
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// TestS3TroubleIsOvercome has the service refuse, garble and break connections now and then.
func TestS3TroubleIsOvercome(t *testing.T) {
	srv := startS3(t)
	s := openStore(t, testConfig(srv.url), Deps{})
	db := newDB(t, vfs.NewMem(), "db")
	put(t, db, 0, 0, 20_000, "x")
	flushed(t, db)
	want := content(t, db, 0)
	var n atomic.Int64
	srv.setFault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch k := n.Add(1); {
		case k%5 == 1:
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>reduce your rate</Message></Error>`)
		case k%5 == 3 && r.Method == http.MethodPut:
			_, _ = io.CopyN(io.Discard, r.Body, 100)
			panic(http.ErrAbortHandler)
		case k%5 == 3 && r.Method == http.MethodGet:
			next.ServeHTTP(&cutWriter{ResponseWriter: w, left: 50}, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
	ship(t, s, db, 0, 1)
	to := newDB(t, vfs.NewMem(), "to")
	_, ok, err := s.Restore(t.Context(), to, 0, nil, nil)
	must(t, err)
	if !ok {
		t.Error("nothing restored")
	}
	same(t, to, 0, want)
	if n.Load() < 20 {
		t.Errorf("only %d requests", n.Load())
	}
}

// cutWriter breaks the connection off in the middle of a body.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return w.ResponseWriter.Write(b)
}

func TestRefusalsAreSaidAtOnceAndWithoutSecrets(t *testing.T) {
	srv := startS3(t)
	db := newDB(t, vfs.NewMem(), "db")
	put(t, db, 0, 0, 100, "x")
	var requests atomic.Int64
	for name, tc := range map[string]struct {
		url   string
		fault func(w http.ResponseWriter, r *http.Request, next http.Handler)
		want  string
	}{
		"no such bucket": {strings.Replace(srv.url, "s3://bucket", "s3://another", 1), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			requests.Add(1)
			next.ServeHTTP(w, r)
		}, "does not exist"},
		"access denied": {srv.url, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			requests.Add(1)
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>`)
		}, "AWS_ACCESS_KEY_ID"},
	} {
		t.Run(name, func(t *testing.T) {
			srv.setFault(tc.fault)
			requests.Store(0)
			s := openStore(t, testConfig(tc.url), Deps{})
			_, err := tryShip(t, s, db, 0, 1)
			if !errors.Is(err, ErrDestination) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "the-") {
				t.Errorf("the error is %v", err)
			}
			if n := requests.Load(); n > 2 {
				t.Errorf("%d requests for a refusal", n)
			}
		})
	}
}
