package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/destination/personal"
	"tributary/schemas/events"
)

// dataManager is the Data Manager API of Google. One bad event fails the call; whether a good one was matched is known later only, and is
// not asked for. A restatement is the same event once more under its transactionId, with all its fields.
type dataManager struct{}

type dmPayload struct {
	Destinations []dmDestination `json:"destinations"`
	Events       []dmEvent       `json:"events"`
	Encoding     string          `json:"encoding"`
	ValidateOnly bool            `json:"validateOnly"`
}

type dmDestination struct {
	OperatingAccount     dmAccount  `json:"operatingAccount"`
	LoginAccount         *dmAccount `json:"loginAccount,omitempty"`
	LinkedAccount        *dmAccount `json:"linkedAccount,omitempty"`
	ProductDestinationID string     `json:"productDestinationId"`
}

type dmAccount struct {
	AccountType string `json:"accountType"`
	AccountID   string `json:"accountId"`
}

type dmEvent struct {
	TransactionID   string         `json:"transactionId"`
	EventTimestamp  string         `json:"eventTimestamp"`
	EventSource     string         `json:"eventSource"`
	ConversionValue *json.Number   `json:"conversionValue,omitempty"`
	Currency        string         `json:"currency,omitempty"`
	AdIdentifiers   *dmIdentifiers `json:"adIdentifiers,omitempty"`
	UserData        *dmUserData    `json:"userData,omitempty"`
	Consent         *dmConsent     `json:"consent,omitempty"`
}

type dmIdentifiers struct {
	GCLID  string `json:"gclid,omitempty"`
	GBRAID string `json:"gbraid,omitempty"`
	WBRAID string `json:"wbraid,omitempty"`
}

type dmUserData struct {
	UserIdentifiers []dmUser `json:"userIdentifiers"`
}

type dmUser struct {
	EmailAddress string `json:"emailAddress,omitempty"`
	PhoneNumber  string `json:"phoneNumber,omitempty"`
}

type dmConsent struct {
	AdUserData        string `json:"adUserData,omitempty"`
	AdPersonalization string `json:"adPersonalization,omitempty"`
}

// Group: the action that a conversion is one of is said once for a call.
func (dataManager) Group(_ *destination.Destination, req *events.OutboundRequest) string {
	return req.GetEvent()
}

func (dataManager) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	if !digitsOnly(reqs[0].GetEvent()) {
		return nil, fmt.Errorf("event %q is no numeric ID of a conversion action; events of the destination says it", reqs[0].GetEvent())
	}
	target := dmDestination{
		OperatingAccount: dmAccount{"GOOGLE_ADS", digitsOf(setting(d, "customer_id"))}, ProductDestinationID: reqs[0].GetEvent(),
	}
	if account := digitsOf(setting(d, "login_customer_id")); account != "" {
		target.LoginAccount = &dmAccount{"GOOGLE_ADS", account}
	}
	payload := dmPayload{Destinations: []dmDestination{target}, Encoding: "HEX", ValidateOnly: setting(d, "test") == "true"}
	for _, r := range reqs {
		req := factOf(d, r)
		if req.GetTold() == events.OutboundRequest_TOLD_RETRACTED {
			return nil, createdOnly("the Data Manager API", req)
		}
		event := dmEvent{
			TransactionID: toldID(req), EventTimestamp: eventTime(req).Format("2006-01-02T15:04:05.000Z"), EventSource: setting(d, "event_source"),
			ConversionValue: amount(req), Currency: currencyOf(req),
		}
		if click := googleClickOf(req); click != (googleClick{}) {
			event.AdIdentifiers = &dmIdentifiers{click.gclid, click.gbraid, click.wbraid}
		}
		consent := dmConsent{consented(req.value("ad_user_data"), "CONSENT_"), consented(req.value("ad_personalization"), "CONSENT_")}
		if consent != (dmConsent{}) {
			event.Consent = &consent
		}
		if consent.AdUserData != "CONSENT_DENIED" { // who denies it is not told of
			var users []dmUser
			if email := personal.Email(req.value("email"), personal.EmailGmailDots); email != "" {
				users = append(users, dmUser{EmailAddress: email})
			}
			if phone := personal.Phone(req.value("phone"), req.value("country"), personal.PhoneE164); phone != "" {
				users = append(users, dmUser{PhoneNumber: phone})
			}
			if users != nil {
				event.UserData = &dmUserData{users}
			}
		}
		if event.AdIdentifiers == nil && event.UserData == nil {
			return nil, noGoogleIdentifier(req)
		}
		payload.Events = append(payload.Events, event)
	}
	address := base(d) + "/v1/events:ingest"
	return post(address, address, AccessOAuth2, payload)
}

func (dataManager) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	if answer.Status/100 == 2 {
		var said struct {
			RequestID string `json:"requestId"`
		}
		err := readJSON(answer, &said)
		if err == nil && said.RequestID == "" {
			err = errors.New("no requestId")
		}
		if err != nil {
			return unread(reqs, answer, err)
		}
		return all(len(reqs), Verdict{Outcome: Delivered, Reason: "requestId " + said.RequestID})
	}
	var said googleError
	if readJSON(answer, &said) != nil || said.Error == nil {
		return wholeCall(reqs, answer, "")
	}
	rows := make(rowed, len(reqs))
	named := false
	for _, detail := range said.Error.details() {
		for _, violation := range detail.FieldViolations {
			reason := fmt.Sprintf("%s: %s %s", violation.Field, violation.Reason, violation.Description)
			at := eventIndex.FindStringSubmatch(violation.Field)
			if at == nil {
				// What is wrong is in the declaration, so the next call would be refused too.
				if strings.HasPrefix(violation.Field, "destinations") {
					return all(len(reqs), Verdict{Outcome: Paused, Reason: reason})
				}
				continue
			}
			i, err := strconv.Atoi(at[1])
			named = err == nil && rows.set(i, Verdict{Outcome: Refused, Reason: reason}) || named
		}
	}
	if answer.Status == 400 && named {
		return rows.fill(Verdict{Outcome: Split, Reason: "another event of the call is wrong: " + said.Error.Message})
	}
	return googleCall(reqs, answer, said.Error)
}

// digitsOf drops what people write between the digits of an account.
func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
