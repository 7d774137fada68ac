package pipeline

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tributary/cli/loadgen"
)

// OutageVariable is how long Kafka is gone in TestOutage; 4 s when empty.
const OutageVariable = "TRIBUTARY_TEST_OUTAGE"

// TestOutage takes Kafka away from an edge under load, first silently, then with every connection refused, kills the edge with
// SIGKILL twice meanwhile, and gives Kafka back. Every acknowledged click and postback is in ClickHouse exactly once, no
// request was refused, and the longest answer is told beside the bound.
func TestOutage(t *testing.T) {
	outage := 4 * time.Second
	if text := os.Getenv(OutageVariable); text != "" {
		var err error
		if outage, err = time.ParseDuration(text); err != nil || outage < time.Second {
			t.Fatalf("%s is %q; a time such as 60s would be right", OutageVariable, text)
		}
	}
	now := time.Now()
	scenario := loadgen.DefaultScenario(now)
	system := Start(t, Options{Scenario: scenario})
	kafka := startProxy(t, system.Brokers[0])
	edge := &edgeProcess{tb: t, child: edgeChild{
		Listen: freeAddress(t), Spool: filepath.Join(t.TempDir(), "spool"), Prefix: system.Prefix, Catalog: scenario.CatalogYAML(),
		Kafka: kafka.address, AckBound: 50 * time.Millisecond,
	}}
	edge.start()
	t.Cleanup(edge.kill)

	load := newLoad(edge.child.Listen, scenario)
	load.start(32, 1000)
	// Phases of the load, not synchronisation: what is checked holds whenever they end.
	time.Sleep(outage / 4)
	kafka.Freeze()
	load.phase("silent")
	time.Sleep(outage / 4)
	kafka.Cut()
	load.phase("refused")
	for range 2 {
		time.Sleep(outage / 4)
		edge.kill()
		edge.start()
	}
	time.Sleep(outage / 4)
	t.Logf("the edge before Kafka is back: %s", edge.get("/readyz"))
	t.Logf("the spool's disk since the last kill: %s", edge.syncs())
	kafka.Open()
	load.phase("drained")
	back := time.Now()
	Await(t, patience(outage), "the spool to be drained", func() error {
		if text := edge.get("/readyz"); strings.Contains(text, "spooling") || strings.Contains(text, "away") {
			return errors.New(text)
		}
		return nil
	})
	t.Logf("drained, under load, within %s", time.Since(back).Round(time.Millisecond))
	time.Sleep(outage / 4)
	load.stop()
	load.report(t, edge.child.AckBound)
	Await(t, patience(outage), "every acknowledged event to be in ClickHouse exactly once", func() error { return load.compare(t, system) })
	load.reportLetters(t, system)
}

// patience is how long the pipeline may take to work off an outage.
func patience(outage time.Duration) time.Duration { return drained + outage }

func freeAddress(tb testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// edgeProcess is an edge in a process of its own, which may be killed and started again.
type edgeProcess struct {
	tb      testing.TB
	child   edgeChild
	command *exec.Cmd
	logged  sync.WaitGroup
}

func (e *edgeProcess) start() {
	e.tb.Helper()
	text, err := json.Marshal(e.child)
	if err != nil {
		e.tb.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		e.tb.Fatal(err)
	}
	e.command = exec.Command(self)
	e.command.Env = append(os.Environ(), edgeVariable+"="+string(text))
	stderr, err := e.command.StderrPipe()
	if err != nil {
		e.tb.Fatal(err)
	}
	began := time.Now()
	if err := e.command.Start(); err != nil {
		e.tb.Fatal(err)
	}
	e.logged.Go(func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			e.tb.Log("edge: ", lines.Text())
		}
	})
	Await(e.tb, ready, "the edge to be ready", func() error {
		text := e.get("/readyz")
		if !strings.Contains(text, `"ready"`) {
			return errors.New(text)
		}
		return nil
	})
	e.tb.Logf("the edge is ready %s after its start", time.Since(began).Round(time.Millisecond))
}

func (e *edgeProcess) kill() {
	if e.command != nil {
		_ = e.command.Process.Kill()
		e.logged.Wait()
		_ = e.command.Wait()
		e.command = nil
	}
}

// syncs tells what waiting for the disk added, from the edge's own histogram.
func (e *edgeProcess) syncs() string {
	const name = "tributary_ingest_spool_sync_seconds"
	metrics := e.get("/metrics")
	count := after(metrics, name+"_count ")
	for _, line := range strings.Split(metrics, "\n") {
		if within, n, ok := strings.Cut(strings.TrimPrefix(line, name+`_bucket{le="`), `"} `); ok && strings.HasPrefix(line, name) && n == count {
			return fmt.Sprintf("%s batches of %s records made durable, each within %s s", count, after(metrics, "tributary_ingest_spool_appended_records_total "), within)
		}
	}
	return "no histogram"
}

// after answers the rest of the line that begins with prefix.
func after(text, prefix string) string {
	_, rest, _ := strings.Cut(text, "\n"+prefix)
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

func (e *edgeProcess) get(path string) string {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + e.child.Listen + path)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return strings.TrimSpace(string(body))
}

// load sends clicks, and to some of them the life of a conversion, and remembers what was acknowledged.
type load struct {
	address            string
	campaigns, network []string
	on                 sync.WaitGroup
	ended              atomic.Bool
	current            atomic.Int32

	mu sync.Mutex
	// clicks and receipts are acknowledged.
	clicks, receipts []string
	// unanswered requests may have been taken or not; refused were answered 503.
	unanswered, refused int
	unexpected          []string
	phases              []string
	took                [][]time.Duration
}

func newLoad(address string, s *loadgen.Scenario) *load {
	l := &load{address: address}
	for _, c := range s.Campaigns {
		l.campaigns = append(l.campaigns, c.Name)
	}
	for _, n := range s.Networks {
		if !n.AllowForeign {
			l.network = append(l.network, n.Name)
		}
	}
	l.phase("well")
	return l
}

func (l *load) phase(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phases = append(l.phases, name)
	l.took = append(l.took, nil)
	l.current.Store(int32(len(l.phases) - 1))
}

// start runs visitors, each with a connection of its own, that send about rate requests a second together.
func (l *load) start(visitors int, rate float64) {
	every := time.Duration(float64(visitors) / rate * float64(time.Second))
	for v := range visitors {
		l.on.Go(func() {
			client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			defer client.CloseIdleConnections()
			random := rand.New(rand.NewPCG(uint64(v), 1))
			next := time.Now().Add(time.Duration(random.Int64N(int64(every))))
			for n := 0; !l.ended.Load(); n++ {
				next = next.Add(every)
				if wait := time.Until(next); wait > 0 {
					time.Sleep(wait)
				} else {
					next = time.Now()
				}
				l.visit(client, random, v, n)
			}
		})
	}
}

func (l *load) stop() { l.ended.Store(true); l.on.Wait() }

func (l *load) visit(client *http.Client, random *rand.Rand, v, n int) {
	resp := l.get(client, fmt.Sprintf("/c/%s?sub1=%d&keyword=k%d", l.campaigns[random.IntN(len(l.campaigns))], v, n))
	if resp == nil {
		return
	}
	id := resp.Header.Get("X-Click-Id")
	l.acknowledged(&l.clicks, id)
	if id == "" || random.IntN(4) > 0 {
		return
	}
	for _, status := range []string{"pending", "approved"} {
		resp := l.get(client, fmt.Sprintf("/postback?network=%s&click_id=%s&txid=%d-%d&payout=1.25&status=%s", l.network[random.IntN(len(l.network))], id, v, n, status))
		if resp == nil {
			return // its fate is unknown, and so would be the next one's
		}
		l.acknowledged(&l.receipts, resp.Header.Get(receiptHeader))
	}
}

// receiptHeader carries the receipt from the body to the caller of get.
const receiptHeader = "Test-Receipt"

func (l *load) acknowledged(list *[]string, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, id)
}

// get answers nil when the request was not acknowledged.
func (l *load) get(client *http.Client, path string) *http.Response {
	phase := l.current.Load()
	start := time.Now()
	resp, err := client.Get("http://" + l.address + path)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	took := time.Since(start)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.unanswered++
		return nil
	}
	l.took[phase] = append(l.took[phase], took)
	switch resp.StatusCode {
	case http.StatusFound:
		return resp
	case http.StatusOK:
		var answer struct {
			ReceiptID string `json:"receipt_id"`
		}
		if err := json.Unmarshal(body, &answer); err == nil && answer.ReceiptID != "" {
			resp.Header.Set(receiptHeader, answer.ReceiptID)
			return resp
		}
	case http.StatusServiceUnavailable:
		l.refused++
		return nil
	}
	l.unexpected = append(l.unexpected, fmt.Sprintf("%s: %d %s", path, resp.StatusCode, body))
	return nil
}

func (l *load) report(t *testing.T, bound time.Duration) {
	t.Helper()
	t.Logf("%d clicks and %d postbacks acknowledged, %d requests unanswered (killed), %d refused", len(l.clicks), len(l.receipts), l.unanswered, l.refused)
	var slowest time.Duration
	for i, name := range l.phases {
		took := l.took[i]
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		at := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))].Round(100 * time.Microsecond) }
		t.Logf("%-8s %6d answers: p50 %s p99 %s p99.9 %s longest %s", name, len(took), at(.5), at(.99), at(.999), at(1))
		slowest = max(slowest, at(1))
	}
	t.Logf("longest answer %s, the bound on waiting for Kafka is %s", slowest, bound)
	if l.refused > 0 || len(l.unexpected) > 0 {
		t.Errorf("%d requests were refused, %d answers were unexpected, such as %.3q", l.refused, len(l.unexpected), l.unexpected)
	}
	// Kafka's own time limit is 5 s: who waited for Kafka past the bound would be far above this, whatever the machine does.
	if slowest > 2*time.Second {
		t.Errorf("an answer took %s", slowest)
	}
	if len(l.clicks) == 0 || len(l.receipts) == 0 {
		t.Error("nothing was acknowledged")
	}
}

// compare wants each acknowledged ID once, none twice, and others only as far as requests were unanswered.
func (l *load) compare(t *testing.T, s *System) error {
	var problems []error
	for _, table := range []struct {
		name, column string
		acknowledged []string
	}{{"clicks", "click_id", l.clicks}, {"conversions", "receipt_id", l.receipts}} {
		have := l.counts(t, s, table.name, table.column)
		missing, doubled := 0, 0
		for _, id := range table.acknowledged {
			if have[id] == 0 {
				missing++
			}
		}
		for _, n := range have {
			if n > 1 {
				doubled++
			}
		}
		// What was not answered may be there or not.
		others := len(have) - (len(table.acknowledged) - missing)
		if missing > 0 || doubled > 0 || others > l.unanswered {
			problems = append(problems, fmt.Errorf("%s: of %d acknowledged %d are missing, %d are there more than once, %d were never acknowledged (%d requests unanswered)",
				table.name, len(table.acknowledged), missing, doubled, others, l.unanswered))
		}
	}
	return errors.Join(problems...)
}

func (l *load) counts(t *testing.T, s *System, table, column string) map[string]uint64 {
	t.Helper()
	rows, err := s.ClickHouse.Query(t.Context(), fmt.Sprintf("SELECT toString(%s), count() FROM %s.%s GROUP BY 1", column, s.Database, table))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	have := map[string]uint64{}
	for rows.Next() {
		var id string
		var n uint64
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		have[id] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return have
}

// reportLetters tells how many records came twice and were recognised.
func (l *load) reportLetters(t *testing.T, s *System) {
	t.Helper()
	for reason, n := range l.counts(t, s, "dead_letters", "reason") {
		t.Logf("dead letters %s: %d", reason, n)
	}
}
