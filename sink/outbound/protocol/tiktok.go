package protocol

import (
	"encoding/json"
	"fmt"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/destination/personal"
	"tributary/schemas/events"
)

// tiktok is the Events API of TikTok. It answers 200 with a code in the body.
type tiktok struct{}

type tiktokPayload struct {
	EventSource   string        `json:"event_source"`
	EventSourceID string        `json:"event_source_id"`
	TestEventCode string        `json:"test_event_code,omitempty"`
	Data          []tiktokEvent `json:"data"`
}

type tiktokEvent struct {
	Event          string            `json:"event"`
	EventTime      int64             `json:"event_time"`
	EventID        string            `json:"event_id"`
	User           tiktokUser        `json:"user"`
	Page           *tiktokPage       `json:"page,omitempty"`
	Properties     *tiktokProperties `json:"properties,omitempty"`
	LimitedDataUse bool              `json:"limited_data_use,omitempty"`
}

type tiktokUser struct {
	Email      string `json:"email,omitempty"`
	Phone      string `json:"phone,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	TTCLID     string `json:"ttclid,omitempty"`
	TTP        string `json:"ttp,omitempty"`
	IP         string `json:"ip,omitempty"`
	UserAgent  string `json:"user_agent,omitempty"`
}

type tiktokPage struct {
	URL string `json:"url"`
}

type tiktokProperties struct {
	Currency string       `json:"currency"`
	Value    *json.Number `json:"value"`
}

func (tiktok) Group(*destination.Destination, *events.OutboundRequest) string { return "" }

func (tiktok) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	payload := tiktokPayload{EventSource: setting(d, "event_source"), EventSourceID: setting(d, "pixel_id"), TestEventCode: setting(d, "test_event_code")}
	for _, r := range reqs {
		req := factOf(d, r)
		if err := createdOnly("TikTok", req); err != nil {
			return nil, err
		}
		event := tiktokEvent{
			Event: req.GetEvent(), EventTime: req.GetEventMs() / 1000, EventID: toldID(req), LimitedDataUse: req.flag("limited_data_use"),
			User: tiktokUser{
				Email:      personal.Email(req.value("email"), personal.EmailPlain),
				Phone:      personal.Phone(req.value("phone"), req.value("country"), personal.PhoneE164),
				ExternalID: personal.User(req.value("user_id")),
				TTCLID:     req.value("ttclid"), TTP: req.value("ttp"), IP: req.value("ip"), UserAgent: req.value("user_agent"),
			},
		}
		if page := req.value("page_url"); page != "" {
			event.Page = &tiktokPage{page}
		}
		if req.GetHasAmount() {
			event.Properties = &tiktokProperties{req.GetCurrency(), amount(req)}
		}
		payload.Data = append(payload.Data, event)
	}
	target := base(d) + "/open_api/v1.3/event/track/"
	return post(target, target, AccessHeader, payload)
}

type tiktokAnswer struct {
	Code    *int   `json:"code"`
	Message string `json:"message"`
	Data    struct {
		// Failed are the events of a partial success, by their number in the request.
		Failed []struct {
			Order   *int   `json:"order_in_request"`
			Message string `json:"error_message"`
		} `json:"failed_events"`
	} `json:"data"`
}

func (tiktok) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	var said tiktokAnswer
	if err := readJSON(answer, &said); err != nil || said.Code == nil {
		if answer.Status/100 != 2 {
			return wholeCall(reqs, answer, "")
		}
		if err == nil {
			err = fmt.Errorf("no code")
		}
		return unread(reqs, answer, err)
	}
	code := *said.Code
	reason := fmt.Sprintf("code %d: %s", code, said.Message)
	switch {
	case code == 0:
		if answer.Status/100 != 2 {
			return wholeCall(reqs, answer, reason)
		}
		return all(len(reqs), Verdict{Outcome: Delivered, Reason: reason})
	case code == 20001: // some were taken
		rows := make(rowed, len(reqs))
		known := len(said.Data.Failed) > 0
		for _, failed := range said.Data.Failed {
			known = known && failed.Order != nil && rows.set(*failed.Order, Verdict{Outcome: Refused, Reason: reason + ": " + failed.Message})
		}
		if !known {
			return poisoned(len(reqs), reason)
		}
		return rows.fill(Verdict{Outcome: Delivered, Reason: reason})
	case code == 40100, code == 40016, code == 40133, code >= 50000 && code < 60000, code >= 60000 && answer.Status >= 500:
		return all(len(reqs), Verdict{Outcome: Again, Reason: reason, RetryAfter: retryAfter(answer)})
	case code == 40001, code >= 40101 && code <= 40110:
		return all(len(reqs), Verdict{Outcome: Paused, Reason: reason})
	}
	return poisoned(len(reqs), reason)
}
