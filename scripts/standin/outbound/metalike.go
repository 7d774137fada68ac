package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const day = 24 * time.Hour

func metaError(status, code, subcode int, message string) answer {
	return answer{status: status, body: doc{"error": doc{"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "A1"}}}
}

// playMeta: one bad event fails all; an event older than seven days is bad.
func playMeta(s *StandIn, r *http.Request, body []byte) answer {
	if !s.allowed(r.URL.Query().Get("access_token")) {
		return metaError(400, 190, 463, "Error validating access token: Session has expired")
	}
	if s.slow() {
		return metaError(400, 80004, 2446079, "There have been too many calls to this ad-account.")
	}
	if !strings.HasSuffix(r.URL.Path, "/events") {
		return metaError(400, 100, 33, "Unsupported post request. Object does not exist")
	}
	d, err := parse(body)
	if err != nil {
		return metaError(400, 100, 0, "Invalid parameter: body")
	}
	list := d.list("data")
	if len(list) == 0 || len(list) > 1000 {
		return metaError(400, 100, 0, fmt.Sprintf("Param data must have 1 to 1000 elements, not %d", len(list)))
	}
	for i, e := range list {
		if err := s.metaEvent(e); err != nil {
			return metaError(400, 100, 2804003, fmt.Sprintf("Invalid parameter data[%d]: %v", i, err))
		}
	}
	if d.text("test_event_code") != "" {
		s.tested += len(list)
		return answer{status: 200, body: doc{"events_received": len(list), "messages": []string{}, "fbtrace_id": "A1"}}
	}
	for _, e := range list {
		at, _ := e.number("event_time")
		custom := e.object("custom_data")
		s.take(e.text("event_id")+" "+e.text("event_name"), Entry{ID: e.text("event_id"), Event: e.text("event_name"), Value: custom.decimal("value"),
			Currency: custom.text("currency"), Time: time.Unix(at, 0)})
	}
	return answer{status: 200, body: doc{"events_received": len(list), "messages": []string{}, "fbtrace_id": "A1"}}
}

func (s *StandIn) metaEvent(e doc) error {
	at, ok := e.number("event_time")
	user, custom := e.object("user_data"), e.object("custom_data")
	switch {
	case e.text("event_name") == "" || !ok || e.text("action_source") == "":
		return errors.New("event_name, event_time and action_source are required")
	case e.text("action_source") == "website" && (e.text("event_source_url") == "" || user.text("client_user_agent") == ""):
		return errors.New("website events need event_source_url and client_user_agent")
	case len(user) == 0:
		return errors.New("user_data is required")
	case user.text("fbc") != "" && !strings.HasPrefix(user.text("fbc"), "fb."):
		return errors.New("fbc is no fb.1.time.fbclid")
	}
	if err := e.only("event_name", "event_time", "event_id", "action_source", "event_source_url", "opt_out", "user_data", "custom_data", "data_processing_options",
		"data_processing_options_country", "data_processing_options_state"); err != nil {
		return err
	}
	if err := user.hashes("em", "ph", "external_id"); err != nil {
		return err
	}
	if err := money(custom.decimal("value"), custom.text("currency")); err != nil {
		return err
	}
	return s.within(time.Unix(at, 0), 7*day, time.Minute)
}

// playSnap: Meta's names, seconds or milliseconds, 37 days.
func playSnap(s *StandIn, r *http.Request, body []byte) answer {
	if !s.allowed(r.URL.Query().Get("access_token")) {
		return answer{status: 401, body: doc{"status": "FAILED", "reason": "Invalid access token"}}
	}
	if s.slow() {
		return answer{status: 429, body: doc{"status": "FAILED", "reason": "Too many requests"}, header: map[string]string{"Retry-After": "30"}}
	}
	invalid := func(reason string) answer {
		return answer{status: 400, body: doc{"status": "INVALID", "reason": reason}}
	}
	d, err := parse(body)
	if err != nil {
		return invalid("body is no JSON")
	}
	list := d.list("data")
	if len(list) == 0 || len(list) > 2000 {
		return invalid("between 1 and 2000 events are allowed")
	}
	for _, e := range list {
		at, ok := e.number("event_time")
		user := e.object("user_data")
		if e.text("event_name") == "" || e.text("action_source") == "" || !ok {
			return invalid("required field is missing")
		}
		if err := user.hashes("em", "ph", "external_id"); err != nil {
			return invalid("Unhashed PII: " + err.Error())
		}
		if user["em"] == nil && user["ph"] == nil && user.text("sc_click_id") == "" && (user.text("client_ip_address") == "" || user.text("client_user_agent") == "") {
			return invalid("Insufficient PII")
		}
		if custom := e.object("custom_data"); e.text("event_name") == "PURCHASE" && custom != nil {
			if err := money(custom.text("value"), custom.text("currency")); err != nil {
				return invalid("price and currency: " + err.Error())
			}
		}
		if s.within(time.Unix(at, 0), 37*day, 10*time.Minute) != nil {
			return invalid("Timestamp invalid or out of range")
		}
	}
	if strings.HasSuffix(r.URL.Path, "/events/validate") {
		s.tested += len(list)
		return answer{status: 200, body: doc{"status": "VALID"}}
	}
	for _, e := range list {
		at, _ := e.number("event_time")
		custom := e.object("custom_data")
		s.take(e.text("event_id"), Entry{ID: e.text("event_id"), Event: e.text("event_name"), Value: custom.text("value"), Currency: custom.text("currency"), Time: time.Unix(at, 0)})
	}
	return answer{status: 200, body: doc{"status": "OK"}}
}

// playPinterest answers for each event; the others are taken.
func playPinterest(s *StandIn, r *http.Request, body []byte) answer {
	if !s.allowed(bearer(r)) {
		return answer{status: 401, body: doc{"code": 2, "message": "Authentication failed."}}
	}
	if s.slow() {
		return answer{status: 429, body: doc{"code": 8, "message": "You have exceeded your rate limit. Try again later."}}
	}
	d, err := parse(body)
	if err != nil {
		return answer{status: 400, body: doc{"code": 1, "message": "Invalid JSON"}}
	}
	list := d.list("data")
	if len(list) == 0 || len(list) > 1000 {
		return answer{status: 400, body: doc{"code": 1, "message": "data must have 1 to 1000 items"}}
	}
	test := r.URL.Query().Get("test") == "true"
	var rows []doc
	processed := 0
	for _, e := range list {
		at, _ := e.number("event_time")
		user, custom := e.object("user_data"), e.object("custom_data")
		err := user.hashes("em", "ph", "external_id")
		switch {
		case err != nil:
		case e.text("event_name") == "" || e.text("action_source") == "" || e.text("event_id") == "":
			err = errors.New("event_name, action_source and event_id are required")
		case user["em"] == nil && (user.text("client_ip_address") == "" || user.text("client_user_agent") == ""):
			err = errors.New("user_data needs em, hashed_maids, or client_ip_address and client_user_agent")
		default:
			if err = money(custom.text("value"), custom.text("currency")); err == nil {
				err = s.within(time.Unix(at, 0), 7*day, time.Hour)
			}
		}
		if err != nil {
			rows = append(rows, doc{"status": "failed", "error_message": err.Error(), "warning_message": nil})
			continue
		}
		processed++
		rows = append(rows, doc{"status": "processed", "error_message": "", "warning_message": ""})
		if test {
			s.tested++
			continue
		}
		s.take(e.text("event_id")+" "+e.text("event_name"), Entry{ID: e.text("event_id"), Event: e.text("event_name"), Value: custom.text("value"),
			Currency: custom.text("currency"), Time: time.Unix(at, 0)})
	}
	said := doc{"num_events_received": len(list), "num_events_processed": processed, "events": rows}
	if processed < len(list) {
		return answer{status: 422, body: doc{"code": 1, "message": "Not all events were processed", "details": said}}
	}
	return answer{status: 200, body: said}
}
