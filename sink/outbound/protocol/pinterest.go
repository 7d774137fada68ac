package protocol

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"tributary/catalog/destination"
	"tributary/schemas/events"
)

// pinterest is Pinterest's API for conversions. It answers for each event.
type pinterest struct{}

type pinterestEvent struct {
	EventName      string      `json:"event_name"`
	ActionSource   string      `json:"action_source"`
	EventTime      int64       `json:"event_time"`
	EventID        string      `json:"event_id"`
	EventSourceURL string      `json:"event_source_url,omitempty"`
	OptOut         bool        `json:"opt_out"`
	UserData       metaUser    `json:"user_data"`
	CustomData     *textCustom `json:"custom_data,omitempty"`
}

func (pinterest) Group(*destination.Destination, *events.OutboundRequest) string { return "" }

func (pinterest) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	var payload struct {
		Data []pinterestEvent `json:"data"`
	}
	for _, r := range reqs {
		req := factOf(d, r)
		if err := createdOnly("Pinterest", req); err != nil {
			return nil, err
		}
		event := pinterestEvent{
			EventName: req.GetEvent(), ActionSource: setting(d, "action_source"), EventTime: req.GetEventMs() / 1000, EventID: toldID(req),
			EventSourceURL: req.value("page_url"), OptOut: req.flag("opt_out"), UserData: metaUserOf(req), CustomData: textCustomOf(req),
		}
		event.UserData.ClickID = req.value("click_id")
		if event.UserData.Email == nil && (event.UserData.IP == "" || event.UserData.UserAgent == "") {
			return nil, fmt.Errorf("request %s: Pinterest needs the field email, or ip and user_agent", req.GetRequestId())
		}
		payload.Data = append(payload.Data, event)
	}
	target := base(d) + "/v5/ad_accounts/" + url.PathEscape(setting(d, "ad_account_id")) + "/events"
	if setting(d, "test") == "true" {
		target += "?test=true"
	}
	return post(target, target, AccessBearer, payload)
}

// pinterestAnswer is a success, or has one in details.
type pinterestAnswer struct {
	Events []struct {
		Status  string `json:"status"`
		Error   string `json:"error_message"`
		Warning string `json:"warning_message"`
	} `json:"events"`
	Code    json.RawMessage  `json:"code"`
	Message string           `json:"message"`
	Details *pinterestAnswer `json:"details"`
}

func (pinterest) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	var said pinterestAnswer
	err := readJSON(answer, &said)
	rows := said.Events
	if rows == nil && said.Details != nil {
		rows = said.Details.Events
	}
	if err != nil || len(rows) != len(reqs) || answer.Status >= 500 || answer.Status == 401 || answer.Status == 403 || answer.Status == 429 {
		switch {
		case answer.Status/100 != 2:
			return wholeCall(reqs, answer, said.Message)
		case err == nil:
			err = fmt.Errorf("it tells of %s events", strconv.Itoa(len(rows)))
		}
		return unread(reqs, answer, err)
	}
	verdicts := make(rowed, len(reqs))
	for i, row := range rows {
		if row.Status == "processed" {
			verdicts.set(i, Verdict{Outcome: Delivered, Reason: or(row.Warning, row.Status)})
		} else {
			verdicts.set(i, Verdict{Outcome: Refused, Reason: row.Status + ": " + row.Error})
		}
	}
	return verdicts
}
