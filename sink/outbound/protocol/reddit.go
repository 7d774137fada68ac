package protocol

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/destination/personal"
	"tributary/schemas/events"
)

// reddit is the Conversions API of Reddit, version 3. One invalid event fails the call.
type reddit struct{}

type redditPayload struct {
	Data struct {
		TestID string        `json:"test_id,omitempty"`
		Events []redditEvent `json:"events"`
	} `json:"data"`
}

type redditEvent struct {
	EventAt        int64          `json:"event_at"`
	ActionSource   string         `json:"action_source"`
	EventSourceURL string         `json:"event_source_url,omitempty"`
	ClickID        string         `json:"click_id,omitempty"`
	Type           redditType     `json:"type"`
	Metadata       redditMetadata `json:"metadata"`
	User           redditUser     `json:"user"`
}

type redditType struct {
	TrackingType    string `json:"tracking_type"`
	CustomEventName string `json:"custom_event_name,omitempty"`
}

type redditMetadata struct {
	ConversionID string       `json:"conversion_id"`
	Currency     string       `json:"currency,omitempty"`
	Value        *json.Number `json:"value,omitempty"`
}

type redditUser struct {
	Email      string         `json:"email,omitempty"`
	Phone      string         `json:"phone_number,omitempty"`
	ExternalID string         `json:"external_id,omitempty"`
	UUID       string         `json:"uuid,omitempty"`
	IP         string         `json:"ip_address,omitempty"`
	UserAgent  string         `json:"user_agent,omitempty"`
	Options    *redditOptions `json:"data_processing_options,omitempty"`
}

type redditOptions struct {
	Modes   []string `json:"modes"`
	Country string   `json:"country,omitempty"`
	Region  string   `json:"region,omitempty"`
}

var redditTypes = map[string]bool{
	"PAGE_VISIT": true, "VIEW_CONTENT": true, "SEARCH": true, "ADD_TO_CART": true, "ADD_TO_WISHLIST": true, "PURCHASE": true, "LEAD": true, "SIGN_UP": true,
}

func (reddit) Group(*destination.Destination, *events.OutboundRequest) string { return "" }

func (reddit) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	var payload redditPayload
	payload.Data.TestID = setting(d, "test_id")
	for _, r := range reqs {
		req := factOf(d, r)
		if err := createdOnly("Reddit", req); err != nil {
			return nil, err
		}
		kind := redditType{TrackingType: strings.ToUpper(req.GetEvent())}
		if !redditTypes[kind.TrackingType] {
			kind = redditType{TrackingType: "CUSTOM", CustomEventName: req.GetEvent()}
		}
		event := redditEvent{
			EventAt: req.GetEventMs(), ActionSource: setting(d, "action_source"), EventSourceURL: req.value("page_url"),
			ClickID: req.value("rdt_cid"), Type: kind,
			Metadata: redditMetadata{ConversionID: toldID(req), Currency: currencyOf(req), Value: amount(req)},
			User: redditUser{
				Email:      personal.Email(req.value("email"), personal.EmailNoDotsNoTag),
				Phone:      personal.Phone(req.value("phone"), req.value("country"), personal.PhoneE164),
				ExternalID: personal.User(req.value("user_id")), UUID: req.value("rdt_uuid"), IP: req.value("ip"), UserAgent: req.value("user_agent"),
			},
		}
		if req.flag("limited_data_use") {
			event.User.Options = &redditOptions{Modes: []string{"LDU"}, Country: req.value("country"), Region: req.value("region")}
		}
		payload.Data.Events = append(payload.Data.Events, event)
	}
	target := base(d) + "/api/v3/pixels/" + url.PathEscape(setting(d, "pixel_id")) + "/conversion_events"
	return post(target, target, AccessBearer, payload)
}

func (reddit) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	var said struct {
		Data *struct {
			Message string `json:"message"`
		} `json:"data"`
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	err := readJSON(answer, &said)
	switch {
	case answer.Status/100 != 2:
		return wholeCall(reqs, answer, said.Error.Message)
	case err != nil:
		return unread(reqs, answer, err)
	case said.Data == nil:
		return poisoned(len(reqs), or(said.Error.Message, "no data: "+beginning(answer)))
	}
	return all(len(reqs), Verdict{Outcome: Delivered, Reason: said.Data.Message})
}
