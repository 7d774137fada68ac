package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tributary/deploy/backup"
)

// mainVariable makes the test's executable `tributary` itself.
const mainVariable = "TRIBUTARY_TEST_MAIN"

func init() {
	if os.Getenv(mainVariable) != "" {
		os.Exit(Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr, nil))
	}
}

// An installation is a `tributary up` in a process of its own.
type installation struct {
	t       *testing.T
	flags   []string
	edge    string
	ops     string
	stdout  *os.File // nil: nowhere
	process *exec.Cmd
	manager *net.UnixConn
}

const backupCatalog = `
catalog:
  base_currency: USD
  campaigns: [{id: 1, name: summer, offers: [casino], source: pushads, cost: "0.01"}]
  sources: [{id: 1, name: pushads}]
  offers: [{id: 1, name: casino, url: "https://offer.example/?sub={click_id}", payout: "1"}]
  networks: [{name: acme}]
`

// newInstallation says where one is to run; file is its configuration, or empty.
func newInstallation(t *testing.T, dir, file string) *installation {
	t.Helper()
	i := &installation{t: t}
	address := func() string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		return listener.Addr().String()
	}
	i.edge, i.ops = address(), address()
	i.flags = []string{
		"--set",
		"data_dir=" + dir,
		"--set",
		"ingest.listen=" + i.edge,
		"--set",
		"kafka.brokers=" + address(),
		"--set",
		"clickhouse.addr=" + address(),
		"--set",
		"ops.listen=" + i.ops,
		"--set",
		"console.listen=" + address(),
		"--set",
		"processor.grace=2s",
	}
	if file != "" {
		i.flags = append(i.flags, "--config", file)
	}
	return i
}

// start runs it and returns once it has told the service manager that it is ready.
func (i *installation) start() {
	i.t.Helper()
	path := filepath.Join(i.t.TempDir(), "notify")
	var err error
	if i.manager, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { i.manager.Close() })
	self, err := os.Executable()
	if err != nil {
		i.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(i.t.TempDir(), "log"))
	if err != nil {
		i.t.Fatal(err)
	}
	i.process = exec.Command(self, append([]string{"up"}, i.flags...)...)
	i.process.Env = append(os.Environ(), mainVariable+"=1", "NOTIFY_SOCKET="+path)
	if i.process.Stderr = log; i.stdout != nil {
		i.process.Stdout = i.stdout
	}
	if err := i.process.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() {
		_ = i.process.Process.Kill() // it has ended, unless the test failed
		if i.t.Failed() {
			content, _ := os.ReadFile(log.Name())
			i.t.Logf("%s:\n%s", i.edge, content)
		}
		log.Close()
	})
	i.awaitNotice("READY=1")
}

// awaitNotice passes over what the manager is told besides, such as STATUS.
func (i *installation) awaitNotice(want string) {
	i.t.Helper()
	if err := i.manager.SetReadDeadline(time.Now().Add(walkLimit)); err != nil {
		i.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for {
		n, err := i.manager.Read(buffer)
		if err != nil {
			i.t.Fatalf("the service manager was not told %s: %v", want, err)
		}
		if strings.HasPrefix(string(buffer[:n]), want) {
			return
		}
	}
}

func (i *installation) stop() {
	i.t.Helper()
	if err := i.process.Process.Signal(syscall.SIGTERM); err != nil {
		i.t.Fatal(err)
	}
	i.awaitNotice("STOPPING=1")
	if err := i.process.Wait(); err != nil {
		i.t.Errorf("stopping: %v", err)
	}
}

// command runs another command of the same configuration.
func (i *installation) command(args ...string) string {
	i.t.Helper()
	code, stdout, stderr := run(i.t, nil, append(args, i.flags...)...)
	if code != ExitOK {
		i.t.Fatalf("%v: exit code %d\n%s%s", args, code, stdout, stderr)
	}
	return strings.TrimSpace(stdout)
}

// send sends one click and its postback, and says whether both were acknowledged.
func (i *installation) send(txid string) (clickID string, err error) {
	client := http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://" + i.edge + "/c/summer?source=pushads")
	if err != nil {
		return "", err
	}
	answer.Body.Close()
	clickID = answer.Header.Get("X-Click-Id")
	if answer.StatusCode != http.StatusFound || clickID == "" {
		return "", fmt.Errorf("the click was answered %s", answer.Status)
	}
	return clickID, i.postback(clickID, txid)
}

func (i *installation) postback(clickID, txid string) error {
	answer, err := http.Get(
		"http://" + i.edge + "/postback?network=acme&payout=1.25&click_id=" + clickID + "&txid=" + txid,
	)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("the postback was answered %s: %s", answer.Status, body)
	}
	return nil
}

// A load sends without a pause until it is told to end.
type load struct {
	mu     sync.Mutex
	clicks []string
	at     []time.Time // when each was acknowledged
	failed error
	end    chan struct{}
	ended  chan struct{}
}

func (i *installation) load() *load {
	l := &load{end: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		for n := 0; ; n++ {
			select {
			case <-l.end:
				return
			default:
			}
			id, err := i.send(fmt.Sprintf("t%d", n))
			l.mu.Lock()
			l.at = append(l.at, time.Now())
			if l.clicks = append(l.clicks, id); err != nil {
				l.failed = err
			}
			l.mu.Unlock()
		}
	}()
	return l
}

// sent is what has been acknowledged.
func (l *load) sent() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clicks[:len(l.clicks):len(l.clicks)]
}

// more waits until so many more have been acknowledged.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	from := len(l.sent())
	late := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(l.sent()) < from+n {
		select {
		case <-late:
			t.Fatalf("only %d were acknowledged within a minute", len(l.sent())-from)
		case <-tick.C:
		}
	}
}

// A backup is taken under load, more comes in, and it is restored elsewhere: what was acknowledged before is there once,
// what came after is not, and the auditor finds nothing. Meanwhile the service manager is told what it must know.
func TestABackupUnderLoadIsRestoredElsewhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(file, []byte(backupCatalog), 0o600); err != nil {
		t.Fatal(err)
	}
	was := newInstallation(t, filepath.Join(t.TempDir(), "data"), file)
	was.start()
	l := was.load()
	l.more(t, 60)
	to := filepath.Join(t.TempDir(), "copy")
	was.command("backup", to)
	l.more(t, 1) // whose sending began before
	after := len(l.sent())
	l.more(t, 30)
	close(l.end)
	<-l.ended
	if l.failed != nil {
		t.Errorf("the edge did not go on: %v", l.failed)
	}
	m, err := backup.Read(to)
	if err != nil {
		t.Fatal(err)
	}
	// With the pause's clicks, which were in the spool alone.
	n := 0
	for n < after && l.at[n].Before(m.At()) {
		n++
	}
	before, later := l.clicks[:n], l.clicks[after:]
	if err := was.process.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	was.awaitNotice("RELOADING=1")
	was.awaitNotice("READY=1")
	was.stop()

	if kept, err := os.ReadFile(filepath.Join(to, "config", "tributary.yaml")); err != nil ||
		string(kept) != backupCatalog {
		t.Errorf("the configuration's file: %q, %v", kept, err)
	}
	now := newInstallation(t, filepath.Join(t.TempDir(), "elsewhere"), filepath.Join(to, "config", "tributary.yaml"))
	if said := now.command("restore", to); !strings.Contains(said, "What was accepted after that moment is not in it") {
		t.Errorf("restore said %q", said)
	}
	now.start()
	if err := now.postback(before[7], "t7"); err != nil { // a copy of a conversion that was counted before the backup
		t.Fatal(err)
	}
	if _, err := now.send("new"); err != nil {
		t.Fatal(err)
	}
	now.command("verify")
	count := func(query string) string { return now.command("sql", query, "--format", "TSV") }
	in := func(ids []string) string { return "('" + strings.Join(ids, "','") + "')" }
	if got, want := count("SELECT count() FROM clicks WHERE click_id IN "+in(before)), fmt.Sprint(len(before)); got != want {
		t.Errorf("%s clicks of %s that were acknowledged before the backup", got, want)
	}
	if got := count("SELECT count() FROM clicks WHERE click_id IN " + in(later)); got != "0" {
		t.Errorf("%s clicks that came after the backup", got)
	}
	if got := count("SELECT count() - uniqExact(click_id) FROM clicks"); got != "0" {
		t.Errorf("%s clicks are there twice", got)
	}
	if got := count("SELECT count() - uniqExact(click_id), count() >= " + fmt.Sprint(len(before)) + " FROM conversions"); got != "0\t1" {
		t.Errorf("conversions that are there twice, and whether all are there: %q", got)
	}
	now.stop()

	// Without a process the folders are copied as they are.
	still := filepath.Join(t.TempDir(), "still")
	now.command("backup", still)
	now.command("restore", "--check", still)
}
