package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/destination/personal"
	"tributary/schemas/events"
)

// meta is the Conversions API of Meta. One event older than seven days, or one that is wrong, fails the call.
type meta struct{}

type metaPayload struct {
	Data          []metaEvent `json:"data"`
	TestEventCode string      `json:"test_event_code,omitempty"`
}

type metaEvent struct {
	EventName      string      `json:"event_name"`
	EventTime      int64       `json:"event_time"`
	EventID        string      `json:"event_id"`
	ActionSource   string      `json:"action_source"`
	EventSourceURL string      `json:"event_source_url,omitempty"`
	OptOut         bool        `json:"opt_out,omitempty"`
	UserData       metaUser    `json:"user_data"`
	CustomData     *metaCustom `json:"custom_data,omitempty"`
	// Options limit the use of data; country and state 0 let Meta find the place.
	Options        []string `json:"data_processing_options,omitempty"`
	OptionsCountry *int     `json:"data_processing_options_country,omitempty"`
	OptionsState   *int     `json:"data_processing_options_state,omitempty"`
}

// metaUser is shared by those who copied Meta's names.
type metaUser struct {
	Email      []string `json:"em,omitempty"`
	Phone      []string `json:"ph,omitempty"`
	ExternalID []string `json:"external_id,omitempty"`
	IP         string   `json:"client_ip_address,omitempty"`
	UserAgent  string   `json:"client_user_agent,omitempty"`
	FBC        string   `json:"fbc,omitempty"`
	FBP        string   `json:"fbp,omitempty"`
	ClickID    string   `json:"click_id,omitempty"`    // Pinterest
	SCClickID  string   `json:"sc_click_id,omitempty"` // Snap
	SCCookie   string   `json:"sc_cookie1,omitempty"`  // Snap
}

type metaCustom struct {
	Currency string       `json:"currency,omitempty"`
	Value    *json.Number `json:"value,omitempty"`
}

func metaUserOf(req fact) metaUser {
	return metaUser{
		Email:      list(personal.Email(req.value("email"), personal.EmailPlain)),
		Phone:      list(personal.Phone(req.value("phone"), req.value("country"), personal.PhoneDigits)),
		ExternalID: list(personal.User(req.value("user_id"))),
		IP:         req.value("ip"),
		UserAgent:  req.value("user_agent"),
	}
}

func metaCustomOf(req fact) *metaCustom {
	if !req.GetHasAmount() {
		return nil
	}
	return &metaCustom{Currency: req.GetCurrency(), Value: amount(req)}
}

func (meta) Group(*destination.Destination, *events.OutboundRequest) string { return "" }

func (meta) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	payload := metaPayload{TestEventCode: setting(d, "test_event_code")}
	for _, r := range reqs {
		req := factOf(d, r)
		if err := createdOnly("Meta", req); err != nil {
			return nil, err
		}
		event := metaEvent{
			EventName: req.GetEvent(), EventTime: req.GetEventMs() / 1000, EventID: toldID(req), ActionSource: setting(d, "action_source"),
			EventSourceURL: req.value("page_url"), OptOut: req.flag("opt_out"), UserData: metaUserOf(req), CustomData: metaCustomOf(req),
		}
		if req.flag("limited_data_use") {
			zero := 0
			event.Options, event.OptionsCountry, event.OptionsState = []string{"LDU"}, &zero, &zero
		}
		event.UserData.FBP = req.value("fbp")
		event.UserData.FBC = req.value("fbc")
		if clickID := req.value("fbclid"); event.UserData.FBC == "" && clickID != "" {
			event.UserData.FBC = "fb.1." + strconv.FormatInt(req.GetClickMs(), 10) + "." + clickID
		}
		if event.ActionSource == "website" && (event.EventSourceURL == "" || event.UserData.UserAgent == "") {
			return nil, fmt.Errorf("request %s: action_source website needs the fields page_url and user_agent", req.GetRequestId())
		}
		payload.Data = append(payload.Data, event)
	}
	target := base(d) + "/" + setting(d, "version") + "/" +
		url.PathEscape(setting(d, "pixel_id")) + "/events"
	return post(target, target, AccessQuery, payload)
}

// metaAnswer is what the Graph API says.
type metaAnswer struct {
	EventsReceived *int `json:"events_received"`
	Error          *struct {
		Message   string `json:"message"`
		Type      string `json:"type"`
		Code      int    `json:"code"`
		Subcode   int    `json:"error_subcode"`
		UserMsg   string `json:"error_user_msg"`
		Transient bool   `json:"is_transient"`
	} `json:"error"`
}

func (meta) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	var said metaAnswer
	if err := readJSON(answer, &said); err != nil || said.Error == nil {
		switch {
		case answer.Status/100 != 2:
			return wholeCall(reqs, answer, "")
		case err != nil:
			return unread(reqs, answer, err)
		case said.EventsReceived == nil:
			return unread(reqs, answer, errors.New("no events_received"))
		case *said.EventsReceived < len(reqs):
			return poisoned(len(reqs), fmt.Sprintf("%d of %d events were received", *said.EventsReceived, len(reqs)))
		}
		return all(len(reqs), Verdict{Outcome: Delivered, Reason: "events_received"})
	}
	e := said.Error
	reason := fmt.Sprintf("error %d/%d: %s", e.Code, e.Subcode, or(e.UserMsg, e.Message))
	switch {
	case e.Transient, e.Code == 1, e.Code == 2, e.Code == 4, e.Code == 17, e.Code == 32, e.Code == 341, e.Code == 368, e.Code == 613,
		e.Code >= 80000 && e.Code < 80100, answer.Status >= 500:
		return all(len(reqs), Verdict{Outcome: Again, Reason: reason, RetryAfter: retryAfter(answer)})
	case e.Code == 102, e.Code == 190, e.Code == 3, e.Code == 10, e.Code >= 200 && e.Code < 300, e.Code == 803, e.Code == 100 && e.Subcode == 33,
		answer.Status == 401, answer.Status == 403:
		return all(len(reqs), Verdict{Outcome: Paused, Reason: reason})
	}
	return poisoned(len(reqs), reason)
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
