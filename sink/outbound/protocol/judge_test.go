package protocol

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tributary/catalog/destination"
	"tributary/schemas"
	"tributary/schemas/events"
)

func some(n int, event string) (reqs []*events.OutboundRequest) {
	for i := range n {
		reqs = append(reqs, conversion(i, event, created))
	}
	return reqs
}

// letters writes verdicts as D(elivered), R(efused), A(gain), S(plit), P(aused), G(one).
func letters(verdicts []Verdict) string {
	var b strings.Builder
	for _, v := range verdicts {
		b.WriteByte(" DRASPG"[v.Outcome])
	}
	return b.String()
}

// TestJudge has what each platform answers, by its documentation, to a call of three.
func TestJudge(t *testing.T) {
	const (
		gaErrors = `{"code":3,"message":"Multiple errors","details":[{"@type":"type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure","errors":[%s]}]}`
		gaError  = `{"errorCode":{"conversionUploadError":"%s"},"message":"m","location":{"fieldPathElements":[{"fieldName":"conversions","index":%s},{"fieldName":"gclid"}]}}`
	)
	partial := func(list ...string) string {
		var all []string
		for i := 0; i < len(list); i += 2 {
			all = append(all, fmt.Sprintf(gaError, list[i+1], list[i]))
		}
		return fmt.Sprintf(`{"partialFailureError":`+gaErrors+`,"results":[{},{"gclid":"b"},{"gclid":"c"}],"jobId":"1"}`, strings.Join(all, ","))
	}
	for _, c := range []struct {
		platform string
		status   int
		body     string
		want     string
		reason   string
	}{
		{"meta", 200, `{"events_received":3,"messages":[],"fbtrace_id":"x"}`, "DDD", "events_received"},
		{"meta", 200, `{"events_received":2}`, "SSS", "2 of 3"},
		{"meta", 200, `<html>log in to the hotel's network</html>`, "AAA", "no JSON"},
		{"meta", 200, `{}`, "AAA", "no events_received"},
		{"meta", 400, `{"error":{"message":"Invalid parameter","type":"OAuthException","code":100,"error_subcode":2804003,"error_user_msg":"The timestamp for this event is too far in the past"}}`, "SSS", "too far in the past"},
		{"meta", 400, `{"error":{"message":"Error validating access token","type":"OAuthException","code":190,"error_subcode":463}}`, "PPP", "190/463"},
		{"meta", 400, `{"error":{"message":"Object does not exist","code":100,"error_subcode":33}}`, "PPP", "does not exist"},
		{"meta", 400, `{"error":{"message":"(#80004) There have been too many calls","code":80004}}`, "AAA", "too many calls"},
		{"meta", 500, `{"error":{"message":"An unknown error","code":1,"is_transient":true}}`, "AAA", "unknown"},
		{"meta", 403, `{"error":{"message":"(#200) Permissions error","code":200}}`, "PPP", "Permissions"},
		{"meta", 502, `<html>Bad Gateway</html>`, "AAA", "502"},

		{"google_data_manager", 200, `{"requestId":"abc"}`, "DDD", "requestId abc"},
		{"google_data_manager", 200, `{}`, "AAA", "no requestId"},
		{"google_data_manager", 400, `{"error":{"code":400,"message":"There was a problem with the request.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_ARGUMENT"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"events.events[1].transaction_id","description":"Required field is missing.","reason":"REQUIRED_FIELD_MISSING"}]}]}}`, "SRS", ""},
		{"google_data_manager", 400, `{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"x","details":[{"fieldViolations":[{"field":"destinations[0].product_destination_id","reason":"INVALID_CONVERSION_ACTION_ID"}]}]}}`, "PPP", "INVALID_CONVERSION_ACTION_ID"},
		{"google_data_manager", 400, `{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"x"}}`, "SSS", "INVALID_ARGUMENT"},
		{"google_data_manager", 429, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Too many requests."}}`, "AAA", "Too many"},
		{"google_data_manager", 403, `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}`, "PPP", "PERMISSION_DENIED"},
		{"google_data_manager", 401, `{"error":{"code":401,"status":"UNAUTHENTICATED","message":"no"}}`, "PPP", "UNAUTHENTICATED"},

		{"google_ads", 200, `{"results":[{"gclid":"a"},{"gclid":"b"},{"gclid":"c"}],"jobId":"1"}`, "DDD", "uploaded"},
		{"google_ads", 200, partial("0", "EXPIRED_EVENT"), "RDD", "EXPIRED_EVENT"},
		{"google_ads", 200, partial(`"0"`, "TOO_RECENT_EVENT"), "ADD", "TOO_RECENT_EVENT"},
		{"google_ads", 200, partial("0", "CLICK_CONVERSION_ALREADY_EXISTS", "2", "ORDER_ID_ALREADY_IN_USE"), "DDD", "ALREADY"},
		{"google_ads", 200, partial("0", "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"), "PPP", "ALLOWLISTED"},
		{"google_ads", 200, partial("7", "EXPIRED_EVENT"), "SSS", ""},
		{"google_ads", 200, `{"results":[{"gclid":"a"},{},{"gclid":"c"}]}`, "DRD", ""},
		{"google_ads", 200, `{}`, "DDD", ""}, // validateOnly has no results
		{"google_ads", 401, `{"error":{"code":401,"status":"UNAUTHENTICATED","message":"no"}}`, "PPP", ""},
		{"google_ads", 400, `{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"x","details":[{"errors":[{"errorCode":{"authenticationError":"NOT_ADS_USER"},"message":"m"}]}]}}`, "PPP", "NOT_ADS_USER"},
		{"google_ads", 429, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"x","details":[{"errors":[{"errorCode":{"quotaError":"RESOURCE_EXHAUSTED"},"message":"m"}]}]}}`, "AAA", ""},

		{"tiktok", 200, `{"code":0,"message":"OK","request_id":"r","data":{}}`, "DDD", "code 0"},
		{"tiktok", 200, `{"code":40002,"message":"event_time: invalid"}`, "SSS", "event_time"},
		{"tiktok", 200, `{"code":40105,"message":"Access token is incorrect or has been revoked."}`, "PPP", "revoked"},
		{"tiktok", 200, `{"code":40001,"message":"No permission to operate pixel code"}`, "PPP", ""},
		{"tiktok", 200, `{"code":40100,"message":"Requests made too frequently"}`, "AAA", ""},
		{"tiktok", 200, `{"code":50000,"message":"System error"}`, "AAA", ""},
		{"tiktok", 200, `{"code":20001,"message":"Partial success","data":{"failed_events":[{"order_in_request":1,"error_message":"bad"}]}}`, "DRD", ""},
		{"tiktok", 200, `{"code":20001,"message":"Partial success"}`, "SSS", ""},
		{"tiktok", 200, `ok`, "AAA", "no JSON"},
		{"tiktok", 504, ``, "AAA", "504"},

		{"microsoft", 200, `{"PartialErrors":[]}`, "DDD", ""},
		{"microsoft", 200, `{"PartialErrors":[{"Code":4806,"ErrorCode":"InvalidClickId","Index":1,"Message":"bad"}]}`, "DRD", ""},
		{"microsoft", 200, `{"PartialErrors":[{"Code":4806,"ErrorCode":"InvalidClickId","Index":9,"Message":"bad"}]}`, "SSS", "InvalidClickId"},
		{"microsoft", 200, `{"PartialErrors":[null,{"Code":1,"Index":1,"Message":"bad"},null]}`, "DRD", ""},
		{"microsoft", 200, `{}`, "AAA", "no PartialErrors"},
		{"microsoft", 401, `{"TrackingId":"t","Errors":[{"Code":109,"ErrorCode":"AuthenticationTokenExpired","Message":"expired"}]}`, "PPP", "expired"},
		{"microsoft", 400, `{"OperationErrors":[{"Code":117,"ErrorCode":"CallRateExceeded","Message":"slow"}]}`, "AAA", "slow"},
		{"microsoft", 400, `{"Errors":[{"Code":100,"ErrorCode":"NullRequest","Message":"null"}]}`, "SSS", "NullRequest"},

		{"snap", 200, `{"status":"OK"}`, "DDD", ""},
		{"snap", 200, `{"status":"INVALID","reason":"Unhashed PII"}`, "SSS", "Unhashed"},
		{"snap", 400, `{"status":"INVALID","reason":"Timestamp invalid or out of range"}`, "SSS", "Timestamp"},
		{"snap", 401, `unauthorized`, "PPP", ""},

		{"pinterest", 200, `{"num_events_received":3,"num_events_processed":2,"events":[{"status":"processed"},{"status":"failed","error_message":"bad em"},{"status":"processed","warning_message":"odd"}]}`, "DRD", ""},
		{"pinterest", 422, `{"code":2,"message":"Not all events were processed","details":{"num_events_received":3,"num_events_processed":2,"events":[{"status":"failed","error_message":"x"},{"status":"processed"},{"status":"processed"}]}}`, "RDD", ""},
		{"pinterest", 200, `{"events":[{"status":"processed"}]}`, "AAA", "1 events"},
		{"pinterest", 429, `{"code":8,"message":"You have exceeded your rate limit."}`, "AAA", "rate limit"},
		{"pinterest", 403, `{"code":29,"message":"You are not permitted"}`, "PPP", ""},

		{"reddit", 200, `{"data":{"message":"Successfully processed 3 conversion events."}}`, "DDD", "Successfully"},
		{"reddit", 400, `{"error":{"code":400,"message":"There were 1 invalid conversion events. None were processed."}}`, "SSS", "None were processed"},
		{"reddit", 403, `{"error":{"message":"Missing adsconversions scope"}}`, "PPP", ""},
		{"reddit", 500, `The service is currently unavailable.`, "AAA", ""},

		{"x", 200, `{"request":{},"data":{"conversions_processed":3,"debug_id":"d"}}`, "DDD", ""},
		{"x", 200, `{"data":{"conversions_processed":1}}`, "SSS", "1 of 3"},
		{"x", 400, `{"errors":[{"code":"INVALID_PARAMETER","message":"Event_id (x) is not a single event tag (SET)"}]}`, "SSS", "single event tag"},
		{"x", 401, `{"errors":[{"code":"UNAUTHORIZED_ACCESS","message":"no"}]}`, "PPP", ""},
		{"x", 429, `{"errors":[{"code":"TOO_MANY_REQUESTS","message":"slow"}]}`, "AAA", ""},

		{"openai", 200, `{}`, "DDD", ""},
		{"openai", 400, `{"error":{"message":"Missing required field: events"}}`, "SSS", "Missing required"},
		{"openai", 401, `{"error":{"message":"Missing scopes: ads.third_party_events.write"}}`, "PPP", "Missing scopes"},
		{"openai", 410, ``, "GGG", ""},
		{"openai", 302, ``, "RRR", "redirects are not followed"},
	} {
		verdicts := protocols[c.platform].Judge(declared(t, c.platform), some(3, platforms[c.platform]), &Answer{Status: c.status, Body: []byte(c.body)})
		if got := letters(verdicts); got != c.want || !strings.Contains(verdicts[0].Reason, c.reason) {
			t.Errorf("%s, %d %s: %s %q, want %s %q", c.platform, c.status, c.body, got, verdicts[0].Reason, c.want, c.reason)
		}
		// What splits three refuses one.
		if strings.Contains(c.want, "S") && !strings.Contains(c.want, "R") && !strings.Contains(c.reason, " of 3") {
			one := protocols[c.platform].Judge(declared(t, c.platform), some(1, platforms[c.platform]), &Answer{Status: c.status, Body: []byte(c.body)})
			if got := letters(one); got != "R" {
				t.Errorf("%s, %d %s, alone: %s, want R", c.platform, c.status, c.body, got)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		header http.Header
		want   time.Duration
	}{
		{header("Retry-After", "120"), 2 * time.Minute},
		{header("Retry-After", "Tue, 01 Dec 2026 10:05:00 GMT", "Date", "Tue, 01 Dec 2026 10:00:00 GMT"), 5 * time.Minute},
		{header("Retry-After", "Tue, 01 Dec 2026 09:00:00 GMT", "Date", "Tue, 01 Dec 2026 10:00:00 GMT"), 0},
		{header("Retry-After", "Tue, 01 Dec 2026 10:05:00 GMT"), 0},
		{header("Retry-After", "99999999999"), 0}, {header("Retry-After", "9999999"), maxRetryAfter}, {header("Retry-After", "-5"), 0}, {header("Retry-After", "soon"), 0},
		{header("X-Rate-Limit-Reset", "1796119500", "Date", "Tue, 01 Dec 2026 10:00:00 GMT"), 5 * time.Minute},
		{nil, 0},
	} {
		v := byStatus(&Answer{Status: 429, Header: c.header})
		if v.Outcome != Again || v.RetryAfter != c.want {
			t.Errorf("%v: %v, want %v", c.header, v.RetryAfter, c.want)
		}
	}
}

// TestRules reads answers by rules that are data.
func TestRules(t *testing.T) {
	exoclick := destination.SuccessConfig{Done: []string{"already notified"}, Refused: []string{"ERROR"}, Has: []string{"OK"}}
	stars := destination.SuccessConfig{JSON: map[string]string{"ok": "true"}, Reason: []string{"error.msg"}, Again: []string{"try later"}}
	tune := destination.SuccessConfig{JSON: map[string]string{"success": "true"}, Reason: []string{"err_msg"}, Retry: []int{409}}
	taboola := destination.SuccessConfig{Statuses: []int{204}}
	for _, c := range []struct {
		rules  destination.SuccessConfig
		status int
		body   string
		want   Outcome
		reason string
	}{
		{exoclick, 200, "OK", Delivered, "status 200"},
		{exoclick, 200, " ok\n", Delivered, ""},
		{exoclick, 200, "ERROR: invalid goal", Refused, "it says ERROR: ERROR: invalid goal"},
		{exoclick, 200, "ERROR: Already Notified", Delivered, "taken before"},
		{exoclick, 200, "", Again, "does not say OK"},
		{exoclick, 502, "<h1>Error 502</h1> OK", Again, "502"},
		{exoclick, 403, "ERROR: forbidden", Paused, "forbidden"},
		{exoclick, 410, "", Gone, ""},
		{exoclick, 404, "not found", Refused, "404"},
		{stars, 200, `{"ok":true}`, Delivered, ""},
		{stars, 200, `{"ok":false,"error":{"msg":"no such click"}}`, Refused, "ok is false: no such click"},
		{stars, 200, `{"ok":false,"error":{"msg":"Try later"}}`, Again, "Try later"},
		{stars, 200, `{}`, Again, "no ok"},
		{stars, 200, `OK`, Again, "no JSON"},
		{tune, 200, `{"success":"false","err_msg":"bad id"}`, Refused, "bad id"},
		{tune, 409, `{"success":"false"}`, Again, "409"},
		{tune, 200, `{"success":"TRUE"}`, Delivered, ""},
		{taboola, 204, "", Delivered, ""},
		{taboola, 200, "", Refused, "is none of success"},
		{taboola, 400, "bad", Refused, "bad"},
		{destination.SuccessConfig{}, 201, "", Delivered, ""},
		{destination.SuccessConfig{}, 429, "", Again, ""},
		{destination.SuccessConfig{}, 301, "", Refused, "redirects"},
		{destination.SuccessConfig{JSON: map[string]string{"a.b": "1"}}, 200, `{"a":{"b":1}}`, Delivered, ""},
		{destination.SuccessConfig{JSON: map[string]string{"a.b": "1"}}, 200, `{"a":[1]}`, Again, "no a.b"},
	} {
		if v := byRules(&c.rules, &Answer{Status: c.status, Body: []byte(c.body)}); v.Outcome != c.want || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%d %s: %d %q, want %d %q", c.status, c.body, v.Outcome, v.Reason, c.want, c.reason)
		}
	}
}

// FuzzJudge reads arbitrary answers: each request gets one verdict, whose reason a row can have, whoever answers.
func FuzzJudge(f *testing.F) {
	for _, seed := range []string{
		`{"events_received":3}`, `{"error":{"code":190}}`, `{"code":20001,"data":{"failed_events":[{"order_in_request":-1}]}}`, `{"PartialErrors":[null,{"Index":4}]}`,
		`{"events":[{"status":"x"},{},{}]}`, `{"partialFailureError":{"details":[{"errors":[{"location":{"fieldPathElements":[{"fieldName":"conversions","index":"99999999999999999999"}]}}]}]}}`,
		`{"results":[{},null,3]}`, `{"error":{"details":[{"fieldViolations":[{"field":"events[18446744073709551616]"}]}]}}`, `[]`, `null`, "\xff\x00", `{"details":{"events":null}}`,
	} {
		f.Add(200, []byte(seed), "7", false)
		f.Add(400, []byte(seed), "Tue, 01 Dec 2026 10:05:00 GMT", true)
	}
	of := map[string]*destination.Destination{}
	for name := range platforms {
		of[name] = declared(f, name)
	}
	free := build(f, destination.Config{Template: "get", URL: "https://s.example/?id={external_id}", Success: destination.SuccessConfig{
		Done: []string{"already"}, Refused: []string{"error"}, Has: []string{"ok"}, JSON: map[string]string{"a.b": "1"}, Reason: []string{"error.msg"},
	}})
	f.Fuzz(func(t *testing.T, status int, body []byte, wait string, cut bool) {
		answer := &Answer{Status: status, Header: header("Retry-After", wait, "Date", "Tue, 01 Dec 2026 10:00:00 GMT"), Body: body, Cut: cut}
		check := func(name string, n int, verdicts []Verdict) {
			if len(verdicts) != n {
				t.Fatalf("%s: %d verdicts of %d requests", name, len(verdicts), n)
			}
			for _, v := range verdicts {
				if v.Outcome < Delivered || v.Outcome > Gone || len(v.Reason) > schemas.MaxDetailBytes || !utf8.ValidString(v.Reason) ||
					strings.ContainsAny(v.Reason, "\n\x00") || v.RetryAfter < 0 || v.RetryAfter > maxRetryAfter || n == 1 && v.Outcome == Split {
					t.Fatalf("%s: %+v", name, v)
				}
				if v.Outcome == Delivered && status >= 500 {
					t.Fatalf("%s: delivered by a status of %d", name, status)
				}
			}
		}
		for name, event := range platforms {
			for _, n := range []int{1, 3} {
				check(name, n, protocols[name].Judge(of[name], some(n, event), answer))
			}
		}
		check("get", 1, byURL{}.Judge(free, some(1, "x"), answer))
	})
}
