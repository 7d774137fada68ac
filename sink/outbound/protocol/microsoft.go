package protocol

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/destination/personal"
	"tributary/schemas/events"
)

// microsoft is the upload of offline conversions, and of their adjustments, of Microsoft Advertising. It knows a conversion by click ID,
// goal and time, and drops without a word what names a goal that it does not have.
type microsoft struct{}

const microsoftTime = "2006-01-02T15:04:05.999Z"

type msConversion struct {
	Currency   string       `json:"ConversionCurrencyCode,omitempty"`
	Name       string       `json:"ConversionName"`
	Time       string       `json:"ConversionTime"`
	Value      *json.Number `json:"ConversionValue,omitempty"`
	Email      string       `json:"HashedEmailAddress,omitempty"`
	Phone      string       `json:"HashedPhoneNumber,omitempty"`
	ClickID    string       `json:"MicrosoftClickId,omitempty"`
	Adjustment string       `json:"AdjustmentType,omitempty"`
	AdjustedAt string       `json:"AdjustmentTime,omitempty"`
	Adjusted   *json.Number `json:"AdjustmentValue,omitempty"`
	AdjustedIn string       `json:"AdjustmentCurrencyCode,omitempty"`
}

// Group: conversions and adjustments go to different addresses.
func (microsoft) Group(_ *destination.Destination, req *events.OutboundRequest) string {
	if req.GetTold() == events.OutboundRequest_TOLD_CREATED {
		return "conversions"
	}
	return "adjustments"
}

func (m microsoft) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	kind := "OfflineConversions"
	if m.Group(d, reqs[0]) == "adjustments" {
		kind = "OfflineConversionAdjustments"
	}
	var rows []msConversion
	for _, r := range reqs {
		req := factOf(d, r)
		row := msConversion{Name: req.GetEvent(), Time: eventTime(req).Format(microsoftTime), ClickID: req.value("msclkid")}
		if row.ClickID == "" { // an ID of a person where there is none of the click, not beside it
			row.Email = personal.Email(req.value("email"), personal.EmailPlain)
			row.Phone = personal.Phone(req.value("phone"), req.value("country"), personal.PhoneE164)
		}
		if row.ClickID == "" && row.Email == "" && row.Phone == "" {
			return nil, fmt.Errorf("request %s: Microsoft needs one of the fields msclkid, email and phone", req.GetRequestId())
		}
		at := time.UnixMilli(max(req.GetDecidedMs(), req.GetEventMs())).UTC().Format(microsoftTime)
		switch req.GetTold() {
		case events.OutboundRequest_TOLD_CREATED:
			row.Value, row.Currency = amount(req), currencyOf(req)
		case events.OutboundRequest_TOLD_RETRACTED:
			row.Adjustment, row.AdjustedAt = "Retract", at
		default:
			if !req.GetHasAmount() {
				return nil, fmt.Errorf("request %s: a restatement needs an amount", req.GetRequestId())
			}
			row.Adjustment, row.AdjustedAt, row.Adjusted, row.AdjustedIn = "Restate", at, amount(req), req.GetCurrency()
		}
		rows = append(rows, row)
	}
	target := base(d) + "/CampaignManagement/v13/" + kind + "/Apply"
	call, err := post(target, target, AccessOAuth2, map[string]any{kind: rows})
	if err != nil {
		return nil, err
	}
	call.Header.Set("DeveloperToken", first(secrets(d, "developer_token")))
	call.Header.Set("CustomerId", setting(d, "customer_id"))
	call.Header.Set("CustomerAccountId", setting(d, "account_id"))
	return call, nil
}

// msError is a BatchError, or an error of the whole call.
type msError struct {
	Code      int    `json:"Code"`
	ErrorCode string `json:"ErrorCode"`
	Index     *int   `json:"Index"`
	Message   string `json:"Message"`
	Details   string `json:"Details"`
}

func (e msError) verdict() Verdict {
	v := Verdict{Outcome: Refused, Reason: fmt.Sprintf("%d %s: %s %s", e.Code, e.ErrorCode, e.Message, e.Details)}
	switch {
	case e.Code == 117, e.Code == 207, e.Code == 0, strings.Contains(e.ErrorCode, "RateExceeded"), strings.Contains(e.ErrorCode, "InternalError"):
		v.Outcome = Again
		if e.Code == 117 || e.Code == 207 {
			v.RetryAfter = time.Minute
		}
	case e.Code == 105, e.Code == 106, e.Code == 109, e.Code == 110, e.Code == 113, e.Code == 123, e.Code == 1102:
		v.Outcome = Paused
	}
	return v
}

func (microsoft) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	var said struct {
		Partial     *[]*msError `json:"PartialErrors"`
		Errors      []msError   `json:"Errors"`
		Operation   []msError   `json:"OperationErrors"`
		BatchErrors []msError   `json:"BatchErrors"`
	}
	err := readJSON(answer, &said)
	if answer.Status/100 != 2 {
		if errs := slices.Concat(said.Errors, said.Operation, said.BatchErrors); len(errs) > 0 {
			v := errs[0].verdict()
			v.RetryAfter = max(v.RetryAfter, retryAfter(answer))
			if v.Outcome == Refused {
				return wholeCall(reqs, answer, v.Reason)
			}
			return all(len(reqs), v)
		}
		return wholeCall(reqs, answer, "")
	}
	if err == nil && said.Partial == nil {
		err = fmt.Errorf("no PartialErrors")
	}
	if err != nil {
		return unread(reqs, answer, err)
	}
	rows := make(rowed, len(reqs))
	for _, e := range *said.Partial {
		if e == nil { // a list that is aligned after all: no error of this row
			continue
		}
		v := e.verdict()
		if v.Outcome == Paused {
			return all(len(reqs), v)
		}
		if e.Index == nil || !rows.set(*e.Index, v) {
			return poisoned(len(reqs), v.Reason)
		}
	}
	return rows.fill(Verdict{Outcome: Delivered, Reason: "no PartialErrors of it"})
}
