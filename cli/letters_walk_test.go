package cli

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/deploy/wiring"
	"tributary/schemas"
)

// pageBlock is the block of a page that has a text in it, without its fences.
func pageBlock(t *testing.T, page, has string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, page))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```")
	for n := 1; n < len(parts); n += 2 {
		if strings.Contains(parts[n], has) {
			_, block, _ := strings.Cut(parts[n], "\n") // the language
			return block
		}
	}
	t.Fatalf("%s has no block with %q", page, has)
	return ""
}

// types runs a command as a page has it, with this installation's flags, and returns what it says; it must succeed.
func (i *installation) types(command string) string {
	i.t.Helper()
	code, stdout, stderr := run(i.t, nil, append(words(command)[1:], i.flags...)...)
	if code != ExitOK {
		i.t.Fatalf("%s: exit code %d\n%s%s", command, code, stdout, stderr)
	}
	return stdout
}

// get sends a request to the edge and returns its status and body.
func (i *installation) get(path string) (status int, body string) {
	i.t.Helper()
	answer, err := http.Get("http://" + i.edge + path)
	if err != nil {
		i.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// reloads puts another configuration and waits until it is in force.
func (l *loser) reloads(file, text string) {
	l.t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		l.t.Fatal(err)
	}
	if err := l.process.Process.Signal(syscall.SIGHUP); err != nil {
		l.t.Fatal(err)
	}
	l.awaitNotice("RELOADING=1")
	l.awaitNotice("READY=1")
}

var replayed = regexp.MustCompile(`sent: (\d+) of (\d+)`)

// A refused postback goes the way of docs/dead-letters.md and of docs/understood.md: it is listed, explained, its cause is mended by the
// page's own lines, and it is booked, once.
func TestDeadLettersAreWalked(t *testing.T) {
	l := newLoser(t)
	defer l.stop()
	l.sends(2)
	click := l.clicks[0]
	if status, said := l.get("/postback?network=acme&click_id=" + click + "&payout=1.25&txid=late&status=sold"); status/100 != 4 || !strings.Contains(said, "unknown_status") {
		t.Fatalf("%d %s", status, said)
	}
	if status, said := l.get("/postback?network=acme&click_id=" + l.clicks[1] + "&amount=1.25&txid=odd"); status/100 != 4 || !strings.Contains(said, "unread_parameter") {
		t.Fatalf("%d %s", status, said)
	}
	l.figures(2, 2)

	commands := strings.Split(strings.TrimSpace(pageBlock(t, "docs/dead-letters.md", "tributary dlq list --network acme")), "\n")
	if len(commands) != 5 {
		t.Fatalf("docs/dead-letters.md has %q", commands)
	}
	listed := l.types(commands[0])
	if !strings.Contains(listed, "unknown_status") || !strings.Contains(listed, "unread_parameter") || !strings.Contains(listed, "Money at stake: 1.25 USD") {
		t.Errorf("list: %s", listed)
	}
	if said := l.types(commands[1]); !strings.Contains(said, "unknown_status") || !strings.Contains(said, "statuses") {
		t.Errorf("list --count: %s", said)
	}
	var letter string
	for line := range strings.Lines(listed) {
		if strings.Contains(line, "unknown_status") {
			fields := strings.Fields(line)
			letter = fields[len(fields)-1]
		}
	}
	if said := l.types(strings.Replace(commands[2], "LETTER_ID", letter, 1)); !strings.Contains(said, "sold") || !strings.Contains(said, "unknown_status") {
		t.Errorf("show: %s", said)
	}
	if said := l.types(commands[3]); strings.Contains(said, "would be sent") {
		t.Errorf("nothing is mended, and %s", said)
	}
	if said := l.types(commands[4]); replayed.MatchString(said) {
		t.Errorf("nothing is mended, and %s", said)
	}

	// Mended by what the letter itself asks for, and by the lines of the page.
	mended := strings.Replace(backupCatalog, "{name: acme}", "{name: acme, statuses: {sold: approved}}", 1)
	l.reloads(l.file, mended)
	if said := l.types(commands[3]); !strings.Contains(said, "would be sent: 1 (money that they name: 1.25 USD)") {
		t.Errorf("a dry run: %s", said)
	}
	if sent := replayed.FindStringSubmatch(l.types(commands[4])); sent == nil || sent[1] != "1" || sent[2] != "1" {
		t.Errorf("replayed: %q", sent)
	}
	l.figures(2, 3)
	if said := l.types(commands[4]); replayed.MatchString(said) {
		t.Errorf("it was replayed twice: %s", said)
	}

	networks := pageBlock(t, "docs/understood.md", "params: {amount: payout")
	own, _, _ := strings.Cut(backupCatalog, "  networks:")
	l.reloads(l.file, own+"  "+strings.ReplaceAll(strings.TrimSpace(networks), "\n", "\n  ")+"\n")
	page, err := os.ReadFile(filepath.Join(repository, "docs/understood.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range quoted.FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(match[1], "unread_parameter") {
			l.types(match[1])
		}
	}
	if sent := replayed.FindStringSubmatch(l.types("tributary dlq replay --reason unread_parameter --yes")); sent == nil || sent[1] != "1" {
		t.Errorf("replayed: %q", sent)
	}
	l.figures(2, 4)
	query := regexp.MustCompile("`(SELECT network, arrayJoin[^`]+)`").FindStringSubmatch(string(page))
	if query == nil {
		t.Fatal("docs/understood.md has no query about parameters that were not taken")
	}
	l.command("sql", query[1])
	l.command("verify")
}

// setMaxMessage says how large a batch a topic takes, as kafka-configs does.
func (l *loser) setMaxMessage(topic, bytes string) {
	l.t.Helper()
	env := &environment{stdout: io.Discard, stderr: io.Discard, configFile: l.file}
	for n := 0; n < len(l.flags); n += 2 {
		if l.flags[n] == "--set" {
			env.set = append(env.set, l.flags[n+1])
		}
	}
	from := env.sources()
	from.Sections = []string{}
	loaded, _, err := env.load(from)
	if err != nil {
		l.t.Fatal(err)
	}
	opts, err := wiring.KafkaOptions(loaded.Config.Kafka, "test", zap.NewNop())
	if err != nil {
		l.t.Fatal(err)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		l.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	responses, err := kadm.NewClient(client).AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &bytes}}, topic)
	if err == nil {
		err = responses[0].Err
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// What Kafka refuses for good goes the way of docs/spool.md: it is told of, listed, and sent once its cause is mended.
func TestASetAsideClickIsWalked(t *testing.T) {
	l := newLoser(t)
	defer l.stop()
	l.sends(1)
	l.figures(1, 1)
	l.setMaxMessage(schemas.TopicClicks, "100")
	if status, said := l.get("/i/summer?source=pushads"); status != http.StatusOK { // another topic, which takes it
		t.Errorf("an impression: %d %s", status, said)
	}
	l.sends(1)
	// What the page's table quotes, up to its first number.
	page, err := os.ReadFile(filepath.Join(repository, "docs/spool.md"))
	if err != nil || !strings.Contains(string(page), "`/readyz`: `set aside: N acknowledged records that kafka refused for good …`") {
		t.Errorf("docs/spool.md does not quote /readyz: %v", err)
	}
	l.readiness("set aside: 1 acknowledged records that kafka refused for good")
	block := pageBlock(t, "docs/spool.md", "tributary spool list")
	var commands []string
	for line := range strings.Lines(block) {
		if command, is := strings.CutPrefix(strings.TrimSpace(line), "$ "); is {
			commands = append(commands, command)
		}
	}
	if len(commands) != 2 {
		t.Fatalf("docs/spool.md has %q", commands)
	}
	listed := l.types(commands[0])
	for _, want := range []string{"refused  clicks  " + l.clicks[1], "0.01 USD", "MESSAGE_TOO_LARGE", "1 acknowledged records that Kafka refused, 0 damaged places"} {
		if !strings.Contains(listed, want) {
			t.Errorf("list has no %q: %s", want, listed)
		}
	}
	if code, stdout, stderr := run(t, nil, append(words(commands[1])[1:], l.flags...)...); code != ExitFailure {
		t.Errorf("nothing is mended: exit code %d, %s%s", code, stdout, stderr)
	}
	l.setMaxMessage(schemas.TopicClicks, "1048588")
	if said := l.types(commands[1]); !strings.Contains(said, "Of 1 records Kafka has 1 now.") {
		t.Errorf("requeue: %s", said)
	}
	l.readiness(isReady)
	if said := l.types(commands[0]); !strings.Contains(said, "Nothing is set aside in") {
		t.Errorf("list: %s", said)
	}
	l.figures(2, 2)
	l.command("verify")
}
