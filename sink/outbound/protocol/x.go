package protocol

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"tributary/catalog/destination"
	"tributary/catalog/destination/personal"
	"tributary/schemas/events"
)

// xAds is the web conversions endpoint of the X Ads API. One invalid conversion fails the call.
type xAds struct{}

type xConversion struct {
	ConversionTime string              `json:"conversion_time"`
	EventID        string              `json:"event_id"`
	Identifiers    []map[string]string `json:"identifiers"`
	ConversionID   string              `json:"conversion_id"`
	Currency       string              `json:"price_currency,omitempty"`
	Value          *json.Number        `json:"value,omitempty"`
}

func (xAds) Group(*destination.Destination, *events.OutboundRequest) string { return "" }

func (xAds) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	var payload struct {
		Conversions []xConversion `json:"conversions"`
	}
	for _, r := range reqs {
		req := factOf(d, r)
		if err := createdOnly("X", req); err != nil {
			return nil, err
		}
		conversion := xConversion{
			ConversionTime: eventTime(req).Format("2006-01-02T15:04:05.000Z"), EventID: req.GetEvent(), ConversionID: toldID(req),
			Currency: currencyOf(req), Value: amount(req),
		}
		for _, identifier := range []struct{ name, value string }{
			{"twclid", req.value("twclid")},
			{"hashed_email", personal.Email(req.value("email"), personal.EmailPlain)},
			{"hashed_phone_number", personal.Phone(req.value("phone"), req.value("country"), personal.PhoneE164)},
		} {
			if identifier.value != "" {
				conversion.Identifiers = append(conversion.Identifiers, map[string]string{identifier.name: identifier.value})
			}
		}
		if conversion.Identifiers == nil {
			return nil, fmt.Errorf("request %s: X needs one of the fields twclid, email and phone", req.GetRequestId())
		}
		payload.Conversions = append(payload.Conversions, conversion)
	}
	target := base(d) + "/12/measurement/conversions/" + url.PathEscape(setting(d, "pixel_id"))
	return post(target, target, AccessOAuth1, payload)
}

func (xAds) Judge(_ *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	var said struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		Data *struct {
			Processed *int `json:"conversions_processed"`
		} `json:"data"`
	}
	err := readJSON(answer, &said)
	reason := ""
	if len(said.Errors) > 0 {
		reason = said.Errors[0].Code + ": " + said.Errors[0].Message
	}
	switch {
	case answer.Status/100 != 2:
		return wholeCall(reqs, answer, reason)
	case err != nil:
		return unread(reqs, answer, err)
	case reason != "":
		return poisoned(len(reqs), reason)
	case said.Data != nil && said.Data.Processed != nil && *said.Data.Processed < len(reqs):
		return poisoned(len(reqs), fmt.Sprintf("%d of %d conversions were processed", *said.Data.Processed, len(reqs)))
	}
	return all(len(reqs), Verdict{Outcome: Delivered, Reason: "status 200"})
}
