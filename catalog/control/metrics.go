package control

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	filled prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer, r *Reader) *metrics {
	gauge := func(name, help string, value func() float64) {
		registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("tributary_control_revision", "Revision of what is in force of the topic control.", func() float64 {
		return float64(r.Now().Revision())
	})
	gauge("tributary_control_entries", "Entries of the topic control in force.", func() (n float64) {
		s := r.Now()
		for _, kind := range s.Kinds() {
			n += float64(s.Len(kind))
		}
		return n
	})
	gauge("tributary_control_blind_seconds", "For how long the topic control could not be read; 0: it can.", func() float64 {
		if since := r.Blind(); !since.IsZero() {
			return r.cfg.Now().Sub(since).Seconds()
		}
		return 0
	})
	gauge("tributary_control_refused_entries", "Entries of the topic control that break a rule; what was in force before them still is.",
		func() float64 { return float64(int64(len(r.Refused())) + r.passedOver.Load()) })
	gauge("tributary_control_copy_unwritten", "1 while the copy on disk is older than what is in force, for it could not be written.",
		func() float64 {
			if r.keeper.unkept.Load() != nil {
				return 1
			}
			return 0
		})
	m := &metrics{prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tributary_control_filled_total", Help: "Times that the topic control was filled again from what was in force here.",
	})}
	registerer.MustRegister(m.filled)
	return m
}
