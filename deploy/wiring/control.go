package wiring

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/catalog/block"
	"tributary/catalog/control"
	"tributary/deploy/config"
	"tributary/deploy/process"
	"tributary/ingest/durable"
	"tributary/schemas"
)

// controlCopy is the copy of the topic control, in data_dir.
const controlCopy = "control/copy"

// controlKinds are the kinds of entries that the roles know.
func controlKinds() []control.Kind { return []control.Kind{block.Entries()} }

// ControlCopy is the path of this machine's copy of the topic control.
func ControlCopy(c *config.Config) string { return filepath.Join(c.DataDir, filepath.FromSlash(controlCopy)) }

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
}

// AddControl adds the reader of the topic control, before the roles that need it. A reader that does not reach Kafka holds nobody up.
func (s *System) AddControl() {
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
			return controlRunner{reader}, nil
		}})
}

// controlRunner is ready without Kafka: nobody's work depends on the topic.
type controlRunner struct{ *control.Reader }

func (controlRunner) Ready() error { return nil }

func (slot *controlSlot) use(r *control.Reader) {
	slot.mu.Lock()
	defer slot.mu.Unlock()
	slot.reader = r
	for _, watch := range slot.watchers {
		watch(r)
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
	since := reader.Blind()
	if since.IsZero() {
		return UnitControl, ""
	}
	return UnitControl, "the topic control has not been seen since " + since.UTC().Format(time.RFC3339) + ": what was written since is not in force here"
}
