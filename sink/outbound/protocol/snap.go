package protocol

import (
	"net/url"
	"strings"
	"time"

	"tributary/catalog/destination"
	"tributary/schemas/events"
)

// snap is the Conversions API of Snap, version 3.
type snap struct{}

type snapEvent struct {
	EventName      string      `json:"event_name"`
	EventTime      int64       `json:"event_time"`
	EventID        string      `json:"event_id"`
	ActionSource   string      `json:"action_source"`
	EventSourceURL string      `json:"event_source_url,omitempty"`
	UserData       metaUser    `json:"user_data"`
	CustomData     *textCustom `json:"custom_data,omitempty"`
	Options        []string    `json:"data_processing_options,omitempty"`
}

// textCustom is Meta's custom_data with the value as text.
type textCustom struct {
	Currency string `json:"currency"`
	Value    string `json:"value"`
}

func textCustomOf(req fact) *textCustom {
	if !req.GetHasAmount() {
		return nil
	}
	return &textCustom{req.GetCurrency(), string(*amount(req))}
}

func (snap) Group(*destination.Destination, *events.OutboundRequest) string { return "" }

func (snap) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	var payload struct {
		Data []snapEvent `json:"data"`
	}
	for _, r := range reqs {
		req := factOf(d, r)
		if err := createdOnly("Snap", req); err != nil {
			return nil, err
		}
		event := snapEvent{
			EventName: req.GetEvent(), EventTime: req.GetEventMs() / 1000, EventID: toldID(req), ActionSource: setting(d, "action_source"),
			EventSourceURL: req.value("page_url"), UserData: metaUserOf(req), CustomData: textCustomOf(req),
		}
		event.UserData.SCClickID, event.UserData.SCCookie = req.value("sc_click_id"), req.value("sc_cookie1")
		if req.flag("limited_data_use") {
			event.Options = []string{"LMU"}
		}
		payload.Data = append(payload.Data, event)
	}
	target := base(d) + "/v3/" + url.PathEscape(setting(d, "pixel_id")) + "/events"
	if setting(d, "test") == "true" {
		target += "/validate"
	}
	return post(target, target, AccessQuery, payload)
}

func (snap) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	var said struct {
		Status string `json:"status"`
		Reason string `json:"reason"`
	}
	err := readJSON(answer, &said)
	if answer.Status/100 != 2 {
		return wholeCall(reqs, answer, said.Reason)
	}
	if err != nil {
		return unread(reqs, answer, err)
	}
	switch strings.ToUpper(said.Status) {
	case "", "OK", "VALID", "SUCCESS":
		return all(len(reqs), Verdict{Outcome: Delivered, Reason: or(said.Status, "status 200")})
	}
	return poisoned(len(reqs), said.Status+": "+said.Reason)
}
