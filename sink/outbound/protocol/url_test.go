package protocol

import (
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tributary/catalog/destination"
	"tributary/catalog/trust"
	"tributary/schemas/events"
)

// TestURL makes calls of templates: GET, form and JSON.
func TestURL(t *testing.T) {
	for name, c := range map[string]destination.Config{
		"get": {Template: "get", URL: "https://source.example/p/{click_id}?id={external_id}&v={payout?}&t={key}", Secrets: map[string]trust.Secret{"key": "topSecret"}},
		"form": {Template: "post", URL: "https://source.example/postback", Body: "id={external_id}&sum={payout}&note={txid}",
			Headers: map[string]string{"Authorization": "Bearer {key}"}, Secrets: map[string]trust.Secret{"key": "topSecret"}, RetractURL: "https://source.example/undo?id={external_id}"},
		"json":     {Template: "post", URL: "https://source.example/postback", Body: `{"id":"{external_id}","sum":{payout},"note":"{txid}"}`},
		"exoclick": {Template: "exoclick", Params: map[string]string{"goal": "0123456789abcdef0123456789ABCDEF"}},
	} {
		c.Name = name
		d := build(t, c)
		req := conversion(0, "ftd", created)
		req.Values["external_id"], req.Values["payout"], req.Values["click_id"] = `a/../b?&"=`, "12.5", "../../etc"
		call, err := byURL{}.Call(d, []*events.OutboundRequest{req}, time.Time{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden(t, "url."+name+".golden", append(written(call), "masked: "+call.Masked+"\n"...))
		if host := strings.SplitN(call.URL, "/", 4)[2]; host != d.Created.Host || strings.Contains(call.Masked, "Secret") {
			t.Errorf("%s: host %s, shown as %s", name, host, call.Masked)
		}
	}
	d := build(t, destination.Config{Template: "get", URL: "https://source.example/?id={external_id}"})
	if _, err := (byURL{}).Call(d, some(1, "x")[:1], time.Time{}); err != nil {
		t.Error(err)
	}
	if _, err := (byURL{}).Call(d, []*events.OutboundRequest{conversion(0, "x", retracted)}, time.Time{}); err == nil || !strings.Contains(err.Error(), "no URL for a retraction") {
		t.Errorf("a retraction without a URL: %v", err)
	}
	if _, err := (byURL{}).Call(d, some(2, "x"), time.Time{}); err == nil {
		t.Error("two conversions in one URL")
	}
}

const (
	oldKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newKey = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// TestWebhook is signed, and by both keys while one takes over: a receiver that has either takes it.
func TestWebhook(t *testing.T) {
	d := build(t, destination.Config{Template: "webhook", URL: "https://advertiser.example/hook", Secrets: map[string]trust.Secret{"signing": oldKey, "signing_next": newKey}})
	req := conversion(0, "ftd", created)
	now := time.Now()
	call, err := webhook{}.Call(d, []*events.OutboundRequest{req}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{oldKey, newKey} {
		receiver, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := receiver.Verify(call.Body, call.Header); err != nil {
			t.Errorf("a receiver with the key %s: %v", key, err)
		}
		if err := receiver.Verify(append(call.Body[:len(call.Body):len(call.Body)], ' '), call.Header); err == nil {
			t.Error("another body is taken")
		}
	}
	if id := call.Header.Get("webhook-id"); id != req.RequestId {
		t.Errorf("the ID is %s", id)
	}
	if len(call.Body) > 20<<10 {
		t.Errorf("%d bytes, more than the specification's 20 KB", len(call.Body))
	}
	again, err := webhook{}.Call(d, []*events.OutboundRequest{req}, now.Add(time.Hour))
	if err != nil || string(again.Body) != string(call.Body) || again.Header.Get("webhook-id") != req.RequestId {
		t.Error("another try has another body or ID")
	}
	for _, h := range []string{"Webhook-Signature", "Webhook-Timestamp"} {
		call.Header.Del(h)
	}
	golden(t, "webhook.created.golden", written(call))
	later, err := webhook{}.Call(d, []*events.OutboundRequest{conversion(0, "ftd", retracted)}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{"Webhook-Signature", "Webhook-Timestamp"} {
		later.Header.Del(h)
	}
	golden(t, "webhook.retracted.golden", written(later))
}

// FuzzURL: whatever a conversion's values are, scheme and host are the declared ones, and the request can be made.
func FuzzURL(f *testing.F) {
	d := build(f, destination.Config{Template: "get", URL: "https://source.example/p/{click_id}?id={external_id}&x={sub1?}", Headers: map[string]string{"X-Sub": "{sub1}"}})
	for _, seed := range []string{"a", "//evil.example", "@evil.example", "..", "\r\nHost: evil.example", "%2e%2e", "?#", "\xff"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, id, sub string) {
		req := conversion(0, "x", created)
		req.Values = map[string]string{"external_id": id, "click_id": id, "sub1": sub}
		call, err := byURL{}.Call(d, []*events.OutboundRequest{req}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		made, err := http.NewRequest(call.Method, call.URL, http.NoBody)
		if err != nil {
			t.Fatalf("%q: %v", call.URL, err)
		}
		if made.URL.Scheme != "https" || made.URL.Host != "source.example" || made.URL.User != nil || made.URL.Fragment != "" {
			t.Fatalf("%q and %q lead to %s", id, sub, made.URL)
		}
		if strings.ContainsAny(call.Header.Get("X-Sub"), "\r\n\x00") {
			t.Fatalf("a header of %q", call.Header.Get("X-Sub"))
		}
	})
}
