package process

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// RegisterRuntime adds Go's and the operating system's view of this process.
func RegisterRuntime(r prometheus.Registerer) {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// Gather implements prometheus.Gatherer over the process's registry and those of the units that run now.
func (s *Supervisor) Gather() ([]*dto.MetricFamily, error) {
	gatherers := prometheus.Gatherers{s.registry}
	for _, m := range s.members {
		m.ready() // brings the gauge up to date
		m.mu.Lock()
		if m.registry != nil {
			gatherers = append(gatherers, m.registry)
		}
		m.mu.Unlock()
	}
	return gatherers.Gather()
}
