package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

func googleError(status int, name, message string, details ...doc) answer {
	return answer{status: status, body: doc{"error": doc{"code": status, "message": message, "status": name, "details": details}}}
}

// googleDoor is what every Google API says of whom it does not let in.
func (s *StandIn) googleDoor(r *http.Request) (answer, bool) {
	switch {
	case !s.allowed(bearer(r)):
		return googleError(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."), false
	case s.slow():
		return googleError(429, "RESOURCE_EXHAUSTED", "Quota exceeded."), false
	}
	return answer{}, true
}

// playDataManager: one bad event fails all, and is named. The same transactionId again replaces its value.
func playDataManager(s *StandIn, r *http.Request, body []byte) answer {
	if a, ok := s.googleDoor(r); !ok {
		return a
	}
	bad := func(field, reason, description string) answer {
		return googleError(400, "INVALID_ARGUMENT", "There was a problem with the request.", doc{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "INVALID_ARGUMENT"},
			doc{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []doc{{"field": field, "reason": reason, "description": description}}})
	}
	d, err := parse(body)
	if err != nil {
		return googleError(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
	}
	targets, list := d.list("destinations"), d.list("events")
	if len(targets) == 0 || len(targets) > 10 {
		return bad("destinations", "TOO_MANY_DESTINATIONS", "1 to 10 are allowed")
	}
	account := targets[0].object("operatingAccount")
	if account.text("accountType") != "GOOGLE_ADS" || !digits.MatchString(account.text("accountId")) || !digits.MatchString(targets[0].text("productDestinationId")) {
		return bad("destinations[0]", "INVALID_DESTINATION", "account or conversion action is not valid")
	}
	if len(list) == 0 || len(list) > 2000 {
		return bad("events", "TOO_MANY_EVENTS", "1 to 2000 are allowed")
	}
	for i, e := range list {
		at, err := time.Parse(time.RFC3339, e.text("eventTimestamp"))
		field := fmt.Sprintf("events.events[%d]", i)
		users := e.object("userData").list("userIdentifiers")
		switch {
		case err != nil:
			return bad(field+".event_timestamp", "INVALID_FORMAT", "Format is invalid.")
		case e.text("transactionId") == "":
			return bad(field+".transaction_id", "REQUIRED_FIELD_MISSING", "Required field is missing.")
		case e.text("eventSource") == "":
			return bad(field+".event_source", "REQUIRED_FIELD_MISSING", "Required field is missing.")
		case len(e.object("adIdentifiers")) == 0 && len(users) == 0:
			return bad(field, "NO_IDENTIFIERS_PROVIDED", "No identifiers provided.")
		case len(users) > 0 && d.text("encoding") != "HEX":
			return bad("encoding", "REQUIRED_FIELD_MISSING", "Required field is missing.")
		case s.within(at, 90*day, time.Hour) != nil:
			return bad(field+".event_timestamp", "EVENT_TIME_INVALID", "Event time is not valid.")
		}
		for _, u := range users {
			if err := u.hashes("emailAddress", "phoneNumber"); err != nil {
				return bad(field+".user_data.user_identifiers[0]", "INVALID_SHA256_FORMAT", err.Error())
			}
		}
		if err := money(e.decimal("conversionValue"), e.text("currency")); err != nil {
			return bad(field+".currency", "INVALID_FORMAT", err.Error())
		}
	}
	if d["validateOnly"] == true {
		s.tested += len(list)
		return answer{status: 200, body: doc{"requestId": "validated"}}
	}
	for _, e := range list {
		at, _ := time.Parse(time.RFC3339, e.text("eventTimestamp"))
		key := targets[0].text("productDestinationId") + " " + e.text("transactionId")
		if have := s.ledger[key]; have != nil && have.Value != e.decimal("conversionValue") {
			have.Value, have.Currency = e.decimal("conversionValue"), e.text("currency")
			have.Restated++
			continue
		}
		s.take(key, Entry{ID: e.text("transactionId"), Event: targets[0].text("productDestinationId"), Value: e.decimal("conversionValue"), Currency: e.text("currency"), Time: at})
	}
	return answer{status: 200, body: doc{"requestId": fmt.Sprintf("request-%d", s.calls)}}
}

var (
	digits     = regexp.MustCompile(`^[0-9]+$`)
	actionForm = regexp.MustCompile(`^customers/[0-9]+/conversionActions/[0-9]+$`)
)

const adsTime = "2006-01-02 15:04:05-07:00"

// playGoogleAds: partial failures, each row by its index, empty results for rows that failed.
func playGoogleAds(s *StandIn, r *http.Request, body []byte) answer {
	if a, ok := s.googleDoor(r); !ok {
		return a
	}
	if r.Header.Get("Developer-Token") == "" {
		return googleError(401, "UNAUTHENTICATED", "no developer token", doc{"errors": []doc{{"errorCode": doc{"authenticationError": "DEVELOPER_TOKEN_NOT_APPROVED"}}}})
	}
	d, err := parse(body)
	if err != nil {
		return googleError(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
	}
	if d["partialFailure"] != true {
		return googleError(400, "INVALID_ARGUMENT", "partial_failure must be true")
	}
	field, list, each := "conversions", d.list("conversions"), (*StandIn).adsConversion
	if strings.HasSuffix(r.URL.Path, ":uploadConversionAdjustments") {
		field, list, each = "conversion_adjustments", d.list("conversionAdjustments"), (*StandIn).adsAdjustment
	}
	if len(list) == 0 || len(list) > 2000 {
		return googleError(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", doc{"errors": []doc{{"errorCode": doc{"conversionUploadError": "TOO_MANY_CONVERSIONS_IN_REQUEST"}}}})
	}
	test := d["validateOnly"] == true
	var results, failures []doc
	for i, row := range list {
		if err := each(s, row, test); err != nil {
			var code adsError
			errors.As(err, &code)
			failures = append(failures, doc{"errorCode": doc{code.kind: code.code}, "message": code.code,
				"location": doc{"fieldPathElements": []doc{{"fieldName": field, "index": i}, {"fieldName": "order_id"}}}})
			results = append(results, doc{})
			continue
		}
		results = append(results, doc{"conversionAction": row.text("conversionAction"), "orderId": row.text("orderId")})
	}
	said := doc{"jobId": "1"}
	if !test {
		said["results"] = results
	}
	if failures != nil {
		said["partialFailureError"] = doc{"code": 3, "message": "Multiple errors in 'details'.", "details": []doc{{
			"@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure", "errors": failures}}}
	}
	return answer{status: 200, body: said}
}

// adsError is an error of one row.
type adsError struct{ kind, code string }

func (e adsError) Error() string { return e.code }

func (s *StandIn) adsConversion(row doc, test bool) error {
	bad := func(code string) error { return adsError{"conversionUploadError", code} }
	at, err := time.Parse(adsTime, row.text("conversionDateTime"))
	clicks := 0
	for _, name := range []string{"gclid", "gbraid", "wbraid"} {
		if row.text(name) != "" {
			clicks++
		}
	}
	users := row.list("userIdentifiers")
	switch {
	case err != nil:
		return adsError{"dateError", "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}
	case !actionForm.MatchString(row.text("conversionAction")):
		return bad("INVALID_CONVERSION_ACTION")
	case clicks > 1:
		return bad("GBRAID_WBRAID_BOTH_SET")
	case clicks == 0 && len(users) == 0:
		return bad("UNPARSEABLE_GCLID")
	case len(users) > 0 && row.text("gclid") == "" && clicks > 0:
		return bad("INVALID_USER_IDENTIFIER")
	case s.within(at, 90*day, time.Minute) != nil:
		return bad("EXPIRED_EVENT")
	}
	for _, u := range users {
		if u.hashes("hashedEmail", "hashedPhoneNumber") != nil {
			return bad("INVALID_USER_IDENTIFIER")
		}
	}
	if err := money(row.decimal("conversionValue"), row.text("currencyCode")); err != nil {
		return bad("INVALID_CURRENCY_CODE")
	}
	if test {
		s.tested++
		return nil
	}
	id := row.text("orderId")
	if have := s.ledger[id]; have != nil {
		have.Copies++
		return bad("ORDER_ID_ALREADY_IN_USE")
	}
	s.ledger[id] = &Entry{ID: id, Event: row.text("conversionAction"), Value: row.decimal("conversionValue"), Currency: row.text("currencyCode"), Time: at}
	return nil
}

func (s *StandIn) adsAdjustment(row doc, _ bool) error {
	bad := func(code string) error { return adsError{"conversionAdjustmentUploadError", code} }
	at, err := time.Parse(adsTime, row.text("adjustmentDateTime"))
	have := s.ledger[row.text("orderId")]
	restatement := row.object("restatementValue")
	switch {
	case err != nil:
		return adsError{"dateError", "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}
	case have == nil:
		return bad("CONVERSION_NOT_FOUND")
	case s.Now().Sub(have.Time) < day:
		return bad("TOO_RECENT_CONVERSION")
	case s.Now().Sub(have.Time) > 54*day:
		return bad("CONVERSION_EXPIRED")
	case !at.After(have.Time):
		return bad("ADJUSTMENT_PRECEDES_CONVERSION")
	case have.Retracted:
		return bad("CONVERSION_ALREADY_RETRACTED")
	case row.text("adjustmentType") == "RETRACTION" && restatement == nil:
		have.Retracted = true
	case row.text("adjustmentType") == "RESTATEMENT" && restatement.decimal("adjustedValue") == have.Value:
		return bad("RESTATEMENT_ALREADY_EXISTS")
	case row.text("adjustmentType") == "RESTATEMENT" && money(restatement.decimal("adjustedValue"), restatement.text("currencyCode")) == nil:
		have.Value, have.Currency = restatement.decimal("adjustedValue"), restatement.text("currencyCode")
		have.Restated++
	default:
		return bad("INVALID_CONVERSION_ACTION_TYPE")
	}
	return nil
}
