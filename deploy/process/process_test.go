package process

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal is what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// fake is a role: it is ready after a while and ends as its script says.
type fake struct {
	name    string
	journal *journal
	fail    error         // returned by Run at once
	drain   time.Duration // how long Run takes to end after ctx
	readyAt time.Time
}

func (f *fake) Run(ctx context.Context) error {
	f.journal.add("run " + f.name)
	if f.fail != nil {
		return f.fail
	}
	<-ctx.Done()
	time.Sleep(f.drain) // virtual time
	f.journal.add("end " + f.name)
	return nil
}

func (f *fake) Ready() error {
	if time.Now().Before(f.readyAt) {
		return errors.New("warming up")
	}
	return nil
}

func unit(f *fake, wait bool) Unit {
	return Unit{Name: f.name, Wait: wait, New: func(context.Context, prometheus.Registerer) (Runner, error) {
		f.readyAt = time.Now().Add(time.Second)
		f.journal.add("new " + f.name)
		return f, nil
	}}
}

func TestStartsInOrderAndStopsInTheOpposite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := NewSupervisor(zap.NewNop(), time.Minute)
		for _, name := range []string{"engine", "sink", "edge"} {
			s.Add(unit(&fake{name: name, journal: &j, drain: time.Second}, true))
		}
		ctx, stop := context.WithCancel(t.Context())
		err := s.Run(ctx, func() {
			if err := s.Ready(); err != nil {
				t.Errorf("reported as started while not ready: %v", err)
			}
			stop()
		})
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, line := range j.all() {
			if what, name, _ := strings.Cut(line, " "); what == "new" || what == "end" {
				order = append(order, what+" "+name)
			}
		}
		want := []string{"new engine", "new sink", "new edge", "end edge", "end sink", "end engine"}
		if !slices.Equal(order, want) {
			t.Errorf("order = %v, want %v", order, want)
		}
	})
}

func TestFailedUnitIsMadeAgainWithDoublingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		began := time.Now()
		var at []time.Duration
		s := NewSupervisor(zap.NewNop(), time.Minute)
		ctx, stop := context.WithCancel(t.Context())
		s.Add(Unit{Name: "sink", New: func(_ context.Context, r prometheus.Registerer) (Runner, error) {
			// Registering twice would panic in one registry.
			r.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_sink_rows_total", Help: "h"}))
			at = append(at, time.Since(began))
			if len(at) == 2 {
				return nil, errors.New("cannot reach ClickHouse")
			}
			if len(at) == 4 {
				stop()
			}
			return &fake{name: "sink", journal: &j, fail: errors.New("lost ClickHouse")}, nil
		}})
		if err := s.Run(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if len(at) != 4 {
			t.Fatalf("made %d times, want 4", len(at))
		}
		for i, want := range []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond} {
			if pause := at[i+1] - at[i]; pause < want/2 || pause > want*3/2 {
				t.Errorf("pause %d = %v, want about %v", i+1, pause, want)
			}
		}
	})
}

func TestStateOfAFailedUnitIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSupervisor(zap.NewNop(), time.Minute)
		s.Add(Unit{Name: "sink", New: func(context.Context, prometheus.Registerer) (Runner, error) {
			return nil, errors.New("cannot reach ClickHouse")
		}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, nil) }()
		synctest.Wait()
		if err := s.Ready(); err == nil || err.Error() != "sink: failed and is started again: cannot reach ClickHouse" {
			t.Errorf("ready = %v", err)
		}
		families, err := s.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, f := range families {
			values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
		if values["tributary_process_ready"] != 0 || values["tributary_process_restarts_total"] != 1 {
			t.Errorf("metrics = %v", values)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestFatalFailures(t *testing.T) {
	for name, c := range map[string]struct {
		unit Unit
		want string
	}{
		"permanent": {Unit{Name: "setup", New: func(context.Context, prometheus.Registerer) (Runner, error) {
			return nil, Permanent(errors.New("clicks has 3 partitions"))
		}}, "setup: clicks has 3 partitions"},
		"first start": {Unit{Name: "kafka", MustStart: true, New: func(context.Context, prometheus.Registerer) (Runner, error) {
			return nil, errors.New("the address is in use")
		}}, "kafka: the address is in use"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				s := NewSupervisor(zap.NewNop(), time.Minute)
				s.Add(unit(&fake{name: "engine", journal: &j}, true))
				c.unit.Wait = true
				s.Add(c.unit)
				s.Add(unit(&fake{name: "edge", journal: &j}, false))
				err := s.Run(t.Context(), func() { t.Error("reported as started") })
				if err == nil || err.Error() != c.want {
					t.Errorf("error = %v, want %s", err, c.want)
				}
				if lines := j.all(); slices.Contains(lines, "new edge") || !slices.Contains(lines, "end engine") {
					t.Errorf("journal = %v, want the engine stopped and no edge", lines)
				}
			})
		})
	}
}

func TestDrainLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := NewSupervisor(zap.NewNop(), 10*time.Second)
		s.Add(unit(&fake{name: "sink", journal: &j, drain: time.Hour}, true))
		ctx, stop := context.WithCancel(t.Context())
		err := s.Run(ctx, stop)
		if err == nil || !strings.HasPrefix(err.Error(), "sink did not finish its work within 10s") {
			t.Errorf("error = %v", err)
		}
		<-s.members[0].ended
	})
}

func TestOpsServer(t *testing.T) {
	s := NewSupervisor(zap.NewNop(), 10*time.Second)
	RegisterRuntime(s.Registry())
	s.Add(Unit{Name: "sink", New: func(context.Context, prometheus.Registerer) (Runner, error) { return nil, errors.New("away") }})
	o, err := NewOps("127.0.0.1:0", s, s.States(), func() (string, string) { return "configuration", "refused" }, func() (string, string) { return "x", "" })
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	get := func(path string) (int, string) {
		response, err := http.Get("http://" + o.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	if code, body := get(RouteMetrics); code != 200 || !strings.Contains(body, "go_goroutines") || !strings.Contains(body, `tributary_process_ready{unit="sink"} 0`) {
		t.Errorf("%s: %d %s", RouteMetrics, code, body)
	}
	if code, _ := get(RouteHealth); code != 200 {
		t.Errorf("%s: %d", RouteHealth, code)
	}
	code, body := get(RouteReady)
	var answer readiness
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if code != 503 || answer.Units["sink"] != "is starting" || answer.Notes["configuration"] != "refused" || len(answer.Notes) != 1 {
		t.Errorf("%s: %d %s", RouteReady, code, body)
	}
	if code, _ := get("/nothing"); code != 404 {
		t.Errorf("/nothing: %d", code)
	}
	if _, err := NewOps(o.Addr().String(), s, s.States()); err == nil || !strings.Contains(err.Error(), "set ops.listen to a free address") {
		t.Errorf("a taken address: %v", err)
	}
}

// Signals are the process's: this test must not run beside others.
func TestSignals(t *testing.T) {
	exited := make(chan int, 1)
	exitNow = func(code int) { exited <- code }
	defer func() { exitNow = os.Exit }()
	ctx, hangups, stop := WithSignals(t.Context())
	defer stop()
	send := func(s syscall.Signal) {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	send(syscall.SIGHUP)
	<-hangups
	if ctx.Err() != nil {
		t.Fatal("SIGHUP stopped the process")
	}
	send(syscall.SIGTERM)
	<-ctx.Done()
	var cause *StopError
	if !errors.As(context.Cause(ctx), &cause) || cause.Signal != syscall.SIGTERM {
		t.Errorf("cause = %v", context.Cause(ctx))
	}
	send(syscall.SIGINT)
	if code := <-exited; code != 130 {
		t.Errorf("exit code = %d, want 130", code)
	}
}

func TestMemoryLimit(t *testing.T) {
	for content, want := range map[string]int64{"max\n": 0, "": 0, "1000\n": 750, "-1": 0, "junk": 0} {
		if got := memoryLimit(content); got != want {
			t.Errorf("memoryLimit(%q) = %d, want %d", content, got, want)
		}
	}
}

func TestLoggerRefusesUnknown(t *testing.T) {
	for _, c := range [][2]string{{"loud", "json"}, {"info", "xml"}} {
		if _, err := NewLogger(os.Stderr, c[0], c[1]); err == nil {
			t.Errorf("NewLogger(%q) succeeded", c)
		}
	}
}

func TestBuildInfo(t *testing.T) {
	s := NewSupervisor(zap.NewNop(), time.Second)
	RegisterBuild(s.Registry(), "v1.2.3")
	families, err := s.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tributary_build_info" {
			continue
		}
		m := f.GetMetric()[0]
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if m.GetGauge().GetValue() != 1 || labels["version"] != "v1.2.3" || !strings.HasPrefix(labels["goversion"], "go") {
			t.Errorf("got %v", m)
		}
		return
	}
	t.Error("there is no tributary_build_info")
}
