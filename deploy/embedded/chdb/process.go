package chdb

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// ProcessConfig describes the child as its parent sees it. Zero values mean the defaults named at each field.
type ProcessConfig struct {
	// DataDir and Listen are passed to the child as --data and --listen. DataDir is required; Listen defaults to
	// DefaultListen, port 0 takes a free one.
	DataDir string
	Listen  string
	// Command starts the child; it must end up in ServeChild. Default: this executable with "clickhouse-embedded".
	Command []string
	// Env is added to the few variables of this process's environment that the child gets (see inherited).
	Env []string
	// Users are all who are let in; at least one is no guest. Required.
	Users []User
	// Durable has an insert answered only once its rows would outlive a power cut.
	Durable bool
	// GuestsUnconfined lets guests in although the operating system cannot confine the engine.
	GuestsUnconfined bool
	// ReadyTimeout is how long the child may take to answer queries; loading many parts takes time. Default 60 s.
	ReadyTimeout time.Duration
	// StopTimeout is how long the child may take to end before it is killed. Default 20 s.
	StopTimeout time.Duration
	// Logger takes the child's log, a line an entry, and its life-cycle. Default: none.
	Logger *zap.Logger
}

// Process is a running child.
type Process struct {
	cfg     ProcessConfig
	address string
	command *exec.Cmd
	stdin   io.Closer
	done    chan struct{}
	err     error       // valid once done is closed
	stopped atomic.Bool // asked to end, by Stop or Kill
	killed  atomic.Bool // by Kill: its exit status says nothing
	asking  http.Client // for Status
}

// readyPrefix begins the line by which the child says on its standard output where it listens.
const readyPrefix = "clickhouse-embedded ready on "

// unconfinedPrefix begins the line before it by which the child says why it runs without a sandbox.
const unconfinedPrefix = "clickhouse-embedded unconfined: "

// Start runs the engine in a child process and returns once it answers queries. The child ends when Stop is called,
// when ctx is done, and when this process ends, however it ends. Restarting a child that crashed (see Done) is left to
// the caller: the same DataDir may be started again at once.
func Start(ctx context.Context, cfg ProcessConfig) (*Process, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("starting the embedded ClickHouse: DataDir is empty; name the directory that holds its tables")
	}
	if err := checkUsers(cfg.Users); err != nil {
		return nil, err
	}
	library, err := FindLibrary()
	if err != nil { // here it is one clear line instead of a child's last words
		return nil, err
	}
	users, err := encodeUsers(cfg.Users)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	or(&cfg.Listen, DefaultListen)
	or(&cfg.ReadyTimeout, 60*time.Second)
	or(&cfg.StopTimeout, 20*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if len(cfg.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("starting the embedded ClickHouse: finding this executable: %w", err)
		}
		cfg.Command = []string{self, "clickhouse-embedded"}
	}
	command := exec.Command(cfg.Command[0], append(cfg.Command[1:len(cfg.Command):len(cfg.Command)], "--data", cfg.DataDir, "--listen", cfg.Listen)...)
	if cfg.Durable {
		command.Args = append(command.Args, "--durable")
	}
	if cfg.GuestsUnconfined {
		command.Args = append(command.Args, "--guests-without-sandbox")
	}
	command.Env = append(append(inherited(os.Environ()), libraryVariable+"="+library), cfg.Env...)
	command.SysProcAttr = childAttributes()
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	stdout, stdoutEnd, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	stderr, stderrEnd, err := os.Pipe()
	if err != nil {
		_, _ = stdout.Close(), stdoutEnd.Close()
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	command.Stdout, command.Stderr = stdoutEnd, stderrEnd

	p := &Process{cfg: cfg, command: command, stdin: stdin, done: make(chan struct{})}
	// A connection of its own each time: an idle one would say nothing about the next.
	p.asking.Transport = &http.Transport{DisableKeepAlives: true}
	ready := make(chan string, 1)
	lastWords := make(chan string, 1)
	go p.readReady(stdout, ready)
	go p.forwardLog(stderr, lastWords)

	started := make(chan error, 1)
	go func() {
		// The kernel tells the child of its parent's death when the thread that started it ends, so that thread is kept
		// until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		_, _ = stdoutEnd.Close(), stderrEnd.Close()
		started <- err
		if err != nil {
			return
		}
		p.err = command.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		_ = stdin.Close()
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}

	// Who ends before it has read them says why below.
	_, _ = stdin.Write(users)

	timeout := time.NewTimer(cfg.ReadyTimeout)
	defer timeout.Stop()
	var failure error
	select {
	case address, ok := <-ready:
		if ok {
			p.address = address
			forget := context.AfterFunc(ctx, func() { _ = p.Stop() })
			go func() {
				<-p.done
				forget()
			}()
			return p, nil
		}
		<-p.done
		failure = fmt.Errorf("its process ended (%v): %s", p.command.ProcessState, <-lastWords)
	case <-timeout.C:
		failure = fmt.Errorf("it was not ready within %s", cfg.ReadyTimeout)
	case <-ctx.Done():
		failure = context.Cause(ctx)
	}
	_ = p.command.Process.Kill() // it holds nothing yet
	_ = stdin.Close()
	<-p.done
	return nil, fmt.Errorf("starting the embedded ClickHouse: %w", failure)
}

// inherited are the variables of environ that the child gets: what its runtime and the C library read. The rest may hold
// secrets, and whoever finds a way to read the child's memory or its files under /proc would have them.
func inherited(environ []string) (kept []string) {
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if name == "TZ" || name == "TMPDIR" || name == "LANG" || name == "GODEBUG" || name == "GOTRACEBACK" || name == "GOMAXPROCS" ||
			strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "DYLD_") || strings.HasPrefix(name, "LD_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// Options are a new clickhouse-go client's to the first user who is no guest.
func (p *Process) Options() *clickhouse.Options {
	options := &clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{p.address}}
	for _, u := range p.cfg.Users {
		if !u.Guest {
			options.Auth = clickhouse.Auth{Username: u.Name, Password: u.Password}
			break
		}
	}
	return options
}

// Status asks the child and its engine how they are. An error says that they do not answer, or not before ctx is done.
func (p *Process) Status(ctx context.Context) (status Status, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+statusPath, nil)
	if err != nil {
		return status, err
	}
	auth := p.Options().Auth
	request.SetBasicAuth(auth.Username, auth.Password)
	response, err := p.asking.Do(request)
	if err != nil {
		return status, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxLogLineBytes))
	if err != nil {
		return status, err
	}
	if response.StatusCode != http.StatusOK {
		return status, fmt.Errorf("it says %s: %s", response.Status, strings.TrimSpace(string(content)))
	}
	return status, json.Unmarshal(content, &status)
}

// Address is the host:port of ClickHouse's HTTP interface.
func (p *Process) Address() string { return p.address }

// PID is the child's process number.
func (p *Process) PID() int { return p.command.Process.Pid }

// Done is closed when the child has ended, after Stop or by itself.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says why the child ended by itself; nil while it runs and after Stop.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if p.stopped.Load() {
		return nil
	}
	if p.command.ProcessState.ExitCode() == exitIncomplete {
		return fmt.Errorf("%w; the engine is started again by itself and goes on without it; free some of the disk",
			ErrIncomplete)
	}
	return fmt.Errorf("the embedded ClickHouse ended by itself: %v", p.command.ProcessState)
}

// Kill ends the child at once, as a crash would. Acknowledged inserts stay.
func (p *Process) Kill() error {
	p.stopped.Store(true)
	p.killed.Store(true)
	err := p.command.Process.Kill()
	<-p.done
	_ = p.stdin.Close()
	return err
}

// Stop lets running queries end, ends the child, and returns when it has ended. It may be called again.
func (p *Process) Stop() error {
	p.stopped.Store(true)
	_ = p.stdin.Close()
	timeout := time.NewTimer(p.cfg.StopTimeout)
	defer timeout.Stop()
	select {
	case <-p.done:
		if p.err != nil && !p.killed.Load() {
			return fmt.Errorf("stopping the embedded ClickHouse: %w", p.err)
		}
		return nil
	case <-timeout.C:
	}
	_ = p.command.Process.Kill()
	<-p.done
	return fmt.Errorf("stopping the embedded ClickHouse: it took longer than %s and was killed", p.cfg.StopTimeout)
}

// readReady reports the address from the child's standard output and drains the rest. The channel is closed when the
// output ends.
func (p *Process) readReady(stdout io.ReadCloser, ready chan<- string) {
	defer stdout.Close()
	defer close(ready)
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if address, ok := strings.CutPrefix(line, readyPrefix); ok {
			ready <- strings.TrimSpace(address)
			break
		}
		if reason, ok := strings.CutPrefix(line, unconfinedPrefix); ok {
			p.warnUnconfined(strings.TrimSpace(reason))
		}
		if err != nil {
			return
		}
	}
	_, _ = io.Copy(io.Discard, lines)
}

// warnUnconfined says what it means that the child runs without a sandbox.
func (p *Process) warnUnconfined(reason string) {
	guests := "guests are refused; clickhouse.guests_without_sandbox: true lets them in"
	if p.cfg.GuestsUnconfined {
		guests = "guests are let in (clickhouse.guests_without_sandbox): whoever has a guest's password may be able to read files of this machine"
	}
	p.cfg.Logger.Warn("the embedded ClickHouse runs without a sandbox of the operating system: "+guests, zap.String("reason", reason))
}

const (
	maxLogLineBytes = 8 << 10 // what one log entry takes of a line of the child
	lastWordsLines  = 4       // how many of its last lines a failed start quotes: the engine's reason, then ours
	lastWordsBytes  = 600     // of each
)

// forwardLog passes the child's standard error on and sends its last words when it ends.
func (p *Process) forwardLog(stderr io.ReadCloser, lastWords chan<- string) {
	defer stderr.Close()
	var last []string
	lines := bufio.NewReaderSize(stderr, maxLogLineBytes)
	for {
		line, more, err := lines.ReadLine()
		if err != nil {
			break
		}
		text := string(line)
		p.cfg.Logger.Info("clickhouse: " + text)
		if len(last) == lastWordsLines {
			last = last[1:]
		}
		last = append(last, strings.ToValidUTF8(text[:min(len(text), lastWordsBytes)], ""))
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
	}
	if len(last) == 0 {
		last = []string{"it said nothing"}
	}
	lastWords <- strings.Join(last, "\n")
}

// ServeChild is the child's main function: it serves until its standard input ends (its parent stopped it or died) or
// a SIGTERM comes, and tells the parent on standard output when it is ready. The users are the first line of its standard
// input, unless cfg has them or says where they are. It confines itself first, see enterSandbox. The caller parses --data,
// --listen, --durable and --guests-without-sandbox into cfg, starts nothing before, and prints a returned error to standard
// error.
func ServeChild(ctx context.Context, cfg ServerConfig) error {
	if err := cfg.enterSandbox(); err != nil {
		return err
	}
	// Ctrl-C in a terminal is the parent's to handle: it may still have rows to insert.
	signal.Ignore(syscall.SIGINT)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	leash, err := takeStdin()
	if err != nil {
		return err
	}
	// Everything that this process or the engine makes is its owner's alone.
	syscall.Umask(0o077)
	lines := bufio.NewReader(leash)
	if len(cfg.Users) == 0 {
		line, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &cfg.Users)
		}
		if err != nil {
			return fmt.Errorf("reading the users from the standard input, where `tributary up` writes them: %w", err)
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		cancel()
	}()
	debug.SetGCPercent(50) // this process's Go part holds bodies in transit, short-lived and large
	told := cfg.OnReady
	cfg.OnReady = func(address string) {
		if !cfg.confined {
			fmt.Println(unconfinedPrefix + cfg.whyNot.Error())
		}
		fmt.Println(readyPrefix + address)
		if told != nil {
			told(address)
		}
	}
	return Serve(ctx, cfg)
}

// takeStdin moves the standard input to another number and puts an empty one in its place. The engine reads the standard
// input with every insert, for data that might follow, and makes it non-blocking: a read of ours, begun again after the
// process was stopped and continued, would then fail as if the parent had died.
func takeStdin() (*os.File, error) {
	number, err := unix.FcntlInt(os.Stdin.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("keeping the standard input: %w", err)
	}
	leash := os.NewFile(uintptr(number), "stdin")
	empty, err := os.Open(os.DevNull)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("replacing the standard input: %w", err), leash.Close())
	}
	defer empty.Close()
	if err := unix.Dup2(int(empty.Fd()), int(os.Stdin.Fd())); err != nil {
		return nil, errors.Join(fmt.Errorf("replacing the standard input: %w", err), leash.Close())
	}
	return leash, nil
}
