package process

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// RegisterRuntime adds Go's and the operating system's view of this process.
func RegisterRuntime(r prometheus.Registerer) {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// RegisterBuild adds tributary_build_info, which is always 1: its labels say what runs.
func RegisterBuild(r prometheus.Registerer, version string) {
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tributary_build_info", Help: "Always 1; the labels say which version runs, and by which Go it was built.",
	}, []string{"version", "goversion"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	r.MustRegister(build)
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
