package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A loser is an installation that folders are taken from, and what was acknowledged by it.
type loser struct {
	*installation
	dir    string
	file   string              // its configuration
	page   map[string][]string // commands of docs/recovery.md by what is lost
	clicks []string            // whose postbacks came, in order
}

// losses are the rows of the table of docs/recovery.md: the commands of its last column, by the first column.
func losses(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docs/recovery.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for row := range strings.Lines(string(text)) {
		cells := strings.Split(row, " | ")
		if len(cells) != 4 || !strings.HasPrefix(row, "| ") || strings.HasPrefix(row, "| lost") {
			continue
		}
		commands := []string{}
		for _, match := range quoted.FindAllStringSubmatch(cells[3], -1) {
			commands = append(commands, match[1])
		}
		rows[strings.TrimPrefix(cells[0], "| ")] = commands
	}
	return rows
}

// readiness waits until /readyz holds a text, and returns the whole of it.
func (i *installation) readiness(want string) string {
	i.t.Helper()
	var said string
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(walkLimit); time.Now().Before(late); <-tick.C {
		answer, err := http.Get("http://" + i.ops + "/readyz")
		if err != nil {
			said = err.Error()
			continue
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if said = string(body); strings.Contains(said, want) {
			return said
		}
	}
	i.t.Fatalf("/readyz does not say %q but\n%s", want, said)
	return ""
}

// walkLimit is how long a busy machine may take for one step.
const walkLimit = 5 * time.Minute

const isReady = `"status": "ready"`

// sends sends n clicks, each with its postback.
func (l *loser) sends(n int) {
	l.t.Helper()
	for range n {
		id, err := l.send(fmt.Sprintf("t%d", len(l.clicks)))
		if err != nil {
			l.t.Fatal(err)
		}
		l.clicks = append(l.clicks, id)
	}
}

// repeats sends postbacks again that were acknowledged: none may count.
func (l *loser) repeats(from, to int) {
	l.t.Helper()
	for n := from; n < to; n++ {
		if err := l.postback(l.clicks[n], fmt.Sprintf("t%d", n)); err != nil {
			l.t.Fatal(err)
		}
	}
}

// figures waits until the campaign's clicks and conversions are these, which must be so at once and stay so: what comes last
// is behind all that was sent before.
func (l *loser) figures(clicks, conversions int) {
	l.t.Helper()
	want := fmt.Sprintf("%d\t%d\t%d", clicks, conversions, conversions*125)
	var got string
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(walkLimit); time.Now().Before(late); <-tick.C {
		got = l.command("sql", "--format", "TSV",
			"SELECT sum(clicks), sum(conversions), toUInt64(sum(revenue) * 100) FROM epc_roi_by_campaign")
		if got == want {
			return
		}
	}
	l.t.Fatalf("clicks, conversions and cents are %q, want %q", got, want)
}

// loses ends the installation, takes folders from it, and starts it again.
func (l *loser) loses(folders ...string) {
	l.t.Helper()
	l.stop()
	for _, folder := range folders {
		path := filepath.Join(l.dir, folder)
		if _, err := os.Stat(path); err != nil {
			l.t.Fatal(err)
		}
		if err := os.RemoveAll(path); err != nil {
			l.t.Fatal(err)
		}
	}
	l.start()
}

// advised runs the n-th command that the page has for a loss, and returns its exit code and what it says.
func (l *loser) advised(loss string, n int) (code int, said string) {
	l.t.Helper()
	commands, ok := l.page[loss]
	if !ok || n >= len(commands) {
		l.t.Fatalf("docs/recovery.md has no command %d for %q", n, loss)
	}
	code, stdout, stderr := run(l.t, nil, append(words(commands[n])[1:], l.flags...)...)
	return code, stdout + stderr
}

// does runs the page's command, which must succeed and say a text.
func (l *loser) does(loss string, n int, want string) {
	l.t.Helper()
	if code, said := l.advised(loss, n); code != ExitOK || !strings.Contains(said, want) {
		l.t.Fatalf("%s: %s: exit code %d, %s; want %q", loss, l.page[loss][n], code, said, want)
	}
}

// asks runs `tributary recover`, which must say a text, or that nothing is lost.
func (l *loser) asks(want string) {
	l.t.Helper()
	code, stdout, stderr := run(l.t, nil, append([]string{"recover"}, l.flags...)...)
	wanted := ExitFailure
	if want == "" {
		wanted, want = ExitOK, "Nothing is lost"
	}
	if said := stdout + stderr; code != wanted || !strings.Contains(said, want) {
		l.t.Fatalf("recover: exit code %d, %s; want %d and %q", code, said, wanted, want)
	}
}

func newLoser(t *testing.T) *loser {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(file, []byte(backupCatalog), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	l := &loser{installation: newInstallation(t, dir, file), dir: dir, file: file, page: losses(t)}
	l.start()
	return l
}

// The rows of docs/recovery.md, as its table names them.
const (
	lostTopics    = "Kafka's topics (`kafka/`), or another cluster"
	lostTables    = "ClickHouse's tables (`clickhouse/`), database dropped"
	lostState     = "the state (`processor/`)"
	lostTail      = "the end of a partition's log, the topic being the same (unclean leader election)"
	lostFile      = "a file of the state is damaged: cut, flipped, empty, missing, of another moment"
	newerState    = "the state is of a newer version"
	refusingDisk  = "the state's disk refuses (EIO, full)"
	lostBoth      = "Kafka and the state"
	lostAllKafka  = "Kafka and ClickHouse"
	lostAllTables = "state and ClickHouse"
	lostSpool     = "the edge's `spool/`"
	lostOffsets   = "the offsets of Kafka's groups, all or the last of them (`kafka/groups.log`; a group that was deleted)"
	lostRows      = "one table's rows, its definition being there (a folder below `clickhouse/engine/store`)"
)

// walkedElsewhere are rows that a test of the role follows, by its package and name: real processes would show no more.
var walkedElsewhere = map[string][2]string{
	lostTail:     {"processor", "TestJudge"},
	lostFile:     {"processor", "TestEveryHarmOfAStateEndsInTheRightLedger"},
	newerState:   {"processor/state", "TestANewerFormatIsNoDamage"},
	refusingDisk: {"processor/state", "TestRefusalsAreNoDamage"},
	lostOffsets:  {"processor", "TestOffsetsThatTheEmbeddedBrokerLost"},
	lostRows:     {"sink/clickhouse", "TestATableWithoutItsRowsIsLost"},
}

// Each row of the page has its walk, here or with the role that it is about.
func TestEveryLossHasItsWalk(t *testing.T) {
	walked := []string{lostTopics, lostTables, lostState, lostBoth, lostAllKafka, lostAllTables, lostSpool}
	page := losses(t)
	for row := range page {
		if _, elsewhere := walkedElsewhere[row]; !elsewhere && !slices.Contains(walked, row) {
			t.Errorf("docs/recovery.md has the row %q, which no test follows", row)
		}
	}
	for row, test := range walkedElsewhere {
		found := false
		files, _ := filepath.Glob(filepath.Join(repository, test[0], "*_test.go"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			found = found || err == nil && strings.Contains(string(text), "\nfunc "+test[1]+"(")
		}
		if !found {
			t.Errorf("%q is followed by %s of %s, which is not there", row, test[1], test[0])
		}
	}
	if n := len(walked) + len(walkedElsewhere); len(page) != n {
		t.Errorf("docs/recovery.md has %d rows, %d are followed", len(page), n)
	}
}

// ClickHouse's folder is lost: nothing is loaded before somebody decides, and the page's commands fill the tables again or
// accept that they are empty. The state is lost with them or by itself, and the spool, about which nobody needs to do anything.
func TestLostTablesAreWalked(t *testing.T) {
	l := newLoser(t)
	defer l.stop()
	l.sends(12)
	l.figures(12, 12)

	l.loses("clickhouse")
	l.readiness("ClickHouse has lost tables")
	l.sends(3) // edge and processor go on
	l.asks("ClickHouse has lost tables")
	l.does(lostTables, 0, "offsets were loaded again")
	l.readiness(isReady)
	l.repeats(0, 15)
	l.sends(1)
	l.figures(16, 16)
	l.asks("")
	l.command("verify")

	l.loses("processor", "spool")
	l.readiness(isReady)
	l.repeats(0, 16)
	l.sends(1)
	l.figures(17, 17)
	l.command("verify")

	l.loses("processor", "clickhouse")
	l.does(lostAllTables, 0, "offsets were loaded again")
	l.readiness(isReady)
	l.repeats(0, 17)
	l.sends(1)
	l.figures(18, 18)
	l.command("verify")

	l.loses("clickhouse")
	l.readiness("ClickHouse has lost tables")
	if code, said := l.accepts(lostTables); code != ExitOK || !strings.Contains(said, "The loss is accepted") {
		t.Fatalf("accepting: exit code %d, %s", code, said)
	}
	l.readiness(isReady)
	l.repeats(0, 18)
	l.sends(2)
	l.figures(2, 2)
	l.asks("")
}

// otherwise is what the page says of a command with other flags.
var otherwise = regexp.MustCompile("or `(--[^`]+)`")

// accepts runs the first command of a row with the flags of its other way.
func (l *loser) accepts(loss string) (code int, said string) {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docs/recovery.md"))
	if err != nil {
		l.t.Fatal(err)
	}
	_, row, _ := strings.Cut(string(text), "| "+loss+" |")
	row, _, _ = strings.Cut(row, "\n")
	flags := otherwise.FindStringSubmatch(row)
	if flags == nil {
		l.t.Fatalf("docs/recovery.md has no other way for %q", loss)
	}
	args := append([]string{"recover", "clickhouse"}, words(flags[1])...)
	code, stdout, stderr := run(l.t, nil, append(args, l.flags...)...)
	return code, stdout + stderr
}

// Kafka's folder is lost: the processor waits, edge and sink go on, and after the page's command copies of what the state knows
// do not count. With the state lost too nobody waits.
func TestLostTopicsAreWalked(t *testing.T) {
	l := newLoser(t)
	defer l.stop()
	l.sends(12)
	l.figures(12, 12)

	l.loses("kafka")
	l.readiness("are not those that the state in")
	l.sends(3)
	l.asks("are not those that the state in")
	l.does(lostTopics, 0, "The processor goes on")
	l.readiness(isReady)
	l.repeats(0, 15)
	l.sends(1)
	l.figures(16, 16)
	l.asks("")

	l.loses("kafka", "clickhouse")
	l.readiness("are not those that the state in")
	l.does(lostAllKafka, 0, "The processor goes on")
	l.readiness(isReady)
	l.repeats(0, 16)
	l.sends(2)
	l.figures(2, 2)
	l.asks("")

	l.loses("kafka", "processor")
	l.readiness(isReady)
	l.sends(2)
	l.figures(4, 4)
	l.asks("")

	// docs/trust.md and docs/sql.md: who deletes a generated password gets another one, and clients' files have it.
	secrets := []string{"kafka_password", "clickhouse_password", "analyst_password"}
	before := map[string]string{}
	for _, name := range secrets {
		before[name] = l.content(name)
	}
	l.loses(append(secrets, "kcat.conf", "kafka-client.properties", "installation.json", "configuration.json")...)
	l.readiness(isReady)
	for _, name := range secrets {
		if l.content(name) == before[name] {
			t.Errorf("%s is what it was", name)
		}
	}
	for _, name := range []string{"kcat.conf", "kafka-client.properties"} {
		if !strings.Contains(l.content(name), strings.TrimSpace(l.content("kafka_password"))) {
			t.Errorf("%s does not have the new password", name)
		}
	}
	l.sends(1)
	l.figures(5, 5)
}

// content is what a file of data_dir has.
func (l *loser) content(name string) string {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}
