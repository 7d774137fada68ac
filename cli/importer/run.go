package importer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tributary/catalog"
	"tributary/catalog/moment"
	"tributary/catalog/money"
	"tributary/cli/misuse"
)

// Options say what to import and how.
type Options struct {
	// File is the path of the CSV file.
	File    string
	Tracker *Tracker
	// Columns are the caller's names of columns, before the tracker's; an empty name leaves the field out.
	Columns map[Field]string
	// CampaignMap and SourceMap give the other tracker's names of campaigns and sources those of the catalog. Campaign and
	// Source are for lines whose name is neither mapped nor the catalog's own.
	CampaignMap, SourceMap map[string]string
	Campaign, Source       string
	// Currency of costs whose line names none; empty for that of the source or campaign.
	Currency string
	// Zone of times that name none.
	Zone      *time.Location
	Decimal   money.Decimal
	Dates     moment.Order
	Separator rune // 0 finds out
	// Encoding is the file's character set; empty finds out.
	Encoding string

	// Catalog is the edge's.
	Catalog *catalog.Catalog
	// Campaigns are the names of its campaigns, for suggestions.
	Campaigns []string
	// Window is the processor's lookback window.
	Window time.Duration

	// Send imports; without it nothing is sent or written.
	Send bool
	// Restart begins anew in spite of a checkpoint.
	Restart bool
	// Edge is the edge's address, such as http://127.0.0.1:8080; Token one of its ingest.trust.clicks_tokens.
	Edge, Token string
	// Checkpoint and Rejected are the files that a run writes; empty for names beside File.
	Checkpoint, Rejected string
	// Parallel is how many requests are under way at once, Rate the clicks a second at most, 0 for no limit.
	Parallel int
	Rate     float64
	// RetryFor is how long an edge that is not available is asked again.
	RetryFor time.Duration
	// MaxBody bounds a request, in bytes.
	MaxBody int

	Out      io.Writer
	Progress func(Progress)
	Client   *http.Client
	// Now is the wall clock; nil for time.Now.
	Now func() time.Time
}

// Progress is how far a run is, in bytes of the file.
type Progress struct {
	What        string
	Done, Total int64
	// Clicks were read or sent in this run, Rate a second.
	Clicks int64
	Rate   float64
	Left   time.Duration
}

// giveUpAfter is how many lines from the beginning may be refused before a run ends: something is wrong with all of them.
const giveUpAfter = 1000

// checkpointEvery is how often a checkpoint is written.
const checkpointEvery = time.Second

// MaxParallel bounds Options.Parallel.
const MaxParallel = 64

// Run imports a file, or says what importing it would do.
func Run(ctx context.Context, o Options) error {
	o.complete()
	if err := o.check(); err != nil {
		return err
	}
	file, err := os.Open(o.File)
	if err != nil {
		return misuse.Errorf("opening the file: %v", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("looking at the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return misuse.Errorf("%s is not a regular file; right would be a CSV file on disk, so that an interrupted import can go on", o.File)
	}
	format, err := Detect(file, info.Size(), o.Separator, o.Encoding)
	if err != nil {
		return err
	}
	mapping, err := MapColumns(format.Header, o.Tracker, o.Columns)
	if err != nil {
		return err
	}
	r := &run{o: &o, file: file, size: info.Size(), format: format, began: o.Now(),
		converter: converter{o: &o, mapping: mapping, names: o.Campaigns, nowMS: o.Now().UnixMilli()}}
	if format.file.Guessed {
		r.guessed = format.file.Encoding
	}
	r.report = newReport(&o, format, mapping)
	if !o.Send {
		return r.look(ctx)
	}
	return r.send(ctx)
}

func (o *Options) complete() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: MaxParallel}}
	}
	o.Decimal = cmp.Or(o.Decimal, money.DecimalAuto)
	o.Checkpoint = cmp.Or(o.Checkpoint, o.File+".import.json")
	o.Rejected = cmp.Or(o.Rejected, o.File+".rejected.csv")
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
}

func (o *Options) check() error {
	switch {
	case o.Parallel < 1 || o.Parallel > MaxParallel:
		return misuse.Errorf("--parallel %d is out of range; right would be 1 to %d", o.Parallel, MaxParallel)
	case o.Rate < 0:
		return misuse.Errorf("--rate %v is out of range; right would be clicks a second, or 0 for no limit", o.Rate)
	case o.Currency != "" && !catalog.IsCurrencyCode(o.Currency):
		return misuse.Errorf("--currency %s is no ISO 4217 code; right would be %s", o.Currency, catalog.RightCurrency(o.Currency))
	case o.Currency != "" && o.Catalog.Currency([]byte(o.Currency)) == nil:
		return misuse.Errorf("--currency %s: no exchange rate is declared for it; right would be one of catalog.exchange_rates, or the base currency %s", o.Currency, o.Catalog.Base().Code)
	case o.Campaign != "" && o.Catalog.Campaign([]byte(o.Campaign)) == nil:
		return misuse.Errorf("--campaign %s: the catalog has no such campaign%s", o.Campaign, misuse.Near(o.Campaign, o.Campaigns))
	}
	for theirs, name := range o.CampaignMap {
		if o.Catalog.Campaign([]byte(name)) == nil {
			return misuse.Errorf("--campaign-map %s=%s: the catalog has no campaign %q%s", theirs, name, name, misuse.Near(name, o.Campaigns))
		}
	}
	return nil
}

// run is one Run.
type run struct {
	o      *Options
	file   *os.File
	size   int64
	format *Format
	converter
	report *report
	began  time.Time
}

// look reads the whole file and sends nothing.
func (r *run) look(ctx context.Context) error {
	reader, err := newReader(r.format, r.format.Body, r.format.Line)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			r.progress("reading", reader.record.End, r.format.Body, int64(n))
		}
		record, err := reader.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		c, refused := r.convert(record)
		r.report.take(record, c, refused)
	}
	return r.report.print(r.o.Out)
}

func (r *run) progress(what string, at, from, clicks int64) {
	if !r.format.file.Direct() {
		at, from = min(r.format.file.Taken(), r.size), 0 // offsets are those of the text, which is longer or shorter
	}
	p := Progress{What: what, Done: at, Total: r.size, Clicks: clicks}
	if past := r.o.Now().Sub(r.began); past > 0 && at > from {
		p.Rate = float64(clicks) / past.Seconds()
		p.Left = time.Duration(float64(past) * float64(r.size-at) / float64(at-from))
	}
	r.o.Progress(p)
}

// send imports from the checkpoint on.
func (r *run) send(ctx context.Context) error {
	mark, err := r.resume()
	if err != nil || mark == nil {
		return err
	}
	started, before := mark.Offset, *mark
	rejected := &rejectedFile{path: r.o.Rejected, format: r.format}
	if mark.RejectedBytes > 0 {
		if err := rejected.open(mark.RejectedBytes); err != nil {
			return err
		}
	}
	post := &poster{o: r.o, client: r.o.Client, url: r.o.Edge + "/v1/clicks"}
	group, ctx := errgroup.WithContext(ctx)
	jobs, order := make(chan *batch), make(chan *batch, 2*r.o.Parallel)
	for range r.o.Parallel {
		group.Go(func() error {
			for b := range jobs {
				err := post.send(ctx, b)
				b.done <- err
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(order)
		defer close(jobs)
		return r.read(ctx, mark.Offset, mark.Line, func(b *batch) error {
			select {
			case order <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case jobs <- b:
				return nil
			case <-ctx.Done():
				b.done <- ctx.Err()
				return ctx.Err()
			}
		})
	})
	group.Go(func() error { return r.settle(ctx, order, rejected, mark, started) })
	err = group.Wait()
	if closing := r.close(rejected, mark); err == nil {
		err = closing
	}
	if err == nil {
		mark.Done = true
		err = mark.write(r.o.Checkpoint, r.o.Now())
	}
	r.report.printSent(r.o.Out, &before, mark, r.o.Now().Sub(r.began), err)
	return err
}

// close writes down how far a run has come, whatever ended it.
func (r *run) close(rejected *rejectedFile, mark *checkpoint) error {
	if err := rejected.close(); err != nil {
		return err
	}
	return mark.write(r.o.Checkpoint, r.o.Now())
}

// resume answers where to begin, nil when there is nothing left to do.
func (r *run) resume() (*checkpoint, error) {
	print, err := fingerprint(r.file, r.size)
	if err != nil {
		return nil, err
	}
	fresh := &checkpoint{File: print, Settings: r.o.settings(), Offset: r.format.Body, Line: r.format.Line}
	if r.o.Restart {
		return fresh, nil
	}
	kept, err := readCheckpoint(r.o.Checkpoint)
	switch {
	case err != nil || kept == nil:
		return fresh, err
	case kept.File != print:
		return nil, misuse.Errorf("%s is of another file, or of this one before it changed; right would be --restart: clicks that were sent before count once", r.o.Checkpoint)
	case kept.Settings != fresh.Settings && !kept.Done:
		return nil, misuse.Errorf("the import that %s is of was begun with other flags; right would be the same flags to go on, or --restart: clicks that were sent before count once", r.o.Checkpoint)
	case kept.Done:
		fmt.Fprintf(r.o.Out, "%s was imported on %s: %s sent, %d rejected. Nothing was sent now; --restart sends it again (a click counts once).\n",
			r.o.File, kept.At.Format("2006-01-02 15:04:05 UTC"), plural(kept.Sent, "click"), kept.Refused)
		return nil, nil
	}
	fmt.Fprintf(r.o.Out, "Continuing after line %s, where the last run ended: %s were sent.\n", grouped(kept.Line-1), plural(kept.Sent, "click"))
	return kept, nil
}

// read makes batches of the file and hands each on.
func (r *run) read(ctx context.Context, at, line int64, hand func(*batch) error) error {
	reader, err := newReader(r.format, at, line)
	if err != nil {
		return err
	}
	b := &batch{done: make(chan error, 1)}
	good, bad := false, 0
	began, sent := r.o.Now(), 0
	give := func() error {
		if len(b.clicks)+len(b.refused) == 0 {
			return nil
		}
		sent += len(b.clicks)
		if err := r.pace(ctx, began, sent); err != nil {
			return err
		}
		err := hand(b)
		b = &batch{done: make(chan error, 1)}
		return err
	}
	limit := min(r.o.MaxBody, 1<<20) - 1024
	for {
		record, err := reader.next()
		if errors.Is(err, io.EOF) {
			return give()
		}
		if err != nil {
			return err
		}
		c, refused := r.convert(record)
		if refused != nil {
			if refused.unsure {
				// In the file of rejected lines the guess would stand as if it were what the line says.
				return misuse.Errorf("line %d: %s", refused.line, refused)
			}
			if bad++; !good && bad >= giveUpAfter {
				return misuse.Errorf("none of the first %d lines can be imported; line %d: %s; `tributary import clicks` without --yes shows more", bad, refused.line, refused)
			}
			refused.record = slices.Clone(record.Fields)
			b.refused = append(b.refused, *refused)
		} else {
			good = true
			body := encode(c)
			if len(b.clicks) > 0 && b.bytes+len(body) > limit {
				if err := give(); err != nil {
					return err
				}
			}
			b.clicks = append(b.clicks, item{body: body, line: record.Line, record: slices.Clone(record.Fields)})
			b.bytes += len(body) + 1
			if c.cut {
				b.cut++
			}
		}
		b.end, b.line = record.End, record.Next
		if len(b.clicks) >= maxBatch || len(b.refused) >= maxBatch {
			if err := give(); err != nil {
				return err
			}
		}
	}
}

// pace waits until sent clicks may have been sent.
func (r *run) pace(ctx context.Context, began time.Time, sent int) error {
	if r.o.Rate == 0 {
		return nil
	}
	wait := time.Duration(float64(sent)/r.o.Rate*float64(time.Second)) - r.o.Now().Sub(began)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func encode(c *click) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(c); err != nil {
		panic("marshalling a click of strings: " + err.Error())
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// settle takes the batches in the file's order as they are acknowledged, and moves the checkpoint.
func (r *run) settle(ctx context.Context, order <-chan *batch, rejected *rejectedFile, mark *checkpoint, started int64) error {
	last, before := r.o.Now(), mark.Sent
	for b := range order {
		var err error
		select {
		case err = <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		slices.SortFunc(b.refused, func(x, y rejection) int { return cmp.Compare(x.line, y.line) })
		answered := 0
		for i := range b.refused {
			if err := rejected.add(&b.refused[i]); err != nil {
				return fmt.Errorf("writing rejected lines to %s: %w", r.o.Rejected, err)
			}
			r.report.refuse(&b.refused[i])
			if b.refused[i].byEdge {
				answered++
			}
		}
		mark.Sent += int64(len(b.clicks) - answered)
		mark.Refused += int64(len(b.refused))
		mark.Cut += b.cut
		if mark.RejectedBytes, err = rejected.flush(); err != nil {
			return err
		}
		mark.Offset, mark.Line = b.end, b.line
		if mark.Sent == 0 && mark.Refused >= giveUpAfter {
			return fmt.Errorf("%w: it refused all of the first %d lines: %s", ErrEdge, mark.Refused, &b.refused[0])
		}
		r.progress("importing", mark.Offset, started, mark.Sent-before)
		if now := r.o.Now(); now.Sub(last) >= checkpointEvery {
			last = now
			if err := rejected.sync(); err != nil {
				return err
			}
			if err := mark.write(r.o.Checkpoint, now); err != nil {
				return err
			}
		}
	}
	return nil
}
