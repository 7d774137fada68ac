package protocol

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tributary/schemas"
)

// maxRetryAfter is the longest wait that a destination is granted.
const maxRetryAfter = 24 * time.Hour

// byStatus is the verdict of an answer's status alone, for those of whom nothing better is known: 2xx took it; 408, 425, 429 and 5xx may take
// it later; 401 and 403 refuse us; 410 is no more; a redirect is not followed and, as any other, refuses.
func byStatus(answer *Answer) Verdict {
	v := Verdict{Reason: "status " + strconv.Itoa(answer.Status)}
	if text := http.StatusText(answer.Status); text != "" {
		v.Reason += " " + text
	}
	switch status := answer.Status; {
	case status >= 200 && status < 300:
		v.Outcome = Delivered
	case status >= 300 && status < 400:
		v.Outcome = Refused
		v.Reason += ": redirects are not followed; the declared URL must be the last one"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		v.Outcome = Paused
	case status == http.StatusGone:
		v.Outcome = Gone
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests,
		status >= 500, status < 200:
		v.Outcome, v.RetryAfter = Again, retryAfter(answer)
	default:
		v.Outcome = Refused
	}
	return v
}

// retryAfter is how long an answer asks to wait, 0 where it does not. A date is read against the answer's own, so that no clock of ours
// matters.
func retryAfter(answer *Answer) time.Duration {
	var wait time.Duration
	if said := strings.TrimSpace(answer.Header.Get("Retry-After")); said != "" {
		if seconds, err := strconv.ParseUint(said, 10, 31); err == nil {
			wait = time.Duration(seconds) * time.Second
		} else if until, err := http.ParseTime(said); err == nil {
			if sent, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
				wait = until.Sub(sent)
			}
		}
	} else if said := answer.Header.Get("X-Rate-Limit-Reset"); said != "" { // X: Unix seconds
		until, err := strconv.ParseInt(said, 10, 64)
		sent, errSent := http.ParseTime(answer.Header.Get("Date"))
		if err == nil && errSent == nil {
			wait = time.Unix(until, 0).Sub(sent)
		}
	}
	return min(max(wait, 0), maxRetryAfter)
}

// short cuts a reason to what a row has room for, valid UTF-8 without control characters.
func short(reason string) string {
	reason = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, reason)
	if len(reason) <= schemas.MaxDetailBytes {
		return reason
	}
	cut := schemas.MaxDetailBytes
	for cut > 0 && !utf8.RuneStart(reason[cut]) {
		cut--
	}
	return reason[:cut]
}

// all is the same verdict for each of n requests.
func all(n int, v Verdict) []Verdict {
	v.Reason = short(v.Reason)
	verdicts := make([]Verdict, n)
	for i := range verdicts {
		verdicts[i] = v
	}
	return verdicts
}

// poisoned is the verdict of n requests that were refused as one: each is tried in a smaller batch, and a single one is refused.
func poisoned(n int, reason string) []Verdict {
	if n > 1 {
		return all(n, Verdict{Outcome: Split, Reason: reason})
	}
	return all(n, Verdict{Outcome: Refused, Reason: reason})
}

// beginning is the start of a body, for a reason.
func beginning(answer *Answer) string {
	body := bytes.TrimSpace(answer.Body)
	if len(body) > 200 {
		body = body[:200]
	}
	return string(body)
}
