package wiring

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/deploy/config"
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

// changed takes the outcome of one reading. A refused one leaves everything as it is; the error tells of one that is
// refused here.
func (s *System) changed(change config.Change) (err error) {
	if s.Reloaded != nil {
		defer s.Reloaded()
	}
	s.reloadFiles()
	s.catalogs.Lock()
	defer s.catalogs.Unlock()
	if change.Err == nil {
		err = s.reloadMeaning(change.Loaded)
		change.Err = err
	}
	say := func(text string) { s.reload.text.Store(&text) }
	if change.Err != nil {
		s.reload.refused.Inc()
		say("the changed file was refused, the configuration in force is the one before: " + change.Err.Error())
		s.logger.Error("the changed configuration is refused; the one before stays in force", zap.Error(change.Err))
		return err
	}
	if was := s.loaded.Config.Catalog.Source; change.Loaded.Config.Catalog.Source != was {
		s.reload.refused.Inc()
		err = fmt.Errorf("catalog.source was %s at the start: another one needs a restart", was)
		say("the changed file was refused, the configuration in force is the one before: " + err.Error())
		s.logger.Error("the changed configuration is refused; the one before stays in force", zap.Error(err))
		return err
	}
	if change.Catalog {
		compiled, err := s.compile(&change.Loaded.Config)
		if err != nil { // Load has just built it; the edge must not get nil in any case
			s.reload.refused.Inc()
			say("the changed catalog was refused: " + err.Error())
			s.logger.Error("the changed catalog is refused; the one before stays in force", zap.Error(err))
			return err
		}
		s.sayGone(change.Loaded)
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
	s.inForce = change.Loaded
	s.keepShape(change.Loaded)
	return nil
}

// maxGoneNames is how many names one line has.
const maxGoneNames = 20

// sayGone names what a changed catalog has no longer: visitors of such a campaign get 404, postbacks of such a network
// are refused, and a file that lost its half by accident has many.
func (s *System) sayGone(loaded *config.Loaded) {
	was, is := &s.inForce.Config.Catalog, &loaded.Config.Catalog
	s.say("campaigns", campaignNames(was), campaignNames(is))
	s.say("networks", networkNames(was), networkNames(is))
}

func (s *System) say(what string, was, is map[string]bool) {
	gone := slices.DeleteFunc(slices.Sorted(maps.Keys(was)), func(name string) bool { return is[name] })
	if n := len(gone); n > 0 {
		s.logger.Warn("the changed catalog has no longer "+what+" that the one before had",
			zap.Int("gone", n), zap.Int("left", len(is)), zap.Strings("names", gone[:min(n, maxGoneNames)]))
	}
}

func campaignNames(c *catalog.Config) map[string]bool {
	names := map[string]bool{}
	for i := range c.Campaigns {
		names[c.Campaigns[i].Name] = true
	}
	return names
}

func networkNames(c *catalog.Config) map[string]bool {
	names := map[string]bool{}
	for i := range c.Networks {
		names[c.Networks[i].Name] = true
	}
	return names
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
