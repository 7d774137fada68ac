package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sys/unix"

	"tributary/deploy/embedded/chdb"
	"tributary/report"
)

type reportFlags struct {
	data      string
	questions int
	users     int
}

// leastReportClicks: fewer, and a day of the dataset has none.
const leastReportClicks = 10_000

// benchReport: how long questions take, as the console and `tributary report` ask them, of a dataset that is built once.
func benchReport(ctx context.Context, b *bench) error {
	d, err := b.dataset()
	if err != nil {
		return err
	}
	broker, address, err := b.startChild("child-broker", filepath.Join(b.dir, "report-kafka"))
	if err != nil {
		return err
	}
	defer broker.stop()
	s, err := b.newSite("report", address)
	if err != nil {
		return err
	}
	b.patience = 10 * time.Minute // a killed engine reads what it has
	engine, err := b.engineAt(ctx, s, filepath.Join(d.dir, "clickhouse"))
	if err != nil {
		return err
	}
	defer engine.stop()
	if err := b.command(ctx, "migrate", "--config", s.configFile); err != nil {
		return err
	}
	conn, err := connect(s)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := d.build(ctx, conn); err != nil {
		return fmt.Errorf("the dataset: %w", err)
	}
	if err := forgetLoad(ctx, conn); err != nil {
		return err
	}
	if err := d.describe(ctx, b, conn); err != nil {
		return err
	}
	a, err := newAsking(s, d, conn, engine)
	if err != nil {
		return err
	}
	defer a.conn.Close()
	loadAverage(b)
	if err := b.reportAlone(ctx, a); err != nil {
		return err
	}
	if err := makeTopics(ctx, address); err != nil {
		return err
	}
	return errors.Join(b.reportUnderLoad(ctx, s, a), forgetLoad(context.WithoutCancel(ctx), conn))
}

// dataset reads the flags.
func (b *bench) dataset() (*dataset, error) {
	text := b.join.clicks
	if text == "" {
		text = "1e8"
	}
	clicks, err := strconv.ParseFloat(text, 64)
	if err != nil || clicks < leastReportClicks || clicks > 1e10 || clicks != float64(int64(clicks)) {
		return nil, fmt.Errorf("--clicks %q: one number of %d at least, such as 1e7, would be right", text, leastReportClicks)
	}
	if b.reports.questions < 1 || b.reports.users < 1 {
		return nil, fmt.Errorf("--questions %d --users %d: there must be 1 at least", b.reports.questions, b.reports.users)
	}
	d := &dataset{dir: b.reports.data, clicks: int64(clicks)}
	if d.dir == "" {
		d.dir = filepath.Join("bin", "bench-report-"+strconv.FormatInt(d.clicks, 10))
	}
	if d.dir, err = filepath.Abs(d.dir); err != nil {
		return nil, err
	}
	return d, os.MkdirAll(d.dir, 0o700)
}

// atRest is when nobody loads.
const atRest = "alone"

// reportAlone asks while nobody else is there.
func (b *bench) reportAlone(ctx context.Context, a *asking) error {
	for _, set := range a.sets(b.reports.questions) {
		cold, err := a.cold(ctx, set.questions[:min(len(set.questions), max(3, b.reports.questions/5))])
		if err != nil {
			return err
		}
		b.asked(ctx, a, set.name+", cold", set.aimCold, cold)
		if _, err := a.all(ctx, set.questions); err != nil {
			return err
		}
		warm, err := a.all(ctx, set.questions)
		if err != nil {
			return err
		}
		b.asked(ctx, a, set.name+", warm", set.aim, warm)
	}
	if err := b.wholeSub(ctx, a, atRest); err != nil {
		return err
	}
	if err := b.cancelled(ctx, a); err != nil {
		return err
	}
	return b.several(ctx, a, atRest)
}

// asked reports the answers of a set, and notes what the slowest of them is bound by.
func (b *bench) asked(ctx context.Context, a *asking, what, aim string, of answered) {
	limit := ""
	if of.cpu > 0 {
		limit = fmt.Sprintf("%d CPU-ms of the engine each", of.cpu.Milliseconds()/int64(len(of.times)))
	}
	b.report("report: "+what+", p50 / p95 / most ms", spread(of.times), limit, "", aim)
	if len(of.times) == 0 {
		return
	}
	bound, err := a.boundOf(ctx, slowest(of.times))
	if err != nil {
		bound = err.Error()
	}
	b.note(what + ": slowest " + bound)
}

// wholeSub asks for all values of the large sub-ID, and looks at its progress.
func (b *bench) wholeSub(ctx context.Context, a *asking, when string) error {
	told := 0
	var last report.Progress
	watched := report.Watch(ctx, func(p report.Progress) { told++; last = p })
	t, err := a.ask(watched, a.wholeSub())
	if err != nil {
		return err
	}
	what := fmt.Sprintf("sub2 of %d values, unfiltered, 90 days, %s", reportSubs, when)
	b.report("report: "+what+", s", fmt.Sprintf("%.2f", t.took.Seconds()), fmt.Sprintf("%d groups, progress told %d times", t.groups, told), "", "≤ 10")
	bound, err := a.boundOf(ctx, t)
	b.note(fmt.Sprintf("%s: last told %d of %d rows; %s", what, last.Read, last.Total, bound))
	return err
}

// cancelled ends such a question while it runs, and waits until the engine has none.
func (b *bench) cancelled(ctx context.Context, a *asking) error {
	var times []timed
	for range 5 {
		asked, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			_, err := a.ask(asked, a.wholeSub())
			ended <- err
		}()
		running := false
		for !running && len(ended) == 0 && ctx.Err() == nil {
			n, err := a.running(ctx)
			if err != nil {
				cancel()
				return err
			}
			running = n > 0
		}
		if !running { // it was answered before anybody could look
			cancel()
			<-ended
			continue
		}
		start := time.Now()
		cancel()
		<-ended
		for {
			n, err := a.running(ctx)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
		times = append(times, timed{took: time.Since(start)})
	}
	if len(times) == 0 {
		b.report("report: cancelled → gone from the engine", "never seen running", "", "", "")
		return nil
	}
	b.report("report: cancelled → gone from the engine, p50 / p95 / most ms", spread(times), "", "", "")
	return nil
}

// several are users who think between their questions.
func (b *bench) several(ctx context.Context, a *asking, when string) error {
	took := time.Duration(max(b.seconds*5, 20) * float64(time.Second))
	before := a.process.cpu()
	times, err := a.users(ctx, b.reports.users, took)
	if err != nil {
		return err
	}
	of := answered{times: times}
	if when == atRest {
		of.cpu = a.process.cpu() - before
	}
	name := fmt.Sprintf("%d users with 2 s of thought, %s", b.reports.users, when)
	b.asked(ctx, a, name, "", of)
	return nil
}

// engineAt starts the embedded ClickHouse of a site on data that stays.
func (b *bench) engineAt(ctx context.Context, s *site, data string) (*process, error) {
	return b.startRole(ctx, "clickhouse-embedded", "http://"+s.clickhouse+"/ping", "--listen", s.clickhouse, "--data", data, "--passwords", filepath.Dir(s.configFile))
}

// forgetLoad removes what a load has brought: rows that were received after the dataset's.
func forgetLoad(ctx context.Context, conn driver.Conn) error {
	rows, err := conn.Query(ctx, "SELECT DISTINCT partition FROM system.parts WHERE active AND database = 'tributary' AND table = 'clicks' AND toUInt32OrZero(partition) >= "+reportEnd.Format("200601"))
	if err != nil {
		return err
	}
	defer rows.Close()
	var partitions []string
	for rows.Next() {
		var p string
		if err := rows.Scan(&p); err != nil {
			return err
		}
		partitions = append(partitions, p)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, p := range partitions {
		if err := conn.Exec(ctx, "ALTER TABLE tributary.clicks DROP PARTITION "+p); err != nil {
			return fmt.Errorf("removing what the load brought: %w", err)
		}
	}
	return nil
}

// newAsking connects as those do who ask questions.
func newAsking(s *site, d *dataset, roles driver.Conn, process *process) (*asking, error) {
	users, err := chdb.KeptUsers(filepath.Dir(s.configFile))
	if err != nil {
		return nil, err
	}
	guest := users[1]
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{s.clickhouse}, Auth: clickhouse.Auth{Username: guest.Name, Password: guest.Password},
		Protocol: clickhouse.HTTP, DialTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, MaxOpenConns: 16})
	if err != nil {
		return nil, err
	}
	heard := &hearing{Conn: conn}
	return &asking{site: s, data: d, process: process, roles: roles, conn: conn, heard: heard,
		// No answer is given twice.
		engine: report.New(report.Config{Conn: heard, Database: "tributary", CacheBytes: -1})}, nil
}

// evict takes the files below a directory out of the system's cache, as far as they are written.
func evict(dir string) error {
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			if errors.Is(err, os.ErrNotExist) { // a merge is done with it
				return nil
			}
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

// quantity of rows or bytes, for a person.
func quantity(n float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= unit.of {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", n/unit.of), ".0") + " " + unit.name
		}
	}
	return fmt.Sprintf("%.0f ", n)
}

// loadAverage notes how busy the machine is: others' work makes every time longer.
func loadAverage(b *bench) {
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		b.note("load of the machine over 1, 5, 15 minutes: " + strings.Join(strings.Fields(string(text))[:3], ", "))
	}
}
