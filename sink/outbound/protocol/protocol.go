package protocol

import (
	"net/http"
	"time"

	"tributary/catalog/destination"
	"tributary/schemas/events"
)

// A Protocol makes calls of requests, and reads their answers. It neither sleeps nor sends.
type Protocol interface {
	// Group tells apart what cannot be told in one call (a conversion and its retraction go to different addresses): requests of a call
	// have the same group.
	Group(d *destination.Destination, req *events.OutboundRequest) string
	// Call returns the call that tells reqs: at least one, at most the destination's batch, all of one destination and group, in order,
	// the conversions among them distinct. It is the same, byte for byte, for the same requests, but for what a signature must have of
	// the time now. An error of one request is final: no try would be better. Of several it says that one of them cannot be told: each is
	// to be tried alone.
	Call(d *destination.Destination, reqs []*events.OutboundRequest, now time.Time) (*Call, error)
	// Judge returns what became of each of reqs, in their order. One request alone is never Split.
	Judge(d *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict
}

// A Call is one HTTP request. URL, Header and Body may have secrets; Masked is the URL as it may be seen.
type Call struct {
	Method, URL, Masked string
	Header              http.Header
	Body                []byte
	// Access is the kind of credential that Credentials.Do adds before the call is sent.
	Access Access
}

// An Answer is what came back. Body is its beginning, at most MaxAnswerBytes; Cut says that there was more.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Cut    bool
}

// MaxAnswerBytes is how much of an answer is read.
const MaxAnswerBytes = 64 << 10

// Outcome is what became of a request.
type Outcome uint8

// The outcomes.
const (
	// Delivered: the destination took it, now or at an earlier try.
	Delivered Outcome = iota + 1
	// Refused: it will never take it.
	Refused
	// Again: a later try may succeed.
	Again
	// Split: the batch was refused for one of its requests; each is to be tried in a smaller one.
	Split
	// Paused: the destination refuses us (401, 403): nothing more is sent to it until a person looks.
	Paused
	// Gone: the destination is no more (410): as Paused.
	Gone
)

// A Verdict is the outcome of one request.
type Verdict struct {
	Outcome Outcome
	// Reason is what the destination said, or what of its answer decided, in at most schemas.MaxDetailBytes.
	Reason string
	// RetryAfter is how long the destination asked to wait, 0 where it did not.
	RetryAfter time.Duration
	// Alone: RetryAfter is of this request (its click is too new); the destination is well and may be told others.
	Alone bool
}
