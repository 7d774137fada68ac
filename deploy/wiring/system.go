package wiring

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/control"
	"tributary/console"
	"tributary/deploy/config"
	"tributary/deploy/embedded"
	"tributary/deploy/meaning"
	"tributary/deploy/process"
	"tributary/deploy/topics"
)

// Names of units, as they appear in logs, /readyz and metrics.
const (
	UnitOps        = "ops"
	UnitKafka      = "kafka"
	UnitClickHouse = "clickhouse"
	UnitSetup      = "setup"
	UnitSink       = "sink"
	UnitProcessor  = "processor"
	UnitIngest     = "ingest"
	UnitLeases     = "leases"
	UnitControl    = "control"
	UnitOutbound   = "outbound"
)

// setupLimit is how long topics may take to be made; a cluster far away needs seconds. Tables take as long as rows that are there need.
const setupLimit = 2 * time.Minute

// A System is the units of one process, made of one configuration. Add units, then Run.
type System struct {
	loaded     *config.Loaded
	inForce    *config.Loaded // the last reading that was taken; of the goroutine that watches
	logger     *zap.Logger
	supervisor *process.Supervisor
	reload     *reloads
	edge       atomic.Pointer[edgeSlot]
	notes      []process.Note
	life       string // differs from one System to the next
	hasEngines bool
	warned     map[string]bool
	broker     atomic.Pointer[embedded.Kafka] // the last one made
	brokers    int                            // how many were made
	lookups    driver.Conn                    // for receipts; nil until the edge asks for it
	kept       kept
	topicsFit  atomic.Bool // they did once
	control    controlSlot
	console    consoleSlot
	catalogs   sync.Mutex               // held while a catalog is made and put in force, and of inForce
	takers     []func(*catalog.Catalog) // beside the edge; added before Run

	// Reloaded is called after each reading of a changed configuration, whatever came of it; nil for nobody.
	Reloaded func()
	// Blocks makes what changes blocks for the console; nil: nothing does.
	Blocks func(topic func(context.Context) (control.Config, error)) console.Blocks
	// EngineCommand starts the embedded ClickHouse's child; empty: this executable with "clickhouse-embedded".
	EngineCommand []string
}

// New returns a System without units.
func New(loaded *config.Loaded, logger *zap.Logger) *System {
	s := &System{loaded: loaded, inForce: loaded, logger: logger, supervisor: process.NewSupervisor(logger, loaded.Config.Ops.DrainTimeout), life: rand.Text(), warned: map[string]bool{}}
	s.reload = newReloads(s.supervisor.Registry())
	process.RegisterRuntime(s.supervisor.Registry())
	process.RegisterBuild(s.supervisor.Registry(), Version())
	return s
}

// passOver takes hangups that nothing is read again for: who asked is told that it is over.
func (s *System) passOver(ctx context.Context, hangups <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		s.logger.Warn("the configuration is not watched: nothing was read again; a restart reads it")
		if s.Reloaded != nil {
			s.Reloaded()
		}
	}
}

// Ready returns nil when every unit can do its work.
func (s *System) Ready() error { return s.supervisor.Ready() }

// Run runs the units until ctx is done, then stops them in the opposite order of adding. hangups ask for a reload. from
// is what the configuration was read from. started is called once everything has started.
func (s *System) Run(ctx context.Context, from config.Sources, hangups <-chan struct{}, started func()) error {
	if err := s.checkMeaning(); err != nil {
		return err
	}
	s.warn(s.loaded)
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := config.Watch(watching, from, s.loaded, hangups, s.changed); err != nil {
			s.logger.Warn("the configuration is not watched; SIGHUP does nothing either", zap.Error(err))
			s.passOver(watching, hangups)
		}
	}()
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		s.takeCatalogs(watching)
	}()
	err := s.supervisor.Run(ctx, started)
	if s.lookups != nil {
		_ = s.lookups.Close() // nothing is under way
	}
	stop()
	<-watched
	<-taken
	return err
}

// AddOps adds the operations server; add it first.
func (s *System) AddOps() {
	s.supervisor.Add(process.Unit{Name: UnitOps, MustStart: true, Wait: true,
		New: func(context.Context, prometheus.Registerer) (process.Runner, error) {
			ops, err := process.NewOps(s.loaded.Config.Ops.Listen, s.supervisor, s.supervisor.States(), append(s.notes, s.reload.note, s.brokerNote)...)
			if err != nil {
				return nil, err
			}
			if s.loaded.Config.Ops.Token != "" {
				ops.RequireToken(s.loaded.Config.Ops.Token)
			}
			if s.loaded.Config.Ops.Open {
				ops.Open()
			}
			return ops, nil
		}})
}

// AddEngines adds the engines whose mode is embedded.
func (s *System) AddEngines() {
	c := &s.loaded.Config
	s.hasEngines = true
	if c.Kafka.Mode == config.ModeEmbedded {
		s.supervisor.Add(process.Unit{Name: UnitKafka, MustStart: true, Wait: true,
			New: func(_ context.Context, registerer prometheus.Registerer) (process.Runner, error) {
				return s.newKafka(registerer)
			}})
	}
	if c.ClickHouse.Mode == config.ModeEmbedded {
		s.supervisor.Add(process.Unit{Name: UnitClickHouse, MustStart: true, Wait: true,
			New: func(ctx context.Context, registerer prometheus.Registerer) (process.Runner, error) {
				users, err := engineUsers(c)
				if err != nil {
					return nil, process.Permanent(err)
				}
				return embedded.NewClickHouse(ctx, embedded.ClickHouseConfig{
					Address: c.ClickHouse.Addr, Dir: filepath.Join(c.DataDir, ClickHouseFolder), Users: users, Durable: c.ClickHouse.Durable,
					GuestsUnconfined: c.ClickHouse.GuestsWithoutSandbox,
					Command:          s.EngineCommand, Registerer: registerer, Logger: s.logger.Named(UnitClickHouse),
				})
			}})
	}
}

// maxBrokers is how often the embedded broker may be made in one process. One that failed leaves its memory behind, because its own
// end would write once more; so a disk that fails again and again ends the process, and whoever starts that again starts it anew.
const maxBrokers = 16

// newKafka makes the embedded broker, at the start and again after a write to its folder failed: the roles connect to it again.
func (s *System) newKafka(registerer prometheus.Registerer) (process.Runner, error) {
	broker, err := s.startKafka(embedded.Durable(s.loaded.Config.Kafka.Durable), embedded.WithMetrics(registerer))
	if errors.Is(err, embedded.ErrSyncFailed) {
		err = process.Permanent(err)
	}
	if err != nil {
		return nil, err
	}
	s.brokers++
	return embeddedKafka{broker, s}, nil
}

// embeddedKafka decides which failures of the broker end the process.
type embeddedKafka struct {
	*embedded.Kafka
	system *System
}

func (k embeddedKafka) Run(ctx context.Context) error {
	k.system.broker.Store(k.Kafka)
	err := k.Kafka.Run(ctx)
	if err == nil {
		k.system.brokers-- // one that ended in an orderly way, as for a backup, leaves no memory behind
	}
	if errors.Is(err, embedded.ErrSyncFailed) || err != nil && k.system.brokers >= maxBrokers {
		return process.Permanent(err)
	}
	return err
}

// brokerNote is what /readyz shows of the embedded broker's folder.
func (s *System) brokerNote() (name, text string) {
	if broker := s.broker.Load(); broker != nil {
		text = broker.Damage()
	}
	return "kafka data", text
}

// AddSetup adds the making of topics and tables, which the roles wait for.
func (s *System) AddSetup() {
	s.supervisor.Add(process.Unit{Name: UnitSetup, MustStart: true, Wait: true,
		New: func(ctx context.Context, _ prometheus.Registerer) (process.Runner, error) {
			if err := Setup(ctx, s.loaded, s.logger.Named(UnitSetup)); err != nil {
				return nil, err
			}
			if err := s.keepMeaning(meaning.Of(s.loaded)); err != nil {
				return nil, err
			}
			s.keepShape(s.loaded)
			return done{}, nil
		}})
}

// done is a unit whose work was done when it was made.
type done struct{}

func (done) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (done) Ready() error                  { return nil }

// Setup makes the topics and tables that are missing, and keeps with the tables what they mean. It can be repeated. Where
// the configuration would give the tables another meaning (meaning.ErrMismatch), no topics are made.
func Setup(ctx context.Context, loaded *config.Loaded, logger *zap.Logger) error {
	c := &loaded.Config
	err := setupTables(ctx, c, logger) // which may take as long as it takes
	limited, cancel := context.WithTimeoutCause(ctx, setupLimit, fmt.Errorf("took longer than %s", setupLimit))
	defer cancel()
	if err == nil {
		err = keepInTables(limited, loaded, logger)
	}
	if errors.Is(err, meaning.ErrMismatch) {
		return process.Permanent(err)
	}
	return errors.Join(setupTopics(limited, c, logger), err)
}

func setupTopics(ctx context.Context, c *config.Config, logger *zap.Logger) error {
	return withAdmin(ctx, c, "setup", logger, func(admin *kadm.Client) error {
		settings := TopicSettings(c.Kafka)
		settings.Overwrote = func(topic, setting, was, is string) {
			logger.Warn("a topic had a setting of its own, which the configuration's replaced; kafka.retention and kafka.retention_bytes say how topics are kept",
				zap.String("topic", topic), zap.String("setting", setting), zap.String("was", was), zap.String("is", is))
		}
		made, err := topics.Ensure(ctx, admin, settings)
		if len(made) > 0 {
			logger.Info("made topics", zap.Strings("topics", made), zap.Int("partitions", c.Kafka.Partitions))
		}
		return err
	})
}

func setupTables(ctx context.Context, c *config.Config, logger *zap.Logger) error {
	applied, err := Migrate(ctx, c.ClickHouse, logger)
	for _, migration := range applied {
		logger.Info("applied a migration", zap.Uint32("version", migration.Version), zap.String("name", migration.Name), zap.Duration("took", migration.Took.Round(time.Millisecond)))
	}
	return err
}

// withAdmin opens an administrator's client, makes sure that a broker answers, and closes it after use.
func withAdmin(ctx context.Context, c *config.Config, role string, logger *zap.Logger, use func(*kadm.Client) error) error {
	opts, err := KafkaOptions(c.Kafka, role, logger)
	if err != nil {
		return process.Permanent(err)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return process.Permanent(fmt.Errorf("making a Kafka client: %w", err))
	}
	defer client.Close()
	limited, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := client.Ping(limited); err != nil {
		return fmt.Errorf("reaching Kafka at %v (kafka.brokers): %w", c.Kafka.Brokers, err)
	}
	return use(kadm.NewClient(client))
}

// checkTopics is what a role of a distributed deployment asks before it starts.
func (s *System) checkTopics(ctx context.Context, role string) error {
	err := withAdmin(ctx, &s.loaded.Config, role, s.logger, func(admin *kadm.Client) error {
		return topics.Check(ctx, admin, TopicSettings(s.loaded.Config.Kafka))
	})
	switch {
	case err == nil:
		s.topicsFit.Store(true)
	case errors.Is(err, topics.ErrMismatch) && !s.topicsFit.Load():
		return process.Permanent(err)
	}
	return err // of topics that changed meanwhile: the other roles of this process go on, and /readyz says it
}
