package wiring

import (
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/deploy/config"
	"tributary/ingest/catalog"
)

// reloads is what is known about readings of the configuration after the start.
type reloads struct {
	applied, refused prometheus.Counter
	text             atomic.Pointer[string] // what /readyz says; nil: nothing
}

func newReloads(r prometheus.Registerer) *reloads {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tributary_process_config_reloads_total", Help: "Readings of a changed configuration, by outcome: applied or refused.",
	}, []string{"outcome"})
	r.MustRegister(total)
	return &reloads{applied: total.WithLabelValues("applied"), refused: total.WithLabelValues("refused")}
}

func (r *reloads) note() (name, text string) {
	if t := r.text.Load(); t != nil {
		text = *t
	}
	return "configuration", text
}

// changed takes the outcome of one reading. A refused one leaves everything as it is.
func (s *System) changed(change config.Change) {
	if s.Reloaded != nil {
		defer s.Reloaded()
	}
	s.reloadFiles()
	say := func(text string) { s.reload.text.Store(&text) }
	if change.Err != nil {
		s.reload.refused.Inc()
		say("the changed file was refused, the configuration in force is the one before: " + change.Err.Error())
		s.logger.Error("the changed configuration is refused; the one before stays in force", zap.Error(change.Err))
		return
	}
	if change.Catalog {
		compiled, err := catalog.Build(change.Loaded.Config.Catalog)
		if err != nil { // Load has just built it; the edge must not get nil in any case
			s.reload.refused.Inc()
			say("the changed catalog was refused: " + err.Error())
			s.logger.Error("the changed catalog is refused; the one before stays in force", zap.Error(err))
			return
		}
		s.setCatalog(compiled)
		s.warn(change.Loaded)
		s.reload.applied.Inc()
		s.logger.Info("the changed catalog is in force")
	}
	say("")
	if len(change.NeedsRestart) > 0 {
		sections := strings.Join(change.NeedsRestart, ", ")
		say("changes of " + sections + " need a restart")
		s.logger.Warn("the configuration changed in sections that need a restart", zap.Strings("sections", change.NeedsRestart))
	} else if !change.Catalog {
		s.logger.Info("the configuration was read again; nothing differs from what is in force")
	}
}

// warn says each warning of a configuration once: at the start, and when a reload brings a new one. Those of the
// catalog are the edge's to say.
func (s *System) warn(loaded *config.Loaded) {
	for _, warning := range loaded.Warnings() {
		if s.edge.Load() == nil && strings.HasPrefix(warning, config.SectionCatalog+".") {
			continue
		}
		if !s.warned[warning] {
			s.warned[warning] = true
			s.logger.Warn(warning)
		}
	}
}
