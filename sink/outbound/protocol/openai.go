package protocol

import (
	"net/url"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/destination/personal"
	"tributary/schemas/events"
)

// openAI is the Conversions API of OpenAI Ads. One event that fails, fails the call. Amounts are in the currency's least units.
type openAI struct{}

type openAIPayload struct {
	ValidateOnly bool          `json:"validate_only"`
	Events       []openAIEvent `json:"events"`
}

type openAIEvent struct {
	ID           string      `json:"id"`
	Type         string      `json:"type"`
	CustomName   string      `json:"custom_event_name,omitempty"`
	TimestampMS  int64       `json:"timestamp_ms"`
	OppRef       string      `json:"oppref,omitempty"`
	SourceURL    string      `json:"source_url,omitempty"`
	ActionSource string      `json:"action_source"`
	OptOut       bool        `json:"opt_out,omitempty"`
	User         *openAIUser `json:"user,omitempty"`
	Data         openAIData  `json:"data"`
}

type openAIUser struct {
	Email      string `json:"email_sha256,omitempty"`
	ExternalID string `json:"external_id_sha256,omitempty"`
	Country    string `json:"country,omitempty"`
	IP         string `json:"ip_address,omitempty"`
	UserAgent  string `json:"user_agent,omitempty"`
}

type openAIData struct {
	Type     string `json:"type"`
	Amount   *int64 `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
}

// openAITypes are the standard events, each with the shape of its data.
var openAITypes = map[string]string{
	"app_installed": "customer_action", "app_opened": "customer_action", "appointment_scheduled": "customer_action",
	"checkout_started": "contents", "contents_viewed": "contents", "items_added": "contents", "lead_created": "customer_action",
	"order_created": "contents", "page_viewed": "contents", "registration_completed": "customer_action",
	"subscription_created": "plan_enrollment", "trial_started": "plan_enrollment",
}

func (openAI) Group(*destination.Destination, *events.OutboundRequest) string { return "" }

func (openAI) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	payload := openAIPayload{ValidateOnly: setting(d, "test") == "true"}
	for _, r := range reqs {
		req := factOf(d, r)
		if err := createdOnly("OpenAI Ads", req); err != nil {
			return nil, err
		}
		event := openAIEvent{
			ID: toldID(req), Type: req.GetEvent(), TimestampMS: req.GetEventMs(), OppRef: req.value("oppref"), SourceURL: req.value("page_url"),
			ActionSource: setting(d, "action_source"), OptOut: req.flag("opt_out"),
			Data: openAIData{Type: openAITypes[req.GetEvent()], Amount: minorAmount(req), Currency: currencyOf(req)},
		}
		if event.Data.Type == "" {
			event.Type, event.CustomName, event.Data.Type = "custom", req.GetEvent(), "custom"
		}
		if event.ActionSource == "web" && event.SourceURL == "" { // web needs the page
			event.ActionSource = "other"
		}
		user := openAIUser{
			Email: personal.Email(req.value("email"), personal.EmailPlain), ExternalID: personal.User(req.value("user_id")),
			Country: req.value("country"), IP: req.value("ip"), UserAgent: req.value("user_agent"),
		}
		if user != (openAIUser{}) {
			event.User = &user
		}
		payload.Events = append(payload.Events, event)
	}
	target := base(d) + "/v1/events?pid=" + url.QueryEscape(setting(d, "pixel_id"))
	return post(target, target, AccessBearer, payload)
}

func (openAI) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	if answer.Status/100 != 2 {
		return wholeCall(reqs, answer, "")
	}
	return all(len(reqs), Verdict{Outcome: Delivered, Reason: byStatus(answer).Reason})
}
