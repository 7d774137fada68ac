package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// maxBatch is how many clicks POST /v1/clicks takes at once.
	maxBatch = 500
	// maxAnswerBytes bounds what is read of an answer.
	maxAnswerBytes = 8 << 20
	firstPause     = 200 * time.Millisecond
	longestPause   = 5 * time.Second
)

// batch is a stretch of the file: clicks on their way, and lines that are none.
type batch struct {
	clicks []item
	// refused are lines that were never sent, in order.
	refused []rejection
	bytes   int
	// end and line are behind its last line.
	end, line int64
	cut       int64
	done      chan error
}

// item is one click with the line it came from.
type item struct {
	body   []byte
	line   int64
	record []string
}

// ErrEdge is matched when the edge cannot be reached, refuses all, or stays unavailable.
var ErrEdge = errors.New("the edge does not take the clicks")

// poster sends batches. It is safe for concurrent use.
type poster struct {
	o      *Options
	client *http.Client
	url    string
}

// send posts a batch until every click of it is acknowledged or refused; refused ones become rejections.
func (p *poster) send(ctx context.Context, b *batch) error {
	left := b.clicks
	pauses, since := backoff.NewExponentialBackOff(), time.Time{}
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = firstPause, longestPause, 2
	for len(left) > 0 {
		again, after, err := p.post(ctx, b, left)
		if err == nil && len(again) < len(left) {
			since = time.Time{}
			pauses.Reset()
		}
		if left = again; len(left) == 0 {
			return nil
		}
		var final *finalError
		if errors.As(err, &final) {
			return fmt.Errorf("%w: %s", ErrEdge, final.text)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if since.IsZero() {
			since = time.Now()
		} else if time.Since(since) > p.o.RetryFor {
			return fmt.Errorf("%w: for %s it was not available: %w", ErrEdge, p.o.RetryFor, err)
		}
		wait := time.NewTimer(max(pauses.NextBackOff(), after))
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
	return nil
}

// finalError is an answer that would be the same the next time.
type finalError struct{ text string }

func (e *finalError) Error() string { return e.text }

type answered struct {
	Clicks []struct {
		Error *answeredError `json:"error"`
		// ReceiptID names the dead letter of a refused click.
		ReceiptID string `json:"receipt_id"`
	} `json:"clicks"`
	Error *answeredError `json:"error"`
}

type answeredError struct {
	Reason       string `json:"reason"`
	Detail       string `json:"detail"`
	Field        string `json:"field"`
	WouldBeRight string `json:"would_be_right"`
}

func (e *answeredError) String() string {
	if e == nil {
		return "no reason given"
	}
	text := e.Reason + ": " + e.Detail
	if e.WouldBeRight != "" {
		text += "; right would be " + e.WouldBeRight
	}
	return text
}

// unavailable is the reason of clicks that were not accepted and are to be sent again.
const unavailable = "unavailable"

// post sends the clicks once and answers those that are to be sent again.
func (p *poster) post(ctx context.Context, b *batch, clicks []item) (again []item, after time.Duration, err error) {
	body := make([]byte, 0, b.bytes+len(clicks)+2)
	for i, c := range clicks {
		body = append(append(body, "[,"[min(i, 1)]), c.body...)
	}
	body = append(body, ']')
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return clicks, 0, &finalError{err.Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "tributary-import")
	if p.o.Token != "" {
		request.Header.Set("Authorization", "Bearer "+p.o.Token)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return clicks, 0, fmt.Errorf("posting to %s: %w", p.url, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return clicks, 0, fmt.Errorf("reading the answer of %s: %w", p.url, err)
	}
	var got answered
	decoded := json.Unmarshal(text, &got)
	switch status := response.StatusCode; {
	case status == http.StatusOK && decoded == nil && len(got.Clicks) == len(clicks):
	case status == http.StatusOK:
		return clicks, 0, &finalError{fmt.Sprintf("%s does not answer as an edge does: %s", p.url, shown(string(text), 200))}
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests || status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return clicks, time.Duration(min(max(seconds, 0), 60)) * time.Second, fmt.Errorf("%s answers %d, %s", p.url, status, got.Error)
	default:
		return clicks, 0, &finalError{fmt.Sprintf("%s answers %d, %s", p.url, status, got.Error)}
	}
	var last *answeredError
	for i, c := range clicks {
		switch e := got.Clicks[i].Error; {
		case e == nil:
		case e.Reason == unavailable:
			again, last = append(again, c), e
		default:
			b.refused = append(b.refused, rejection{line: c.line, record: c.record, problem: "the edge: " + e.Reason + ": " + e.Detail, right: e.WouldBeRight, byEdge: true})
		}
	}
	if last != nil {
		err = errors.New(last.String())
	}
	return again, 0, err
}
