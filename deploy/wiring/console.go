package wiring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/catalog/published"
	"tributary/console"
	"tributary/console/store"
	"tributary/deploy/config"
	"tributary/deploy/embedded/chdb"
	"tributary/deploy/process"
	"tributary/deploy/secret"
	"tributary/report"
)

// UnitConsole is the console.
const UnitConsole = "console"

// consoleLimit is how long its database may take to be opened.
const consoleLimit = 15 * time.Second

// consolePause is between two tries to start a console that nothing else waits for.
const consolePause = 5 * time.Second

// A consoleSlot has the console of now.
type consoleSlot struct {
	mu     sync.Mutex
	server *console.Server
	link   string // what the last one gave
	wrong  string // why there is none, for /readyz
}

// Analyst is how one who only reads asks ClickHouse: of the embedded engine as its guest, whose slots are not the roles'.
func Analyst(c *config.Config) (*clickhouse.Options, error) {
	options, err := ClickHouseOptions(c.ClickHouse)
	if err != nil || c.ClickHouse.Mode != config.ModeEmbedded {
		return options, err
	}
	options.Auth.Username = chdb.GuestUser
	options.Auth.Password, err = secret.Load(filepath.Join(c.DataDir, chdb.GuestPasswordFile))
	return options, err
}

// ConsoleThere answers why there is no console's database to open: a command must not make an empty one beside it.
func ConsoleThere(c *config.Config) error {
	if c.Console.Database != "" {
		return nil
	}
	path := filepath.Join(c.DataDir, filepath.FromSlash(store.File))
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s: no console has run with this data_dir; name the --config of `tributary up`, or its data_dir with --set data_dir=FOLDER, or console.database", path)
	}
	return nil
}

// OpenConsoleStore opens the console's own database.
func OpenConsoleStore(ctx context.Context, c *config.Config) (*store.Store, error) {
	return store.Open(ctx, c.Console.Database, filepath.Join(c.DataDir, filepath.FromSlash(store.File)), clock())
}

// AddConsole adds the console, where one is configured. Beside other roles it holds nobody up: what keeps it from starting is a note in
// /readyz. alone: it is all that this process is for. demo: see console.Deps.
func (s *System) AddConsole(alone, demo bool) {
	if s.loaded.Config.Console.Listen == "" {
		return
	}
	s.notes = append(s.notes, func() (name, text string) {
		s.console.mu.Lock()
		defer s.console.mu.Unlock()
		return UnitConsole, s.console.wrong
	})
	s.supervisor.Add(process.Unit{Name: UnitConsole, MustStart: alone, Wait: true,
		New: func(ctx context.Context, registerer prometheus.Registerer) (process.Runner, error) {
			started, err := s.startConsole(ctx, demo, registerer)
			if err != nil && alone {
				return nil, err
			}
			return &consoleRunner{system: s, started: started, demo: demo, registerer: registerer, alone: alone, wrong: err}, nil
		}})
}

// A startedConsole is a console with what it works with.
type startedConsole struct {
	*console.Server
	close func() error
}

func (s *System) startConsole(ctx context.Context, demo bool, to prometheus.Registerer) (_ *startedConsole, err error) {
	c := &s.loaded.Config
	registerer := prometheus.NewRegistry() // of this try
	options, err := Analyst(c)
	if err != nil {
		return nil, err
	}
	options.MaxOpenConns = c.Console.Questions + 2
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse for the console: %w", err)
	}
	limited, cancel := context.WithTimeoutCause(ctx, consoleLimit, fmt.Errorf("no answer within %s", consoleLimit))
	defer cancel()
	kept, err := OpenConsoleStore(limited, c)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	logger := s.logger.Named(UnitConsole)
	s.console.mu.Lock()
	link := s.console.link
	s.console.mu.Unlock()
	server, err := console.New(ctx, c.Console, console.Deps{
		Store: kept, Demo: demo, Link: link, Logger: logger, Registerer: registerer, Now: clock(), Version: Version(), BaseCurrency: c.Catalog.BaseCurrency,
		Reports: report.New(report.Config{Conn: conn, Database: c.ClickHouse.Database, Slots: c.Console.Questions, Registerer: registerer, Now: clock()}),
		Catalog: s.declared, Control: s.controlNow, Health: s.supervisor.States(), Blocks: s.blocks(),
	})
	if err != nil {
		return nil, errors.Join(err, kept.Close(), conn.Close())
	}
	to.MustRegister(registerer)
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	s.console.server, s.console.link, s.console.wrong = server, server.Link(), ""
	return &startedConsole{server, func() error {
		to.Unregister(registerer)
		return errors.Join(kept.Close(), conn.Close())
	}}, nil
}

// declared is the catalog in force, as it was declared.
func (s *System) declared() *catalog.Config {
	s.catalogs.Lock()
	c := s.inForce.Config.Catalog
	s.catalogs.Unlock()
	if c.Source != catalog.SourceControl {
		return &c
	}
	s.control.mu.Lock()
	reader := s.control.reader
	s.control.mu.Unlock()
	if reader != nil {
		if of, err := published.Of(reader.Now(), c); err == nil {
			return &of
		}
	}
	return &c
}

// controlNow is what is in force of the topic control; nil while nothing is known of it.
func (s *System) controlNow() *control.State {
	s.control.mu.Lock()
	reader := s.control.reader
	s.control.mu.Unlock()
	if reader == nil || reader.Ready() != nil {
		return nil
	}
	return reader.Now()
}

// blocks is who changes blocks; nil where nobody can.
func (s *System) blocks() console.Blocks {
	if s.Blocks == nil {
		return nil
	}
	return s.Blocks(func(ctx context.Context) (control.Config, error) {
		return ControlConfig(&s.loaded.Config, UnitConsole, s.logger.Named(UnitConsole))
	})
}

// ConsoleLink is what a person opens to see the console; empty where there is none.
func (s *System) ConsoleLink() string {
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	if s.console.server == nil {
		return ""
	}
	return s.console.server.Link()
}

// consoleRunner starts a console again and again, where it is not all that the process is for.
type consoleRunner struct {
	system     *System
	started    *startedConsole // nil: not yet
	demo       bool
	registerer prometheus.Registerer
	alone      bool
	wrong      error
}

func (r *consoleRunner) Run(ctx context.Context) error {
	for {
		if r.started != nil {
			err := r.started.Run(ctx)
			err = errors.Join(err, r.started.close())
			r.started = nil
			if err == nil || r.alone || ctx.Err() != nil {
				return err
			}
			r.wrong = err
		}
		r.system.console.mu.Lock()
		if text := r.wrong.Error(); text != r.system.console.wrong {
			r.system.console.wrong, r.system.console.server = text, nil
			r.system.logger.Named(UnitConsole).Warn("the console is not there; all else goes on", zap.Error(r.wrong))
		}
		r.system.console.mu.Unlock()
		timer := time.NewTimer(consolePause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		r.started, r.wrong = r.system.startConsole(ctx, r.demo, r.registerer)
	}
}

// Ready answers nil beside other roles, which do their work without it.
func (r *consoleRunner) Ready() error {
	if !r.alone || r.started == nil {
		return nil
	}
	return r.started.Ready()
}
