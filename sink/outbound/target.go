package outbound

import (
	"context"
	"net/netip"
	"time"

	"tributary/catalog/destination"
	"tributary/sink/outbound/protocol"
)

// A Target is a declared destination as the deliverer treats it.
type Target struct {
	Destination *destination.Destination
	Protocol    protocol.Protocol
	// Hosts are those that it may be called at, in lower case and without a port; nil: what its protocol says.
	Hosts []string
	// Private are addresses that are not public, and that it may have all the same. AnyPort and PlainHTTP allow others than 443 (and 80,
	// of PlainHTTP).
	Private            []netip.Prefix
	AnyPort, PlainHTTP bool

	// Concurrency is how many calls may be under way at once, Batch how many requests one may tell; both at least 1.
	Concurrency, Batch int
	// PerSecond is how many calls may begin in a second; 0: any.
	PerSecond float64
	// Timeout is how long a call may take.
	Timeout time.Duration
	// CapPerDay is how many conversions it is told of in a day of Zone; 0: any.
	CapPerDay int64
	Zone      *time.Location
	// Retries are the pauses after the first failures, the last of them after all further ones; nil: DefaultRetries.
	Retries []time.Duration

	// Paused is why a person has paused it; empty: nobody has. What it refused before ResumedMS counts no more.
	Paused    string
	ResumedMS int64
}

// day is the day of a time in the destination's zone, in days since 1970.
func (t *Target) day(at time.Time) int64 {
	seconds := 0
	if t.Zone != nil {
		_, seconds = at.In(t.Zone).Zone()
	}
	return (at.Unix() + int64(seconds)) / 86400
}

// DefaultRetries are those of Standard Webhooks, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
var DefaultRetries = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// A Sender makes calls. The error says that no answer came; errors.Is(err, ErrNotSent): and that nothing was sent.
type Sender interface {
	Send(ctx context.Context, t *Target, call *protocol.Call) (*protocol.Answer, error)
}

// Targets are the destinations that are declared now.
type Targets interface {
	// Target returns nil for a destination that is not declared. What it returns is not changed: another declaration is another Target.
	Target(name string) *Target
}

// pause is how long to wait after try has failed, with up to a tenth more, which is the request's own: those that failed together
// come back one by one.
func (t *Target) pause(try uint32, requestHash uint64) time.Duration {
	pauses := DefaultRetries
	if t != nil && len(t.Retries) > 0 {
		pauses = t.Retries
	}
	pause := pauses[min(max(int(try), 1), len(pauses))-1]
	return pause + time.Duration(requestHash%1024)*pause/10240
}
