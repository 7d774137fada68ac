package chdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// Serve runs the engine on cfg.DataDir and answers ClickHouse's HTTP interface until ctx is done, then lets running
// queries end and shuts the engine down. It must be called at most once in a process, in one that has nothing else to
// lose: a fault in the engine ends it. Errors: ErrNoLibrary, ErrLocked, an address that cannot be listened on.
func Serve(ctx context.Context, cfg ServerConfig) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	if err := makePrivate(cfg.DataDir); err != nil {
		return fmt.Errorf("creating the data directory: %w", err)
	}
	unlock, err := lockDirectory(cfg.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening for ClickHouse's HTTP interface: %w", err)
	}
	defer listener.Close()

	parts := newParts(cfg.DataDir)
	restored, err := parts.definitions.restore(time.Now())
	for _, what := range restored {
		cfg.Logger.Warn("the definition of a table or view was incomplete, as a full disk leaves it; its statement was "+
			"not acknowledged",
			zap.String("definition", what))
	}
	if err != nil {
		return fmt.Errorf("opening %s: %w", cfg.DataDir, err)
	}
	moved, err := parts.sweep()
	for _, what := range moved[:min(len(moved), maxSweptLines)] {
		cfg.Logger.Warn("set aside a part that a full disk or a kill left incomplete; what it was merged of, or Kafka, "+
			"has its rows",
			zap.String("part", what), zap.Int("parts", len(moved)))
	}
	if err != nil {
		return fmt.Errorf("opening %s: %w", cfg.DataDir, err)
	}
	s, err := newServer(cfg, parts)
	if err != nil {
		return err
	}
	defer s.close()
	s.swept = len(moved)

	web := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    int(cfg.MaxQueryBytes) + 64<<10, // a query may be in the URL
		ErrorLog:          zap.NewStdLog(cfg.Logger),
	}
	tidying, tidied := context.WithCancel(ctx)
	defer tidied()
	go s.tidy(tidying)
	go s.watchParts(tidying)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	cfg.Logger.Info("embedded ClickHouse is ready", zap.String("version", s.version), zap.Stringer("listen", listener.Addr()), zap.String("data", cfg.DataDir))
	cfg.OnReady(listener.Addr().String())

	select {
	case err := <-failed:
		return fmt.Errorf("serving ClickHouse's HTTP interface: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.StopTimeout)
	defer cancel()
	if err := web.Shutdown(stopping); err != nil {
		cfg.Logger.Warn("queries still running were cut off", zap.Duration("after", cfg.StopTimeout))
		_ = web.Close() // cancels the requests' contexts, which kills their queries
		s.stuck = !s.drained(2 * time.Second)
	}
	return nil
}

// makePrivate makes a folder, or takes one that is there, and keeps others out of it: whatever modes the files below have.
func makePrivate(dir string) error {
	return errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700))
}

// lockDirectory makes this process the directory's owner until it ends, however it ends.
func lockDirectory(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, lockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(path)
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("opening %s: %w (number %s): stop that one, or choose another directory", dir, ErrLocked, strings.TrimSpace(string(owner)))
		}
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	if err := errors.Join(file.Truncate(0), writeAt(file, fmt.Sprintf("%d\n", os.Getpid()))); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	return func() { _ = file.Close() }, nil
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

// server answers requests on one engine.
type server struct {
	cfg       ServerConfig
	lib       *library
	arguments []string
	// anchor keeps the engine alive between requests, which open and close connections of their own.
	anchor *connection
	// killer is a connection for this server's own statements, which must get through while every slot is taken.
	killing sync.Mutex
	killer  *connection
	// parser and guestParser examine statements; pulse is a connection for telling that the engine answers.
	parser      parser
	guestParser parser
	feeling     sync.Mutex
	pulse       *connection
	roles       *slots
	guests      *slots
	doorman     *doorman
	counts      counts
	running     running
	ownHost     string // of the address listened on
	sessions    *sessions
	spools      *spools
	syncer      *syncer
	parts       *parts
	swept       int  // parts set aside at the start
	stuck       bool // a query could not be stopped
	version     string
	timezone    string
	host        string
	queries     atomic.Uint64 // admitted so far
}

// parser is a connection for examining statements. Guests have another than the roles, who must not wait for what guests
// have parsed.
type parser struct {
	sync.Mutex
	conn *connection
}

func (s *server) parserOf(guest bool) *parser {
	if guest {
		return &s.guestParser
	}
	return &s.parser
}

// maxSweptLines bounds what is logged of parts that were set aside.
const maxSweptLines = 20

func newServer(cfg ServerConfig, parts *parts) (s *server, err error) {
	arguments, err := cfg.engineArguments()
	if err != nil {
		return nil, err
	}
	lib, err := loadLibrary(cfg.LibPath)
	if err != nil {
		return nil, err
	}
	s = &server{cfg: cfg, lib: lib, arguments: arguments, parts: parts, doorman: newDoorman(cfg.Users)}
	s.ownHost, _, _ = net.SplitHostPort(cfg.Listen)
	s.roles = newSlots(cfg.MaxRunning, cfg.MaxWaiting, 0)
	s.guests = newSlots(cfg.Guests.MaxRunning, cfg.Guests.MaxWaiting, cfg.Guests.PatienceTime)
	s.spools = newSpools(cfg.DataDir)
	if s.syncer, err = newSyncer(cfg.DataDir, s.settle); err != nil {
		return nil, err
	}
	s.sessions = newSessions(cfg.MaxSessions, cfg.Guests.MaxSessions, s.connectOnDefaults)
	// The engine's directory of user files is the working directory.
	if err := os.Chdir(filepath.Join(cfg.DataDir, emptyFolder)); err != nil {
		return nil, fmt.Errorf("opening %s: %w", cfg.DataDir, err)
	}
	for _, conn := range []**connection{&s.anchor, &s.killer, &s.parser.conn, &s.guestParser.conn, &s.pulse} {
		if *conn, err = lib.open(arguments); err != nil {
			return nil, fmt.Errorf("opening %s: %w", cfg.DataDir, err)
		}
		if err := (*conn).exec(setStatement(s.defaults())); err != nil {
			return nil, fmt.Errorf("opening %s: %w", cfg.DataDir, err)
		}
	}
	for _, table := range withheld {
		if err := s.anchor.exec("DETACH TABLE IF EXISTS system." + table); err != nil {
			return nil, fmt.Errorf("withholding system.%s: %w", table, err)
		}
	}
	// The first query also warms up what the engine builds lazily (20 ms, measured).
	err = s.anchor.run("SELECT version(), timezone(), hostName()", "TSV", nil, func(output []byte, _ progress) error {
		fields := strings.Split(strings.TrimSpace(string(output)), "\t")
		if len(fields) != 3 {
			return fmt.Errorf("the engine answered %q", output)
		}
		s.version, s.timezone, s.host = fields[0], fields[1], fields[2]
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("asking the engine its version: %w", err)
	}
	return s, nil
}

// withheld are tables of the database system that the engine makes anew at each start and nobody is to read: reading
// stack_trace signals every thread of the process, among them Go's, and ends it.
var withheld = []string{"stack_trace"}

func (s *server) connect() (*connection, error) { return s.lib.open(s.arguments) }

func (s *server) connectOnDefaults() (*connection, error) {
	conn, err := s.connect()
	if err != nil {
		return nil, err
	}
	if err := conn.exec(setStatement(s.defaults())); err != nil {
		conn.close()
		return nil, err
	}
	return conn, nil
}

// drained waits for every running query's slot and reports whether it got them.
func (s *server) drained(patience time.Duration) bool {
	timeout := time.After(patience)
	return s.roles.drained(timeout) && s.guests.drained(timeout)
}

func (s *server) close() {
	s.spools.drop()
	s.sessions.close()
	if s.stuck {
		// A query that could not be stopped still uses the engine; closing it underneath would crash. The process ends
		// anyway, and committed data is on disk.
		return
	}
	s.killing.Lock()
	defer s.killing.Unlock()
	s.killer.close()
	s.killer = nil
	s.parser.conn.close()
	s.guestParser.conn.close()
	s.pulse.close()
	s.anchor.close()
	s.syncer.close()
}

// kill stops the query with a mark, if it still runs.
func (s *server) kill(mark string) {
	s.killing.Lock()
	defer s.killing.Unlock()
	if s.killer == nil {
		return
	}
	s.counts.killed.Add(1)
	if err := s.killer.exec("KILL QUERY WHERE Settings['log_comment'] = " + quote(mark) + " ASYNC FORMAT Null"); err != nil {
		s.cfg.Logger.Warn("killing a query", zap.Error(err))
	}
}
