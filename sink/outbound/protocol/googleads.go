package protocol

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/destination/personal"
	"tributary/schemas/events"
)

// googleAds is the upload of click conversions, and of their adjustments, of the Google Ads API.
type googleAds struct{}

// tooRecent is how long Google asks to wait where a click, a conversion or its action is too new.
const tooRecent = 6 * time.Hour

const googleAdsTime = "2006-01-02 15:04:05-07:00"

type gaConversion struct {
	GCLID              string       `json:"gclid,omitempty"`
	GBRAID             string       `json:"gbraid,omitempty"`
	WBRAID             string       `json:"wbraid,omitempty"`
	ConversionAction   string       `json:"conversionAction"`
	ConversionDateTime string       `json:"conversionDateTime"`
	ConversionValue    *json.Number `json:"conversionValue,omitempty"`
	CurrencyCode       string       `json:"currencyCode,omitempty"`
	OrderID            string       `json:"orderId"`
	UserIdentifiers    []gaUser     `json:"userIdentifiers,omitempty"`
	Consent            *dmConsent   `json:"consent,omitempty"`
}

type gaUser struct {
	HashedEmail string `json:"hashedEmail,omitempty"`
	HashedPhone string `json:"hashedPhoneNumber,omitempty"`
}

type gaAdjustment struct {
	ConversionAction   string         `json:"conversionAction"`
	AdjustmentType     string         `json:"adjustmentType"`
	OrderID            string         `json:"orderId"`
	AdjustmentDateTime string         `json:"adjustmentDateTime"`
	RestatementValue   *gaRestatement `json:"restatementValue,omitempty"`
}

type gaRestatement struct {
	AdjustedValue *json.Number `json:"adjustedValue"`
	CurrencyCode  string       `json:"currencyCode,omitempty"`
}

// Group: conversions and adjustments go to different addresses.
func (googleAds) Group(_ *destination.Destination, req *events.OutboundRequest) string {
	if req.GetTold() == events.OutboundRequest_TOLD_CREATED {
		return "conversions"
	}
	return "adjustments"
}

func (g googleAds) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	var payload struct {
		Conversions    []gaConversion `json:"conversions,omitempty"`
		Adjustments    []gaAdjustment `json:"conversionAdjustments,omitempty"`
		PartialFailure bool           `json:"partialFailure"`
		ValidateOnly   bool           `json:"validateOnly,omitempty"`
	}
	payload.PartialFailure, payload.ValidateOnly = true, setting(d, "test") == "true"
	customer := digitsOf(setting(d, "customer_id"))
	verb := ":uploadClickConversions"
	if g.Group(d, reqs[0]) == "adjustments" {
		verb = ":uploadConversionAdjustments"
	}
	for _, r := range reqs {
		req := factOf(d, r)
		if !digitsOnly(req.GetEvent()) {
			return nil, fmt.Errorf("event %q is no numeric ID of a conversion action; events of the destination says it", req.GetEvent())
		}
		action := "customers/" + customer + "/conversionActions/" + req.GetEvent()
		var err error
		if req.GetTold() == events.OutboundRequest_TOLD_CREATED {
			var conversion gaConversion
			conversion, err = gaConversionOf(req, action)
			payload.Conversions = append(payload.Conversions, conversion)
		} else {
			var adjustment gaAdjustment
			adjustment, err = gaAdjustmentOf(req, action)
			payload.Adjustments = append(payload.Adjustments, adjustment)
		}
		if err != nil {
			return nil, err
		}
	}
	target := base(d) + "/" + setting(d, "version") + "/customers/" + customer + verb
	call, err := post(target, target, AccessOAuth2, payload)
	if err != nil {
		return nil, err
	}
	call.Header.Set("Developer-Token", first(secrets(d, "developer_token")))
	if login := digitsOf(setting(d, "login_customer_id")); login != "" {
		call.Header.Set("Login-Customer-Id", login)
	}
	return call, nil
}

func gaConversionOf(req fact, action string) (gaConversion, error) {
	click := googleClickOf(req)
	conversion := gaConversion{
		GCLID: click.gclid, ConversionAction: action, ConversionDateTime: eventTime(req).Format(googleAdsTime),
		ConversionValue: amount(req), CurrencyCode: currencyOf(req), OrderID: toldID(req),
	}
	if click.gclid == "" { // of the three it takes one
		conversion.GBRAID = click.gbraid
		if click.gbraid == "" {
			conversion.WBRAID = click.wbraid
		}
	}
	consent := dmConsent{consented(req.value("ad_user_data"), ""), consented(req.value("ad_personalization"), "")}
	if consent != (dmConsent{}) {
		conversion.Consent = &consent
	}
	// Beside a braid it takes no identifiers of a person.
	if consent.AdUserData != "DENIED" && conversion.GBRAID == "" && conversion.WBRAID == "" {
		if email := personal.Email(req.value("email"), personal.EmailGmailDots); email != "" {
			conversion.UserIdentifiers = append(conversion.UserIdentifiers, gaUser{HashedEmail: email})
		}
		if phone := personal.Phone(req.value("phone"), req.value("country"), personal.PhoneE164); phone != "" {
			conversion.UserIdentifiers = append(conversion.UserIdentifiers, gaUser{HashedPhone: phone})
		}
	}
	if click == (googleClick{}) && conversion.UserIdentifiers == nil {
		return conversion, noGoogleIdentifier(req)
	}
	return conversion, nil
}

func gaAdjustmentOf(req fact, action string) (gaAdjustment, error) {
	click := googleClickOf(req)
	if click.wbraid != "" && click.gclid == "" && click.gbraid == "" {
		return gaAdjustment{}, fmt.Errorf("request %s: a conversion told by wbraid takes no adjustment", req.GetRequestId())
	}
	// It must be after the conversion, and after an adjustment before it.
	at := time.UnixMilli(max(req.GetDecidedMs(), req.GetEventMs()+1000)).UTC()
	adjustment := gaAdjustment{ConversionAction: action, AdjustmentType: "RETRACTION", OrderID: toldID(req), AdjustmentDateTime: at.Format(googleAdsTime)}
	if req.GetTold() == events.OutboundRequest_TOLD_RESTATED {
		if !req.GetHasAmount() {
			return gaAdjustment{}, fmt.Errorf("request %s: a restatement needs an amount", req.GetRequestId())
		}
		adjustment.AdjustmentType = "RESTATEMENT"
		adjustment.RestatementValue = &gaRestatement{amount(req), req.GetCurrency()}
	}
	return adjustment, nil
}

// gaCodes are what is known of errors of a row, by their codes; of others a row is refused.
var gaCodes = map[string]Verdict{
	"CLICK_CONVERSION_ALREADY_EXISTS": {Outcome: Delivered}, "ORDER_ID_ALREADY_IN_USE": {Outcome: Delivered},
	"CONVERSION_ALREADY_RETRACTED": {Outcome: Delivered}, "RESTATEMENT_ALREADY_EXISTS": {Outcome: Delivered},
	"MORE_RECENT_RESTATEMENT_FOUND": {Outcome: Delivered},
	"TOO_RECENT_EVENT":              {Outcome: Again, RetryAfter: tooRecent, Alone: true}, "TOO_RECENT_CLICK": {Outcome: Again, RetryAfter: tooRecent, Alone: true},
	"TOO_RECENT_CONVERSION_ACTION": {Outcome: Again, RetryAfter: tooRecent, Alone: true}, "TOO_RECENT_CONVERSION": {Outcome: Again, RetryAfter: tooRecent, Alone: true},
	// What was just uploaded is not found yet.
	"CONVERSION_NOT_FOUND": {Outcome: Again, RetryAfter: tooRecent, Alone: true},
	"INTERNAL_ERROR":       {Outcome: Again}, "TRANSIENT_ERROR": {Outcome: Again}, "DEADLINE_EXCEEDED": {Outcome: Again},
	"RESOURCE_EXHAUSTED": {Outcome: Again}, "RESOURCE_TEMPORARILY_EXHAUSTED": {Outcome: Again}, "CONCURRENT_MODIFICATION": {Outcome: Again},
	"DUPLICATE_ORDER_ID": {Outcome: Split}, "DUPLICATE_CLICK_CONVERSION_IN_REQUEST": {Outcome: Split},
	"CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE": {Outcome: Paused}, "CUSTOMER_NOT_ALLOWLISTED": {Outcome: Paused},
	"CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": {Outcome: Paused}, "UNAUTHORIZED_CUSTOMER": {Outcome: Paused},
	"USER_PERMISSION_DENIED": {Outcome: Paused}, "CUSTOMER_NOT_ENABLED": {Outcome: Paused}, "DEVELOPER_TOKEN_NOT_APPROVED": {Outcome: Paused},
	"OAUTH_TOKEN_EXPIRED": {Outcome: Paused}, "OAUTH_TOKEN_INVALID": {Outcome: Paused}, "OAUTH_TOKEN_REVOKED": {Outcome: Paused},
	"NOT_ADS_USER": {Outcome: Paused}, "CONVERSION_TRACKING_NOT_ENABLED": {Outcome: Paused},
}

// gaVerdict is the verdict of an error, and whether it says a row.
func gaVerdict(detail map[string]string, message string) Verdict {
	v := Verdict{Outcome: Refused, Reason: message}
	for _, code := range detail { // there is one
		known, ok := gaCodes[code]
		if ok {
			v.Outcome, v.RetryAfter, v.Alone = known.Outcome, known.RetryAfter, known.Alone
		}
		v.Reason = code + ": " + message
	}
	return v
}

func (googleAds) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	var said struct {
		googleError
		Partial *googleStatus     `json:"partialFailureError"`
		Results []json.RawMessage `json:"results"`
	}
	err := readJSON(answer, &said)
	if answer.Status/100 != 2 {
		if err != nil || said.Error == nil {
			return wholeCall(reqs, answer, "")
		}
		for _, detail := range said.Error.details() {
			for _, e := range detail.Errors {
				if v := gaVerdict(e.ErrorCode, e.Message); v.Outcome == Paused || v.Outcome == Again {
					v.RetryAfter = max(v.RetryAfter, retryAfter(answer))
					return all(len(reqs), v)
				}
			}
		}
		return googleCall(reqs, answer, said.Error)
	}
	if err != nil {
		return unread(reqs, answer, err)
	}
	rows := make(rowed, len(reqs))
	if said.Partial != nil {
		placed := false
		for _, detail := range said.Partial.details() {
			for _, e := range detail.Errors {
				v := gaVerdict(e.ErrorCode, e.Message)
				for _, element := range e.Location.Elements {
					if element.Field == "conversions" || element.Field == "conversion_adjustments" || element.Field == "conversionAdjustments" {
						placed = rows.set(index(element.Index), v) || placed
						break
					}
				}
				if v.Outcome == Paused {
					return all(len(reqs), v)
				}
			}
		}
		if !placed {
			return poisoned(len(reqs), "partialFailureError: "+said.Partial.Message)
		}
	}
	for i, result := range said.Results {
		if text := strings.TrimSpace(string(result)); text == "{}" || text == "null" {
			rows.set(i, Verdict{Outcome: Refused, Reason: "an empty result, and no error that says why"})
		}
	}
	return rows.fill(Verdict{Outcome: Delivered, Reason: "uploaded"})
}
