package wiring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/catalog/hold"
	"tributary/catalog/published"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/ingest/durable"
	"tributary/schemas"
)

// controlCopy is the copy of the topic control, in data_dir.
const controlCopy = "control/copy"

// catalogWait is how long an edge waits at its start for the catalog of the topic control, where no copy is on disk.
const catalogWait = 20 * time.Second

// controlKinds are the kinds of entries that the roles know.
func controlKinds() []control.Kind { return append(published.Kinds(), block.Entries(), hold.Entries()) }

// ControlCopy is the path of this machine's copy of the topic control.
func ControlCopy(c *config.Config) string {
	return filepath.Join(c.DataDir, filepath.FromSlash(controlCopy))
}

// ControlKinds are the kinds of entries that this program knows.
func ControlKinds() []control.Kind { return controlKinds() }

// ControlConfig says where the topic control is, for a role or a command.
func ControlConfig(c *config.Config, role string, logger *zap.Logger) (control.Config, error) {
	opts, err := KafkaOptions(c.Kafka, role, logger)
	if err != nil {
		return control.Config{}, err
	}
	return control.Config{
		Kafka: opts, Broker: c.Kafka.Abilities(), Topic: c.Kafka.TopicPrefix + schemas.TopicControl,
		Changes: c.Kafka.TopicPrefix + schemas.TopicControlChanges, Kinds: controlKinds(), Logger: logger,
	}, nil
}

// A controlSlot joins a reader of the topic control, which may be made anew, with those who watch it.
type controlSlot struct {
	mu       sync.Mutex
	reader   *control.Reader // of now; nil before the first
	watchers []func(*control.Reader)
	made     chan struct{} // closed once there is a reader; nil in a process without one
	refused  atomic.Pointer[string]
	counter  prometheus.Gauge
	news     chan struct{}
}

// AddControl adds the reader of the topic control, before the roles that need it. A reader that does not reach Kafka holds nobody up
// but where the catalog comes from it.
func (s *System) AddControl() {
	s.control.made = make(chan struct{})
	s.notes = append(s.notes, s.controlNote)
	s.supervisor.Add(process.Unit{Name: UnitControl,
		New: func(_ context.Context, registerer prometheus.Registerer) (process.Runner, error) {
			c := &s.loaded.Config
			cfg, err := ControlConfig(c, UnitControl, s.logger.Named(UnitControl))
			if err != nil {
				return nil, process.Permanent(err)
			}
			cfg.Copy, cfg.Replace, cfg.Fill, cfg.Now, cfg.Registerer = ControlCopy(c), durable.Replace, true, clock(), registerer
			if err := os.MkdirAll(filepath.Dir(cfg.Copy), 0o700); err != nil {
				return nil, fmt.Errorf("making the folder of the copy of the topic control: %w", err)
			}
			reader, err := control.Open(cfg)
			if err != nil {
				return nil, err
			}
			s.control.use(reader)
			return controlRunner{reader, c.Catalog.Source == catalog.SourceControl}, nil
		}})
}

// controlRunner is ready without Kafka where nobody's work depends on the topic.
type controlRunner struct {
	*control.Reader
	needed bool
}

func (r controlRunner) Ready() error {
	if !r.needed {
		return nil
	}
	return r.Reader.Ready()
}

func (slot *controlSlot) use(r *control.Reader) {
	slot.mu.Lock()
	defer slot.mu.Unlock()
	first := slot.reader == nil
	slot.reader = r
	for _, watch := range slot.watchers {
		watch(r)
	}
	if first {
		close(slot.made)
	}
}

// WatchControl calls notify with what is in force of the topic control now and after each change of a kind: see control.Reader.Watch. It
// goes on with the next reader where this one is made anew. Call it before Run.
func (s *System) WatchControl(kind string, notify func(*control.State)) {
	s.control.mu.Lock()
	defer s.control.mu.Unlock()
	s.control.watchers = append(s.control.watchers, func(r *control.Reader) { r.Watch(kind, notify) })
}

// controlNote is what /readyz shows of the topic control.
func (s *System) controlNote() (name, text string) {
	s.control.mu.Lock()
	reader := s.control.reader
	s.control.mu.Unlock()
	if reader == nil {
		return UnitControl, ""
	}
	parts := reader.Notes()
	if refused := s.control.refused.Load(); refused != nil {
		parts = append(parts, *refused)
	}
	return UnitControl, strings.Join(parts, "; ")
}

// awaitCatalog waits for the topic control where the catalog comes from it.
func (s *System) awaitCatalog(ctx context.Context) error {
	if s.loaded.Config.Catalog.Source != catalog.SourceControl {
		return nil
	}
	if s.control.made == nil {
		return process.Permanent(errors.New("catalog.source is control, and nothing in this process reads the topic control"))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, catalogWait,
		fmt.Errorf("neither Kafka nor a copy in data_dir has shown it within %s", catalogWait))
	defer cancel()
	select {
	case <-s.control.made:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the catalog: %w", context.Cause(ctx))
	}
	s.control.mu.Lock()
	reader := s.control.reader
	s.control.mu.Unlock()
	if err := reader.Await(ctx); err != nil {
		return fmt.Errorf("waiting for the catalog: %w", err)
	}
	return nil
}

// compile builds the catalog of a configuration: what it declares, or what is in force of the topic control with its keys and base
// currency.
func (s *System) compile(c *config.Config) (*catalog.Catalog, error) {
	declared := c.Catalog
	if declared.Source == catalog.SourceControl {
		s.control.mu.Lock()
		reader := s.control.reader
		s.control.mu.Unlock()
		if reader == nil {
			return nil, control.ErrUnready
		}
		var err error
		if declared, err = published.Of(reader.Now(), c.Catalog); err != nil {
			return nil, err
		}
	}
	if s.edge.Load() == nil {
		return catalog.BuildWithoutKeys(declared)
	}
	return catalog.Build(declared)
}

// CatalogFromControl tells of a catalog that is in the topic control: AddControl is needed before the roles that have to do with it.
func (s *System) CatalogFromControl() bool {
	return s.loaded.Config.Catalog.Source == catalog.SourceControl
}

// followCatalog has the roles of this process take each change of the catalog in the topic control.
func (s *System) followCatalog() {
	if !s.CatalogFromControl() || s.control.news != nil {
		return
	}
	s.control.news = make(chan struct{}, 1)
	s.control.counter = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tributary_control_catalog_refused",
		Help: "1 while the catalog of the topic control is wrong as a whole; the one before is in force.",
	})
	s.supervisor.Registry().MustRegister(s.control.counter)
	for _, kind := range published.EntryKinds() {
		s.WatchControl(kind, func(*control.State) {
			select {
			case s.control.news <- struct{}{}:
			default: // one look takes all that is there by then
			}
		})
	}
}

// takeCatalogs puts each catalog of the topic control in force until ctx is done.
func (s *System) takeCatalogs(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.control.news:
		}
		s.takeCatalog()
	}
}

func (s *System) takeCatalog() {
	s.catalogs.Lock()
	defer s.catalogs.Unlock()
	compiled, err := s.compile(&s.inForce.Config)
	if err != nil {
		text := "the catalog that was published is wrong as a whole, the one before is in force: " + err.Error()
		s.control.refused.Store(&text)
		s.control.counter.Set(1)
		s.logger.Error("the catalog that was published is refused; the one before stays in force", zap.Error(err))
		return
	}
	s.control.refused.Store(nil)
	s.control.counter.Set(0)
	s.setCatalog(compiled)
	s.logger.Info("the catalog that was published is in force")
}
