package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// playTikTok answers 200 with a code in the body; one bad event fails all.
func playTikTok(s *StandIn, r *http.Request, body []byte) answer {
	say := func(code int, message string) answer {
		return answer{status: 200, body: doc{"code": code, "message": message, "request_id": "r", "data": doc{}}}
	}
	if !s.allowed(r.Header.Get("Access-Token")) {
		return say(40105, "Access token is incorrect or has been revoked.")
	}
	if s.slow() {
		return say(40100, "Requests made too frequently.")
	}
	d, err := parse(body)
	if err != nil {
		return say(40002, "Invalid JSON")
	}
	if d.text("event_source") == "" || d.text("event_source_id") == "" {
		return say(40002, "event_source and event_source_id: Missing data for required field.")
	}
	list := d.list("data")
	if len(list) == 0 || len(list) > 1000 {
		return say(40002, "data: Length must be between 1 and 1000.")
	}
	for i, e := range list {
		at, ok := e.number("event_time")
		err := e.object("user").hashes("email", "phone", "external_id")
		properties := e.object("properties")
		switch {
		case err != nil:
		case e.text("event") == "" || !ok:
			err = errors.New("event and event_time are required")
		case len(e.object("user")) == 0:
			err = errors.New("user is required")
		default:
			if err = money(properties.decimal("value"), properties.text("currency")); err == nil {
				err = s.within(time.Unix(at, 0), 28*day, 10*time.Minute) // the age is the stand-in's own: none was found
			}
		}
		if err != nil {
			return say(40002, fmt.Sprintf("data.%d: %v", i, err))
		}
	}
	if d.text("test_event_code") != "" {
		s.tested += len(list)
		return say(0, "OK")
	}
	for _, e := range list {
		at, _ := e.number("event_time")
		properties := e.object("properties")
		s.take(e.text("event_id")+" "+e.text("event"), Entry{ID: e.text("event_id"), Event: e.text("event"), Value: properties.decimal("value"),
			Currency: properties.text("currency"), Time: time.Unix(at, 0)})
	}
	return say(0, "OK")
}

// playMicrosoft knows a conversion by click, goal and time; a goal that it does not have is dropped without a word.
func playMicrosoft(s *StandIn, r *http.Request, body []byte) answer {
	fault := func(status, code int, name string) answer {
		return answer{status: status, body: doc{"TrackingId": "t", "Errors": []doc{{"Code": code, "ErrorCode": name, "Message": name, "Details": ""}}}}
	}
	switch {
	case !s.allowed(bearer(r)):
		return fault(401, 109, "AuthenticationTokenExpired")
	case r.Header.Get("DeveloperToken") == "" || r.Header.Get("CustomerId") == "" || r.Header.Get("CustomerAccountId") == "":
		return fault(401, 105, "InvalidCredentials")
	case s.slow():
		return fault(429, 117, "CallRateExceeded")
	}
	d, err := parse(body)
	if err != nil {
		return fault(400, 100, "NullRequest")
	}
	adjust := strings.HasSuffix(r.URL.Path, "/OfflineConversionAdjustments/Apply")
	list := d.list("OfflineConversions")
	if adjust {
		list = d.list("OfflineConversionAdjustments")
	}
	if len(list) == 0 || len(list) > 1000 {
		return fault(400, 5700, "OfflineConversionsBatchLimitExceeded")
	}
	failures := []doc{}
	for i, row := range list {
		if err := s.microsoftRow(row, adjust); err != nil {
			failures = append(failures, doc{"Code": 5701, "ErrorCode": err.Error(), "Index": i, "Message": err.Error(), "Type": "BatchError", "FieldPath": nil, "Details": nil})
		}
	}
	return answer{status: 200, body: doc{"PartialErrors": failures}}
}

func (s *StandIn) microsoftRow(row doc, adjust bool) error {
	at, err := time.Parse(time.RFC3339, row.text("ConversionTime"))
	who := row.text("MicrosoftClickId") + row.text("HashedEmailAddress") + row.text("HashedPhoneNumber")
	switch {
	case err != nil || at.Location() != time.UTC:
		return errors.New("InvalidConversionTime")
	case row.text("ConversionName") == "":
		return errors.New("ConversionNameMissing")
	case who == "":
		return errors.New("InvalidMicrosoftClickId")
	case row.hashes("HashedEmailAddress", "HashedPhoneNumber") != nil:
		return errors.New("InvalidHash")
	case s.within(at, 90*day, time.Minute) != nil:
		return errors.New("ConversionTimeOutOfRange")
	case money(row.decimal("ConversionValue"), row.text("ConversionCurrencyCode")) != nil:
		return errors.New("InvalidCurrencyCode")
	}
	key := who + " " + row.text("ConversionName") + " " + row.text("ConversionTime")
	if !adjust {
		s.take(key, Entry{ID: key, Event: row.text("ConversionName"), Value: row.decimal("ConversionValue"), Currency: row.text("ConversionCurrencyCode"), Time: at})
		return nil
	}
	adjusted, err := time.Parse(time.RFC3339, row.text("AdjustmentTime"))
	have := s.ledger[key]
	switch {
	case err != nil || adjusted.Before(at):
		return errors.New("InvalidAdjustmentTime")
	case have == nil: // no error either
	case row.text("AdjustmentType") == "Retract" && row["AdjustmentValue"] == nil:
		have.Retracted = true
	case row.text("AdjustmentType") == "Restate" && row["AdjustmentValue"] != nil:
		have.Value, have.Currency = row.decimal("AdjustmentValue"), row.text("AdjustmentCurrencyCode")
		have.Restated++
	default:
		return errors.New("InvalidAdjustment")
	}
	return nil
}

// playReddit: one invalid event fails all; libraries' own user agents are slowed down.
func playReddit(s *StandIn, r *http.Request, body []byte) answer {
	fail := func(status int, message string) answer {
		return answer{status: status, body: doc{"error": doc{"code": status, "message": message}}}
	}
	switch {
	case bearer(r) == "":
		return fail(401, "No bearer token provided")
	case !s.allowed(bearer(r)):
		return fail(401, "UNAUTHORIZED")
	case r.UserAgent() == "" || strings.HasPrefix(r.UserAgent(), "Go-http-client"):
		return fail(429, "Your user agent was automatically ratelimited.")
	case s.slow():
		return fail(429, "Too many requests/events within timeframe.")
	}
	d, err := parse(body)
	if err != nil {
		return fail(400, "Bad Request")
	}
	data := d.object("data")
	list := data.list("events")
	if len(list) == 0 || len(list) > 1000 {
		return fail(400, "Bad Request")
	}
	invalid := 0
	for _, e := range list {
		if s.redditEvent(e) != nil {
			invalid++
		}
	}
	if invalid > 0 {
		return fail(400, fmt.Sprintf("There were %d invalid conversion events. None were processed.", invalid))
	}
	said := answer{status: 200, body: doc{"data": doc{"message": fmt.Sprintf("Successfully processed %d conversion events.", len(list))}}}
	if data.text("test_id") != "" {
		s.tested += len(list)
		return said
	}
	for _, e := range list {
		at, _ := e.number("event_at")
		metadata := e.object("metadata")
		event := e.object("type").text("tracking_type")
		s.take(metadata.text("conversion_id")+" "+event, Entry{ID: metadata.text("conversion_id"), Event: event, Value: metadata.decimal("value"),
			Currency: metadata.text("currency"), Time: time.UnixMilli(at)})
	}
	return said
}

func (s *StandIn) redditEvent(e doc) error {
	at, ok := e.number("event_at")
	metadata, kind := e.object("metadata"), e.object("type")
	if !ok || e.text("action_source") == "" || kind.text("tracking_type") == "" || kind.text("tracking_type") == "CUSTOM" && kind.text("custom_event_name") == "" {
		return errors.New("required field")
	}
	if err := e.only("event_at", "action_source", "event_source_url", "click_id", "type", "metadata", "user"); err != nil {
		return err
	}
	if err := money(metadata.decimal("value"), metadata.text("currency")); err != nil {
		return err
	}
	return s.within(time.UnixMilli(at), 7*day, time.Hour)
}

// playX: OAuth 1.0a, one invalid conversion fails all.
func playX(s *StandIn, r *http.Request, body []byte) answer {
	fail := func(status int, code, message string) answer {
		return answer{status: status, body: doc{"errors": []doc{{"code": code, "message": message}}, "request": doc{}}}
	}
	header := r.Header.Get("Authorization")
	token := ""
	if _, rest, found := strings.Cut(header, `oauth_token="`); found {
		token, _, _ = strings.Cut(rest, `"`)
	}
	if !strings.HasPrefix(header, "OAuth ") || !strings.Contains(header, "oauth_signature=") || !s.allowed(token) {
		return fail(401, "UNAUTHORIZED_ACCESS", "This request is not properly authenticated")
	}
	if s.slow() {
		a := fail(429, "TOO_MANY_REQUESTS", "Over rate limit. Please wait and retry.")
		a.header = map[string]string{"X-Rate-Limit-Reset": fmt.Sprint(s.Now().Add(90 * time.Second).Unix())}
		return a
	}
	d, err := parse(body)
	if err != nil {
		return fail(400, "INVALID_PARAMETER", "Invalid JSON")
	}
	list := d.list("conversions")
	if len(list) == 0 || len(list) > 500 {
		return fail(400, "INVALID_PARAMETER", "Conversion count limit is 500")
	}
	for _, e := range list {
		at, err := time.Parse(time.RFC3339, e.text("conversion_time"))
		identifiers := e.list("identifiers")
		switch {
		case err != nil || s.within(at, 90*day, time.Hour) != nil: // the age is the stand-in's own: none was found
			return fail(400, "INVALID_PARAMETER", "conversion_time is invalid")
		case !strings.HasPrefix(e.text("event_id"), "tw-"):
			return fail(400, "INVALID_PARAMETER", "Event_id ("+e.text("event_id")+") is not a single event tag (SET)")
		case len(identifiers) == 0:
			return fail(400, "MISSING_PARAMETER", "At least one user identifier must be provided")
		}
		for _, identifier := range identifiers {
			if err := identifier.hashes("hashed_email", "hashed_phone_number"); err != nil {
				return fail(400, "INVALID_PARAMETER", err.Error())
			}
		}
		if err := money(e.decimal("value"), e.text("price_currency")); err != nil {
			return fail(400, "INVALID_PARAMETER", err.Error())
		}
	}
	for _, e := range list {
		at, _ := time.Parse(time.RFC3339, e.text("conversion_time"))
		s.take(e.text("conversion_id")+" "+e.text("event_id"), Entry{ID: e.text("conversion_id"), Event: e.text("event_id"), Value: e.decimal("value"),
			Currency: e.text("price_currency"), Time: at})
	}
	return answer{status: 200, body: doc{"request": doc{"params": doc{}}, "data": doc{"conversions_processed": len(list), "debug_id": "d"}}}
}

// openAIShapes are the shapes of data of the events that the stand-in knows.
var openAIShapes = map[string]string{"order_created": "contents", "lead_created": "customer_action", "registration_completed": "customer_action",
	"subscription_created": "plan_enrollment", "custom": "custom"}

// playOpenAI: one bad event fails all; amounts are whole numbers of the least unit.
func playOpenAI(s *StandIn, r *http.Request, body []byte) answer {
	fail := func(status int, message string) answer {
		return answer{status: status, body: doc{"error": doc{"message": message, "type": "invalid_request_error"}}}
	}
	switch {
	case !s.allowed(bearer(r)):
		return fail(401, "Missing scopes: ads.third_party_events.write")
	case s.slow():
		return fail(429, "Rate limit reached")
	case r.URL.Query().Get("pid") == "":
		return fail(400, "Missing required parameter: pid")
	}
	d, err := parse(body)
	if err != nil {
		return fail(400, "Invalid JSON")
	}
	list := d.list("events")
	if len(list) == 0 || len(list) > 1000 {
		return fail(400, "Missing required field: events")
	}
	for i, e := range list {
		if err := s.openAIEvent(e); err != nil {
			return fail(400, fmt.Sprintf("events[%d]: %v", i, err))
		}
	}
	if d["validate_only"] == true {
		s.tested += len(list)
		return answer{status: 200, body: doc{}}
	}
	for _, e := range list {
		at, _ := e.number("timestamp_ms")
		data := e.object("data")
		s.take(e.text("id")+" "+e.text("type"), Entry{ID: e.text("id"), Event: e.text("type"), Value: data.decimal("amount"), Currency: data.text("currency"), Time: time.UnixMilli(at)})
	}
	return answer{status: 200, body: doc{}}
}

func (s *StandIn) openAIEvent(e doc) error {
	at, ok := e.number("timestamp_ms")
	data := e.object("data")
	switch {
	case e.text("id") == "" || e.text("type") == "" || !ok:
		return errors.New("id, type and timestamp_ms are required")
	case data.text("type") == "" || openAIShapes[e.text("type")] != data.text("type"):
		return errors.New("data.type does not match the event")
	case e.text("type") == "custom" && e.text("custom_event_name") == "":
		return errors.New("custom_event_name is required")
	case e.text("action_source") == "web" && e.text("source_url") == "":
		return errors.New("source_url is required")
	}
	if _, whole := data.number("amount"); data["amount"] != nil && (!whole || !currencyForm.MatchString(data.text("currency"))) {
		return errors.New("amount is no integer, or its currency is none")
	}
	if err := e.object("user").hashes("email_sha256", "external_id_sha256"); err != nil {
		return err
	}
	return s.within(time.UnixMilli(at), 7*day, 10*time.Minute)
}
