package aside

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"tributary/cli/misuse"
	"tributary/ingest/spool"
	"tributary/schemas"
	"tributary/schemas/events"
)

// opened is a spool with three records set aside, as an edge holds it, and a damaged place.
func opened(t *testing.T) (*spool.Spool, string) {
	t.Helper()
	cfg := spool.Defaults()
	cfg.Dir = filepath.Join(t.TempDir(), "spool")
	s, err := spool.Open(cfg, spool.Deps{Now: func() time.Time { return time.UnixMilli(1_767_225_603_000) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	postback, _ := (&events.Postback{ReceiptId: "receipt", ClickId: "click", Network: "ac\u202eme", Event: "sale", Txid: "t1", HasPayout: true, PayoutMicros: 12_500_000, Currency: "EUR"}).MarshalVT()
	click, _ := (&events.Click{ClickId: "click", Campaign: "summer", CostMicros: 20_000, Currency: "USD"}).MarshalVT()
	for _, r := range []spool.Record{
		{Topic: schemas.TopicPostbacks, ID: []byte("receipt"), Key: []byte("click"), Value: postback, TimeMS: 1_767_225_600_000},
		{Topic: schemas.TopicClicks, ID: []byte("click\u202e"), Key: []byte("click"), Value: click, TimeMS: 1_767_225_601_000},
		{Topic: schemas.TopicClicks, ID: []byte("odd"), Key: []byte("odd"), Value: []byte{0xff}, TimeMS: 1_767_225_602_000},
	} {
		batch, err := s.Submit(&r)
		if err != nil {
			t.Fatal(err)
		}
		if <-batch.Done(); batch.Err() != nil {
			t.Fatal(batch.Err())
		}
	}
	entries, err := s.Next(t.Context(), 3)
	if err != nil || len(entries) != 3 {
		t.Fatal(len(entries), err)
	}
	for i := range entries {
		if err := s.SetAside(&entries[i], kerr.MessageTooLarge); err != nil {
			t.Fatal(err)
		}
	}
	s.Done(3)
	if err := os.WriteFile(filepath.Join(cfg.Dir, "aside", "00000000000000000001-9999.damaged"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, cfg.Dir
}

func TestList(t *testing.T) {
	_, dir := opened(t)
	var out bytes.Buffer
	if err := List(ListOptions{Dir: dir, Limit: 100, Out: &out}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2026-01-01 00:00:00", "refused", "receipt", "12.5 EUR", "MESSAGE_TOO_LARGE", `click\u202e`, "0.02 USD", "00000000000000000001-9999.damaged", "damage amid a segment",
		"3 acknowledged records that Kafka refused, 1 damaged places", "tributary spool requeue"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the list lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "\u202e") {
		t.Error("the list turns its own direction")
	}
	out.Reset()
	if err := List(ListOptions{Dir: dir, Limit: 1, Out: &out}); err != nil || !strings.Contains(out.String(), "the oldest 1 are shown") || strings.Contains(out.String(), "damage amid") {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	if err := List(ListOptions{Dir: dir, JSON: true, Out: &out}); err != nil {
		t.Fatal(err)
	}
	var files []file
	for line := range strings.Lines(out.String()) {
		var f file
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) != 4 || files[0].Money == nil || *files[0].Money != (money{12_500_000, "EUR"}) || files[0].State != "refused" || !strings.Contains(files[2].What, "cannot be decoded") || files[3].State != "damaged" {
		t.Errorf("%+v", files)
	}
}

// edge does what a running one does with records that are to be tried again, until the test ends.
func edge(t *testing.T, s *spool.Spool, outcome func(*spool.AsideFile) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			for _, name := range s.Requeued(10) {
				f, err := s.ReadRequeued(name)
				if err == nil && f != nil {
					err = s.EndRequeued(f, outcome(f))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
			time.Sleep(time.Millisecond)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

func TestRequeue(t *testing.T) {
	s, dir := opened(t)
	edge(t, s, func(f *spool.AsideFile) error {
		if string(f.Record.ID) == "odd" {
			return kerr.InvalidRecord
		}
		return nil
	})
	var out bytes.Buffer
	done := 0
	err := Requeue(t.Context(), RequeueOptions{Dir: dir, All: true, Wait: 30 * time.Second, Progress: func(n, _ int) { done = n }, Out: &out})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "1 of 3") || !strings.Contains(out.String(), "Of 3 records Kafka has 2 now") || !strings.Contains(out.String(), "1 files hold no record and stay") || done != 3 {
		t.Errorf("%v, %d done\n%s", err, done, &out)
	}
	var left []string
	if err := spool.ReadAside(dir, func(f *spool.AsideFile) error { left = append(left, f.Name); return nil }); err != nil || len(left) != 2 {
		t.Errorf("%v are left, %v", left, err)
	}
	out.Reset()
	if err := Requeue(t.Context(), RequeueOptions{Dir: dir, Files: []string{left[0]}, Wait: 30 * time.Second, Out: &out}); !errors.Is(err, ErrRefused) {
		t.Errorf("%v\n%s", err, &out)
	}
}

// TestRequeueWithoutAnEdge asks, and says who will do it.
func TestRequeueWithoutAnEdge(t *testing.T) {
	s, dir := opened(t)
	_ = s
	var out bytes.Buffer
	for range 2 {
		out.Reset()
		if err := Requeue(t.Context(), RequeueOptions{Dir: dir, All: true, Wait: 0, Out: &out}); err != nil || !strings.Contains(out.String(), "3 wait: the edge of "+dir) {
			t.Errorf("%v\n%s", err, &out)
		}
	}
}

func TestMistakes(t *testing.T) {
	_, dir := opened(t)
	for want, run := range map[string]func() error{
		"--limit -1 is out of range": func() error { return List(ListOptions{Dir: dir, Limit: -1, Out: &bytes.Buffer{}}) },
		"there is no spool":          func() error { return List(ListOptions{Out: &bytes.Buffer{}}) },
		"there is no folder":         func() error { return List(ListOptions{Dir: dir + "x", Out: &bytes.Buffer{}}) },
		"and not both":               func() error { return Requeue(t.Context(), RequeueOptions{Dir: dir, Out: &bytes.Buffer{}}) },
		"is not the file of a record in": func() error {
			return Requeue(t.Context(), RequeueOptions{Dir: dir, Files: []string{"x.refused"}, Out: &bytes.Buffer{}})
		},
		"holds no record: damage amid": func() error {
			return Requeue(t.Context(), RequeueOptions{Dir: dir, Files: []string{"00000000000000000001-9999.damaged"}, Out: &bytes.Buffer{}})
		},
	} {
		if err := run(); !misuse.Is(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// A mistake among them leaves the others alone.
	files := 0
	_ = Requeue(t.Context(), RequeueOptions{Dir: dir, Files: []string{"00000000000000000001-32.refused", "x.refused"}, Out: &bytes.Buffer{}})
	if err := spool.ReadAside(dir, func(f *spool.AsideFile) error {
		if f.Requeued {
			return fmt.Errorf("%s is requeued", f.Name)
		}
		files++
		return nil
	}); err != nil || files != 4 {
		t.Errorf("%d files, %v", files, err)
	}
}
