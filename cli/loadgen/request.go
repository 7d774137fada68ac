package loadgen

import (
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/valyala/fasthttp"
)

func post(request *fasthttp.Request, uri, contentType string, body []byte) {
	request.SetRequestURI(uri)
	request.SetHost("tributary")
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType(contentType)
	request.SetBodyRaw(body)
}

// linkRequest is what a visitor's browser sends through a balancer.
func (w *worker) linkRequest(request *fasthttp.Request, c *Click) {
	values := url.Values{"source": {c.Source.Name}}
	for i, sub := range c.Subs {
		if sub != "" {
			values.Set("sub"+strconv.Itoa(i+1), sub)
		}
	}
	for name, value := range map[string]string{"external_id": c.ExternalID, "keyword": c.Keyword, "creative": c.Creative, "cost": c.Cost, "currency": c.Currency} {
		if value != "" {
			values.Set(name, value)
		}
	}
	visit(request, "/c/"+c.Campaign.Name+"?"+values.Encode(), c.IP, c.UserAgent, c.Language)
}

// appendClick writes the body of POST /v1/clicks.
func appendClick(dst []byte, c *Click) []byte {
	body := struct {
		Campaign   string   `json:"campaign"`
		Source     string   `json:"source"`
		Subs       []string `json:"subs,omitempty"`
		Cost       string   `json:"cost,omitempty"`
		Currency   string   `json:"currency,omitempty"`
		ClickID    string   `json:"click_id"`
		EventMS    int64    `json:"event_ms"`
		IP         string   `json:"ip"`
		UserAgent  string   `json:"user_agent"`
		Language   string   `json:"language,omitempty"`
		ExternalID string   `json:"external_id,omitempty"`
		Keyword    string   `json:"keyword,omitempty"`
		Creative   string   `json:"creative,omitempty"`
	}{c.Campaign.Name, c.Source.Name, c.Subs, c.Cost, c.Currency, c.ID, c.EventMS, c.IP, c.UserAgent, c.Language, c.ExternalID, c.Keyword, c.Creative}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return append(dst, text...)
}

// postbackQuery writes a genuine postback.
func postbackQuery(p *Postback, eventMS int64) string {
	clickID := p.ClickID
	if clickID == "" {
		clickID = p.Click.ID
	}
	values := url.Values{"network": {p.Network}, "click_id": {clickID}, "event": {p.Event}, "ts": {strconv.FormatInt(eventMS, 10)}}
	for name, value := range map[string]string{"status": p.Word, "payout": p.Payout, "currency": p.Currency, "txid": p.TxID} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values.Encode()
}
