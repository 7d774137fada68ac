package kafka

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

//go:embed kafka pom.xml log4j2.properties
var scriptFiles embed.FS

// exitMissing is the script's exit code for "install Java or Maven first".
const exitMissing = 3

// stopGrace is how long Stop waits for an orderly end before it kills: a one-node broker needs
// about a second, a stopped (SIGSTOP) one would wait for ever.
const stopGrace = 20 * time.Second

// ErrMissing is matched by errors that say that Java or Maven has to be installed.
var ErrMissing = errors.New("kafka: a program is missing")

// Options say how to start a broker. The zero value is a fresh broker on a free port.
type Options struct {
	// Dir holds the broker's files: empty, or one that a broker of this package had before. It is
	// kept by Stop. Default: a temporary directory, deleted by Stop.
	Dir string
	// Port for clients on 127.0.0.1. Default: a free one below the kernel's ephemeral range.
	Port int
	// HeapMiB limits the Java heap. Default 512; the process needs about 250 MiB beside it.
	HeapMiB int
	// ReadyTimeout limits the start, the download excluded. Default 60 s.
	ReadyTimeout time.Duration
	// Properties are added to server.properties and win over the defaults.
	Properties map[string]string
	// Version of Apache Kafka. Default: the one that pom.xml pins.
	Version string
	// Listeners are further addresses to serve clients on, beside Addr.
	Listeners []Listener
}

// A Listener is one more address of the broker, for clients that reach it through a proxy: a broker
// tells its clients where to connect to, so each proxy needs a listener that advertises it.
type Listener struct {
	// Name is the listener's name in capitals, such as SINK1.
	Name string
	// Port is where the broker listens on 127.0.0.1: the proxy's target.
	Port int
	// Advertised is host:port of the proxy.
	Advertised string
}

// Broker is one broker process, running or killed.
type Broker struct {
	options    Options
	controller int    // the controller's port
	root       string // temporary: the script's files, and dir unless the caller named one
	dir        string

	mu     sync.Mutex
	cmd    *exec.Cmd      // nil when no process runs
	alive  *os.File       // reads end-of-file when the process ends
	guard  *exec.Cmd      // nil once stopped
	leash  io.WriteCloser // the guard's input
	halted bool           // SIGSTOP was sent
}

// Start fetches Apache Kafka if this user has none yet (44 MB, once), and starts a broker. It
// returns when the broker answers. Errors that match [ErrMissing] say what to install; others carry
// the end of the broker's log. ctx limits the start only.
func Start(ctx context.Context, options Options) (*Broker, error) {
	if options.HeapMiB == 0 {
		options.HeapMiB = 512
	}
	if options.ReadyTimeout == 0 {
		options.ReadyTimeout = time.Minute
	}
	b := &Broker{options: options}
	var err error
	if b.root, err = os.MkdirTemp("", "tributary-kafka-"); err != nil {
		return nil, fmt.Errorf("making the broker's directory: %w", err)
	}
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

func (b *Broker) start(ctx context.Context) error {
	// The marker lets the guard delete the directory: see the script.
	if err := os.WriteFile(filepath.Join(b.root, ".tributary-kafka"), nil, 0o644); err != nil {
		return fmt.Errorf("writing the broker's directory: %w", err)
	}
	if err := os.CopyFS(filepath.Join(b.root, "script"), scriptFiles); err != nil {
		return fmt.Errorf("writing the broker's script: %w", err)
	}
	if b.dir = b.options.Dir; b.dir == "" {
		b.dir = filepath.Join(b.root, "broker")
	}
	var err error
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return fmt.Errorf("naming the broker's directory: %w", err)
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("making the broker's directory: %w", err)
	}
	if err := b.startGuard(); err != nil {
		return err
	}
	fetch := exec.CommandContext(ctx, "bash", b.script(), "fetch")
	var message bytes.Buffer
	fetch.Stderr = &message
	fetch.Env = b.environment()
	if err := fetch.Run(); err != nil {
		return scriptError(ctx, "fetching Apache Kafka", err, message.String())
	}
	if b.options.Port == 0 {
		if b.options.Port, err = freePort(0); err != nil {
			return err
		}
	}
	if b.controller, err = freePort(b.options.Port); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.launch(ctx)
}

func (b *Broker) script() string { return filepath.Join(b.root, "script", "kafka") }

func (b *Broker) log() string { return filepath.Join(b.dir, "broker.log") }

// Addr is the bootstrap address, 127.0.0.1:port. It never changes.
func (b *Broker) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.options.Port))
}

// Dir is where the broker keeps its data and its log, broker.log.
func (b *Broker) Dir() string { return b.dir }

// Kill sends SIGKILL and returns when the process is gone: no flush, no clean shutdown. The files
// stay for Restart. Killing a broker that does not run does nothing.
//
// Kafka answers a commit once it is decided, and writes the markers into the partitions after that.
// Killed in between, 4.3 and 4.4 sometimes come back calling the transaction complete while
// partitions lack its marker (KAFKA-20734: a partition whose leader is away is taken for deleted;
// with a single node every restart passes through that). Readers of committed records then wait at
// its records, until an operator writes the marker or the same transactional ID commits something
// else in that partition: that makes the records of an ABORTED transaction visible. The pinned 4.2.0
// marks them all.
func (b *Broker) Kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end(syscall.SIGKILL)
}

// Pause sends SIGSTOP: the broker keeps its connections and answers nothing until Resume.
func (b *Broker) Pause() error { return b.halt(syscall.SIGSTOP) }

// Resume sends SIGCONT after Pause.
func (b *Broker) Resume() error { return b.halt(syscall.SIGCONT) }

func (b *Broker) halt(signal syscall.Signal) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd == nil {
		return fmt.Errorf("sending %v: the broker does not run", signal)
	}
	if err := b.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("sending %v to the broker: %w", signal, err)
	}
	b.halted = signal == syscall.SIGSTOP
	return nil
}

// Restart starts the broker again on the same port and files, killing it first if it still runs, and
// returns when it answers.
func (b *Broker) Restart(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.guard == nil {
		return errors.New("restarting the broker: it was stopped for good")
	}
	if err := b.end(syscall.SIGKILL); err != nil {
		return err
	}
	return b.launch(ctx)
}

// Stop ends the broker for good and deletes its temporary files. A directory named in the options is
// closed in an orderly way and kept. Stopping twice does nothing.
func (b *Broker) Stop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	signal := syscall.SIGKILL
	if b.options.Dir != "" && !b.halted {
		signal = syscall.SIGTERM
	}
	err := b.end(signal)
	if b.guard != nil {
		// An empty line: nothing to kill. The guard deletes root and ends.
		_, writeErr := io.WriteString(b.leash, "\n")
		err = errors.Join(err, writeErr, b.leash.Close(), b.guard.Wait())
		b.guard = nil
	}
	if removeErr := os.RemoveAll(b.root); removeErr != nil {
		err = errors.Join(err, fmt.Errorf("deleting the broker's directory: %w", removeErr))
	}
	return err
}

// startGuard starts the process that kills the broker should this one die without Stop.
func (b *Broker) startGuard() error {
	guard := exec.Command("bash", b.script(), "guard", "--dir", b.root)
	if b.options.Dir != "" {
		// Only root is deleted, so the data is kept; but the process to kill names the data's directory.
		guard.Args = append(guard.Args, "--serves", b.dir)
	}
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal is not for it
	leash, err := guard.StdinPipe()
	if err != nil {
		return fmt.Errorf("making the guard's pipe: %w", err)
	}
	if err := guard.Start(); err != nil {
		return fmt.Errorf("starting the broker's guard: %w", err)
	}
	b.guard, b.leash = guard, leash
	return nil
}

// environment is what the script runs in: nil for this process's own.
func (b *Broker) environment() []string {
	if b.options.Version == "" {
		return nil
	}
	return append(os.Environ(), "TRIBUTARY_KAFKA_VERSION="+b.options.Version)
}

// launch starts the process and waits until it answers. The caller holds mu.
func (b *Broker) launch(ctx context.Context) (err error) {
	args := []string{b.script(), "run", "--dir", b.dir,
		"--port", strconv.Itoa(b.options.Port),
		"--controller-port", strconv.Itoa(b.controller),
		"--heap-mib", strconv.Itoa(b.options.HeapMiB)}
	for _, name := range slices.Sorted(maps.Keys(b.options.Properties)) {
		args = append(args, "--property", name+"="+b.options.Properties[name])
	}
	for _, l := range b.options.Listeners {
		args = append(args, "--listener", fmt.Sprintf("%s=%d=%s", l.Name, l.Port, l.Advertised))
	}
	log, err := os.OpenFile(b.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the broker's log: %w", err)
	}
	defer log.Close()
	alive, held, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making the broker's pipe: %w", err)
	}
	defer held.Close()

	// Plain files for its output: exec.Cmd then needs no goroutine.
	cmd := exec.Command("bash", args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = b.environment()
	cmd.ExtraFiles = []*os.File{held}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("starting the broker: %w", err), alive.Close())
	}
	b.cmd, b.alive, b.halted = cmd, alive, false
	if _, err := fmt.Fprintln(b.leash, cmd.Process.Pid); err != nil {
		return errors.Join(fmt.Errorf("telling the broker's guard: %w", err), b.end(syscall.SIGKILL))
	}
	held.Close() // from now on only the broker holds it
	if err := b.awaitReady(ctx); err != nil {
		return errors.Join(err, b.end(syscall.SIGKILL))
	}
	return nil
}

// end sends the signal and waits for the process. The caller holds mu.
func (b *Broker) end(signal syscall.Signal) error {
	if b.cmd == nil {
		return nil
	}
	err := b.cmd.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	if signal != syscall.SIGKILL && !b.diedWithin(stopGrace) {
		err = errors.Join(err, b.cmd.Process.Kill())
	}
	var exit *exec.ExitError // how it ended is no news: it was told to
	if waitErr := b.cmd.Wait(); waitErr != nil && !errors.As(waitErr, &exit) {
		err = errors.Join(err, waitErr)
	}
	b.alive.Close()
	b.cmd, b.alive = nil, nil
	if err != nil {
		return fmt.Errorf("ending the broker: %w", err)
	}
	return nil
}

// diedWithin waits until the process ends, at most d.
func (b *Broker) diedWithin(d time.Duration) bool {
	if err := b.alive.SetReadDeadline(time.Now().Add(d)); err != nil {
		return false
	}
	_, err := b.alive.Read(make([]byte, 1))
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// awaitReady asks for metadata until the broker lists itself: it then accepts produce requests too.
func (b *Broker) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.options.ReadyTimeout)
	defer cancel()
	for {
		if b.diedWithin(50 * time.Millisecond) {
			err := b.cmd.Wait()
			if err == nil {
				err = errors.New("exit status 0")
			}
			b.alive.Close()
			b.cmd, b.alive = nil, nil
			return scriptError(ctx, "starting the broker", err, b.logTail())
		}
		if b.answers(ctx) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the broker at %s (limit %v): %w; the end of its log: %s",
				b.Addr(), b.options.ReadyTimeout, context.Cause(ctx), b.logTail())
		}
	}
}

func (b *Broker) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	// A refused dial costs microseconds, a client that retries costs its back-off.
	probe, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.Addr())
	if err != nil {
		return false
	}
	probe.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()))
	if err != nil {
		return false
	}
	defer client.Close()
	response, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	return err == nil && len(response.Brokers) == 1
}

// logTail is the end of the log, enough to hold a Java stack trace's cause.
func (b *Broker) logTail() string {
	const limit = 2000
	text, err := os.ReadFile(b.log())
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-limit):]))
}

func scriptError(ctx context.Context, doing string, err error, message string) error {
	message = strings.TrimPrefix(strings.TrimSpace(message), "kafka: ")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitMissing {
		return fmt.Errorf("%s: %w: %s", doing, ErrMissing, message)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%s: %w: %s", doing, err, message)
}

// FreePort returns a port of 127.0.0.1 that stays free for a listener or a proxy while its owner is down.
func FreePort() (int, error) { return freePort(0) }

// freePort finds a port of 127.0.0.1 that nobody listens on and that the kernel gives to no outgoing
// connection (those start at 32768 on Linux), so that it stays free while a killed broker is down.
func freePort(not int) (int, error) {
	for range 50 {
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil || port == not {
			continue
		}
		return port, listener.Close()
	}
	return 0, errors.New("finding a free port: 50 ports between 20000 and 31999 were in use")
}
