package protocol

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"tributary/schemas/events"
)

// googleError is how a Google API says that a call failed.
type googleError struct {
	Error *googleStatus `json:"error"`
}

// googleStatus is google.rpc.Status.
type googleStatus struct {
	// Code is an HTTP status in an answer that failed, a gRPC code elsewhere.
	Code    int               `json:"code"`
	Message string            `json:"message"`
	Status  string            `json:"status"`
	Details []json.RawMessage `json:"details"`
}

// googleDetail is what is read of a detail, whatever its type.
type googleDetail struct {
	Reason          string `json:"reason"`
	FieldViolations []struct {
		Field       string `json:"field"`
		Description string `json:"description"`
		Reason      string `json:"reason"`
	} `json:"fieldViolations"`
	Errors []struct {
		ErrorCode map[string]string `json:"errorCode"`
		Message   string            `json:"message"`
		Location  struct {
			Elements []struct {
				Field string          `json:"fieldName"`
				Index json.RawMessage `json:"index"` // a number, as a number or as text
			} `json:"fieldPathElements"`
		} `json:"location"`
	} `json:"errors"`
	RetryDelay string `json:"retryDelay"`
}

// details returns the details that can be read.
func (s *googleStatus) details() []googleDetail {
	var list []googleDetail
	for _, raw := range s.Details {
		var detail googleDetail
		if json.Unmarshal(raw, &detail) == nil {
			list = append(list, detail)
		}
	}
	return list
}

// googleCall is the verdict of a call that a Google API refused as one.
func googleCall(reqs []*events.OutboundRequest, answer *Answer, said *googleStatus) []Verdict {
	v := byStatus(answer)
	if said == nil {
		return wholeCall(reqs, answer, "")
	}
	v.Reason = strings.TrimSpace(said.Status + ": " + said.Message)
	switch said.Status {
	case "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED", "UNKNOWN":
		v.Outcome = Again
	case "UNAUTHENTICATED", "PERMISSION_DENIED":
		v.Outcome = Paused
	}
	v.RetryAfter = retryAfter(answer)
	if v.Outcome == Refused {
		return poisoned(len(reqs), v.Reason)
	}
	return all(len(reqs), v)
}

var eventIndex = regexp.MustCompile(`(?:^|\.)events(?:\[|\.)(\d+)`)

// index reads a row's number, -1 where it is none.
func index(raw json.RawMessage) int {
	text := strings.Trim(string(raw), `"`)
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return -1
}

// consented reads a field of consent: granted, denied or nothing, as Google's APIs write them behind a prefix.
func consented(said, prefix string) string {
	switch strings.ToLower(said) {
	case "granted", "1", "true", "yes", "y":
		return prefix + "GRANTED"
	case "denied", "0", "false", "no", "n":
		return prefix + "DENIED"
	}
	return ""
}

// googleClick is the ad's click ID in one of its three forms.
type googleClick struct{ gclid, gbraid, wbraid string }

func googleClickOf(req fact) googleClick {
	return googleClick{req.value("gclid"), req.value("gbraid"), req.value("wbraid")}
}

func noGoogleIdentifier(req fact) error {
	return fmt.Errorf("request %s: Google needs one of the fields gclid, gbraid, wbraid, email and phone", req.GetRequestId())
}
