package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bojanz/currency"

	"tributary/catalog/destination"
	"tributary/catalog/money"
	"tributary/schemas"
	"tributary/schemas/events"
)

// userAgent names the deliverer: some platforms slow the default ones of libraries down.
const userAgent = "tributary-outbound/1"

// post returns a call with a JSON body.
func post(url, masked string, access Access, body any) (*Call, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("write the payload: %w", err)
	}
	return &Call{
		Method: http.MethodPost, URL: url, Masked: masked, Access: access, Body: bytes.TrimSuffix(text.Bytes(), []byte("\n")),
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {userAgent}},
	}, nil
}

// amount is what req tells as a decimal number, exact to the micro; nil where it tells none.
func amount(req fact) *json.Number {
	if !req.GetHasAmount() {
		return nil
	}
	n := json.Number(money.Append(nil, req.GetAmountMicros()))
	return &n
}

// currencyOf is the currency of the amount, empty without one.
func currencyOf(req fact) string {
	if !req.GetHasAmount() {
		return ""
	}
	return req.GetCurrency()
}

// minorAmount is the amount in the currency's least units (cents), rounded half to even.
func minorAmount(req fact) *int64 {
	if !req.GetHasAmount() {
		return nil
	}
	digits, ok := currency.GetDigits(req.GetCurrency())
	if !ok || digits > 6 {
		digits = 2
	}
	unit := int64(schemas.Micros)
	for range digits {
		unit /= 10
	}
	micros := req.GetAmountMicros()
	whole, rest := micros/unit, micros%unit
	if rest < 0 {
		whole, rest = whole-1, rest+unit
	}
	if 2*rest > unit || 2*rest == unit && whole%2 != 0 {
		whole++
	}
	return &whole
}

// toldID is the ID under which the platform knows a conversion: that of the request that told it first, so that what restates it meets it.
// A deployment whose page tells the same event by a pixel says its ID in the field event_id.
func toldID(req fact) string {
	if id := req.value("event_id"); id != "" {
		return id
	}
	if id := req.GetFirstRequestId(); id != "" {
		return id
	}
	return req.GetRequestId()
}

// list wraps a value that is not empty, as several platforms want identifiers.
func list(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

func eventTime(req fact) time.Time { return time.UnixMilli(req.GetEventMs()).UTC() }

// createdOnly is the error for what the platform cannot be told after a conversion.
func createdOnly(platform string, req fact) error {
	if told := req.GetTold(); told != events.OutboundRequest_TOLD_CREATED {
		return fmt.Errorf("request %s: %s takes no %s of a conversion that was told", req.GetRequestId(), platform, toldWord(told))
	}
	return nil
}

func toldWord(told events.OutboundRequest_Told) string {
	switch told {
	case events.OutboundRequest_TOLD_RESTATED:
		return "restatement"
	case events.OutboundRequest_TOLD_RETRACTED:
		return "retraction"
	}
	return "kind " + strconv.Itoa(int(told))
}

// base is the address of the platform's API: its own, or that of a sandbox or a stand-in, without a slash at its end.
func base(d *destination.Destination) string { return strings.TrimRight(setting(d, "base_url"), "/") }

// digitsOnly tells whether text is a number.
func digitsOnly(text string) bool { return text != "" && digitsOf(text) == text }
