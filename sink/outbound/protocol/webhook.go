package protocol

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tributary/catalog/destination"
	"tributary/schemas/events"
)

// webhook is JSON that is signed as the Standard Webhooks specification says. Its ID is the request's, so that a receiver can tell a try from a
// second conversion; while a key is rotated it has a signature of each.
type webhook struct{}

type webhookPayload struct {
	Type string `json:"type"`
	// Timestamp is when it was decided.
	Timestamp string      `json:"timestamp"`
	Data      webhookData `json:"data"`
}

type webhookData struct {
	RequestID string `json:"request_id"`
	// FirstRequestID is the request that told the conversion that this one restates or retracts.
	FirstRequestID string       `json:"first_request_id,omitempty"`
	ConversionID   string       `json:"conversion_id"`
	Seq            uint32       `json:"seq"`
	ClickID        string       `json:"click_id,omitempty"`
	ExternalID     string       `json:"external_id,omitempty"`
	TxID           string       `json:"txid,omitempty"`
	Event          string       `json:"event"`
	EventType      string       `json:"event_type,omitempty"`
	Status         string       `json:"status"`
	Payout         *json.Number `json:"payout,omitempty"`
	Currency       string       `json:"currency,omitempty"`
	EventMS        int64        `json:"event_ms"`
	ClickMS        int64        `json:"click_ms,omitempty"`
	Campaign       string       `json:"campaign,omitempty"`
	Source         string       `json:"source,omitempty"`
	Offer          string       `json:"offer,omitempty"`
	Network        string       `json:"network,omitempty"`
	Country        string       `json:"country,omitempty"`
}

func (webhook) Group(_ *destination.Destination, req *events.OutboundRequest) string {
	return req.GetRequestId()
}

func (webhook) Call(d *destination.Destination, reqs []*events.OutboundRequest, now time.Time) (*Call, error) {
	if err := single(d, reqs); err != nil {
		return nil, err
	}
	req := reqs[0]
	v := req.GetValues()
	word := destination.ToldWord(req.GetTold())
	if word == "" {
		return nil, fmt.Errorf("request %s: it does not say what is told", req.GetRequestId())
	}
	payload := webhookPayload{
		Type: "conversion." + word, Timestamp: time.UnixMilli(req.GetDecidedMs()).UTC().Format("2006-01-02T15:04:05.000Z"),
		Data: webhookData{
			RequestID: req.GetRequestId(), FirstRequestID: req.GetFirstRequestId(), ConversionID: req.GetConversionId(), Seq: req.GetSeq(),
			ClickID: req.GetClickId(), ExternalID: v["external_id"], TxID: v["txid"], Event: req.GetEvent(), EventType: v["event_type"], Status: or(req.GetStatusWord(), v["status"]),
			Payout: amount(factOf(d, req)), Currency: currencyOf(factOf(d, req)), EventMS: req.GetEventMs(), ClickMS: req.GetClickMs(),
			Campaign: req.GetCampaign(), Source: req.GetSource(), Offer: v["offer"], Network: v["network"], Country: v["country"],
		},
	}
	full, masked := d.Created.URL(v)
	call, err := post(full, masked, AccessNone, payload)
	if err != nil {
		return nil, err
	}
	call.Method = d.Created.Method
	d.Created.Headers(call.Header, v)
	return call, sign(call, req.GetRequestId(), now, secrets(d, "signing"))
}

// sign adds the headers of the specification: ID, time, and a signature under each key, blanks between them.
func sign(call *Call, id string, now time.Time, keys []string) error {
	signatures := make([]string, 0, len(keys))
	for _, key := range keys {
		signer, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			return fmt.Errorf("a key that signs is not whsec_ and base64") // the library's error has the key
		}
		signature, err := signer.Sign(id, now, call.Body)
		if err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	if len(signatures) == 0 {
		return fmt.Errorf("no key that signs is declared")
	}
	call.Header[http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookID)] = []string{id}
	call.Header[http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookTimestamp)] = []string{strconv.FormatInt(now.Unix(), 10)}
	call.Header[http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookSignature)] = []string{strings.Join(signatures, " ")}
	return nil
}

func (webhook) Judge(d *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	return all(len(reqs), byRules(&d.Success, answer))
}
