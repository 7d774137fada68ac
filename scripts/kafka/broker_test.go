package kafka

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// childVariable makes the test binary start a broker, print it, and wait to be killed.
const childVariable = "TRIBUTARY_KAFKA_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		b, err := Start(context.Background(), Options{})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(b.Addr(), b.root)
		io.Copy(io.Discard, os.Stdin)
		select {}
	}
	goleak.VerifyTestMain(m)
}

// A committed transaction is read, an aborted one is not.
func TestBrokerKeepsTransactions(t *testing.T) {
	began := time.Now()
	b := StartForTest(t)
	t.Logf("ready after %v", time.Since(began))
	ctx := testContext(t)
	createTopic(t, ctx, b, "ledger")
	produce(t, ctx, b, "ledger", "aborted", kgo.TryAbort)
	produce(t, ctx, b, "ledger", "committed", kgo.TryCommit)
	if got := consume(t, ctx, b, "ledger", "reader", 1); got[0] != "committed" {
		t.Fatalf("read committed %q, want only %q", got, "committed")
	}
	if again := StartForTest(t); again != b {
		t.Error("a second test got another broker")
	}
}

func TestRestartKeepsAddressAndData(t *testing.T) {
	ctx := testContext(t)
	b := start(t, ctx, Options{Properties: map[string]string{"num.partitions": "3"}})
	createTopic(t, ctx, b, "clicks")
	produce(t, ctx, b, "clicks", "before", kgo.TryCommit)
	consume(t, ctx, b, "clicks", "before killing", 1) // its marker is written: see Kill
	addr := b.Addr()
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Fatal("a killed broker accepts connections")
	}
	began := time.Now()
	if err := b.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready again after %v", time.Since(began))
	if b.Addr() != addr {
		t.Errorf("address changed from %s to %s", addr, b.Addr())
	}
	began = time.Now()
	produce(t, ctx, b, "clicks", "after", kgo.TryCommit)
	t.Logf("first transaction committed after %v", time.Since(began))
	if got := consume(t, ctx, b, "clicks", "after", 2); got[0] != "before" || got[1] != "after" {
		t.Errorf("read %q, want before and after", got)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory is still there: %v", err)
	}
	if err := b.Restart(ctx); err == nil {
		t.Error("a stopped broker restarted")
	}
}

func TestNamedDirectoryOutlivesItsBroker(t *testing.T) {
	ctx, dir := testContext(t), t.TempDir()
	b := start(t, ctx, Options{Dir: dir})
	createTopic(t, ctx, b, "clicks")
	produce(t, ctx, b, "clicks", "kept", kgo.TryCommit)
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	next := start(t, ctx, Options{Dir: dir})
	if got := consume(t, ctx, next, "clicks", "reader", 1); got[0] != "kept" {
		t.Errorf("read %q, want what the first broker kept", got)
	}
}

// Neither the broker nor its files may outlive a test process that was killed.
func TestBrokerDiesWithItsParent(t *testing.T) {
	skipIfMissing(t)
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childVariable+"=1")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	addr, root, ok := strings.Cut(strings.TrimSpace(line), " ")
	child.Process.Kill()
	child.Wait()
	if !ok {
		t.Fatalf("the child printed %q, want an address and a directory", line)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, dialErr := net.Dial("tcp", addr)
		if dialErr == nil {
			conn.Close()
		}
		_, statErr := os.Stat(root)
		if dialErr != nil && errors.Is(statErr, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("20 s after its parent was killed: dialling the broker says %v, its directory %v", dialErr, statErr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	tools := t.TempDir() // what the script needs, without Java and Maven
	for _, tool := range []string{"bash", "sed", "dirname", "head", "mkdir", "mktemp", "rm", "cat", "ps", "grep", "sleep", "ls"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(tools, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ name, java, want string }{
		{"no Java", "", "install a Java runtime, 17 or newer"},
		{"old Java", `echo 'openjdk version "11.0.2" 2019-01-15' >&2`, "Java 11 is too old"},
		{"no Maven", `echo 'openjdk version "21" 2023-09-19' >&2`, "Maven is missing: install it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bin := t.TempDir()
			if test.java != "" {
				if err := os.WriteFile(filepath.Join(bin, "java"), []byte("#!/bin/bash\n"+test.java+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", tools+":"+bin)
			t.Setenv("JAVA_HOME", "")
			t.Setenv("TRIBUTARY_CACHE", t.TempDir())
			b, err := Start(testContext(t), Options{})
			if err == nil {
				b.Stop()
				t.Fatal("it started")
			}
			if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want ErrMissing and %q", err, test.want)
			}
		})
	}
}

func TestBadPropertyFailsWithTheBrokersReason(t *testing.T) {
	skipIfMissing(t)
	b, err := Start(testContext(t), Options{Properties: map[string]string{"num.partitions": "many"}})
	if err == nil {
		b.Stop()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "num.partitions") {
		t.Errorf("error %q does not name the property", err)
	}
}

func TestForeignDirectoryIsRefusedAndKept(t *testing.T) {
	skipIfMissing(t)
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := Start(testContext(t), Options{Dir: dir})
	if err == nil {
		b.Stop()
		t.Fatal("it started in a directory with somebody's files")
	}
	if !strings.Contains(err.Error(), "neither empty nor") {
		t.Errorf("error %q does not say why", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func skipIfMissing(t *testing.T) {
	t.Helper()
	StartForTest(t)
}

func start(t *testing.T, ctx context.Context, options Options) *Broker {
	t.Helper()
	skipIfMissing(t)
	b, err := Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func client(t *testing.T, b *Broker, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(b.Addr()))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func createTopic(t *testing.T, ctx context.Context, b *Broker, topic string) {
	t.Helper()
	c := client(t, b)
	defer c.Close()
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, ctx context.Context, b *Broker, topic, value string, end kgo.TransactionEndTry) {
	t.Helper()
	c := client(t, b, kgo.TransactionalID(t.Name()+value), kgo.DefaultProduceTopic(topic))
	defer c.Close()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := c.EndTransaction(ctx, end); err != nil {
		t.Fatal(err)
	}
}

// consume reads the topic from its start, as a group would that trusts committed records only.
func consume(t *testing.T, ctx context.Context, b *Broker, topic, group string, want int) []string {
	t.Helper()
	c := client(t, b, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(t.Name()+group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer c.Close()
	var values []string
	for len(values) < want {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %q: %v", values, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}
