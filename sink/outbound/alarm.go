package outbound

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

// observe sets a destination's figures, and says once when it begins to fail or to be silent, and when that ends.
func (l *lane) observe(q *queue, now time.Time) {
	s := &q.stats
	s.waiting.Set(float64(q.waiting))
	var late time.Duration
	if due := q.dueMS(); due >= 0 && due <= now.UnixMilli() {
		late = time.Duration(now.UnixMilli()-due) * time.Millisecond
	}
	s.late.Set(late.Seconds())
	if s.alarm.deliveredMS > 0 {
		s.delivered.Set(float64(s.alarm.deliveredMS) / 1000)
	}
	paused := q.paused()
	s.paused.Set(truth(paused != ""))
	failing := ""
	switch {
	case q.waiting == 0:
	case paused != "":
		failing = "nothing is sent: " + paused
	case !q.openUntil.IsZero():
		failing = fmt.Sprintf("its last %d calls failed", l.e.config.BreakerFailures)
	case late > l.e.config.LateAfter:
		failing = fmt.Sprintf("requests wait longer than %s after they were due", l.e.config.LateAfter)
	}
	l.say(q.name, "a destination fails", "a destination works again", &s.alarm.failing, failing, q.waiting)
	s.failing.Set(truth(failing != ""))
	silent := ""
	if after := l.e.config.SilentAfter; after > 0 && s.alarm.arrivedMS > 0 && q.target != nil && paused == "" && now.UnixMilli()-s.alarm.arrivedMS > after.Milliseconds() {
		silent = fmt.Sprintf("no request for longer than %s, and there were some before", after)
	}
	l.say(q.name, "a destination is silent", "a destination is silent no more", &s.alarm.silent, silent, q.waiting)
	s.silent.Set(truth(silent != ""))
}

func (l *lane) say(destination, begins, ends string, said *string, now string, waiting int64) {
	switch {
	case now != "" && *said == "":
		l.log.Warn(begins, zap.String("destination", destination), zap.String("reason", now), zap.Int64("waiting", waiting))
	case now == "" && *said != "":
		l.log.Info(ends, zap.String("destination", destination))
	}
	*said = now
}
