package wiring_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tributary/deploy"
	"tributary/ingest"
	"tributary/schemas/id"
)

// ask sends a request to the edge and reads its JSON answer.
func (u *up) ask(method, path, body string, into any) (int, http.Header) {
	u.t.Helper()
	request, err := http.NewRequest(method, "http://"+u.edge+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		u.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		u.t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
	return response.StatusCode, response.Header
}

// receiptOf sends a postback and answers its receipt.
func (u *up) receiptOf(parameters url.Values) string {
	u.t.Helper()
	var answer struct {
		Receipt string `json:"receipt_id"`
	}
	code, _ := u.ask(http.MethodGet, "/postback?"+parameters.Encode(), "", &answer)
	if answer.Receipt == "" {
		u.t.Fatalf("a postback without a receipt: %d", code)
	}
	return answer.Receipt
}

// becomes waits until a receipt is in a state, and shows how long after the decision that was seen.
func (u *up) becomes(receipt, state, reason string) ingest.Receipt {
	u.t.Helper()
	var got ingest.Receipt
	eventually(u.t, "receipt in state "+state, func() (bool, string) {
		got = ingest.Receipt{}
		code, _ := u.ask(http.MethodGet, "/v1/receipts/"+receipt, "", &got)
		return code == http.StatusOK && got.State == state, fmt.Sprintf("%d %+v", code, got)
	})
	decided, err := time.Parse(time.RFC3339, got.DecidedAt)
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Logf("%s: answered %s after the decision", state, time.Since(decided).Round(time.Millisecond))
	if string(got.Reason) != reason || got.ReceiptID != receipt {
		u.t.Errorf("%s: %+v, want reason %q", state, got, reason)
	}
	return got
}

// TestReceipts follows postbacks of every fate to the answer that their senders get.
func TestReceipts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	_, catalog, _ := strings.Cut(string(deploy.ExampleConfig), "\ncatalog:")
	catalog = strings.Replace(catalog, "    - name: acme\n", "    - {name: legacy, currency: USD, allow_foreign_click_ids: true}\n    - name: acme\n", 1)
	if err := os.WriteFile(file, []byte("processor: {grace: 15s}\ncatalog:"+catalog), 0o600); err != nil {
		t.Fatal(err)
	}
	u := start(t, t.TempDir(), file)
	defer u.end()

	// The one that waits longest goes first.
	orphan := u.receiptOf(url.Values{"network": {"legacy"}, "click_id": {"of-another-tracker"}, "payout": {"3"}, "txid": {"o1"}})

	_, click := u.click("summer")
	joined := u.receiptOf(url.Values{"network": {"acme"}, "click_id": {click}, "status": {"hold"}, "payout": {"12.50"}, "txid": {"t1"}})
	first := u.becomes(joined, ingest.ReceiptJoined, "")
	if c := first.Conversion; c == nil || c.Entry != "created" || c.Status != "pending" || c.Payout != "12.50" || c.Currency != "EUR" || c.Seq != 1 || c.Match != "click" || len(c.ConversionID) != 32 {
		t.Errorf("joined: %+v", first.Conversion)
	}
	changed := u.receiptOf(url.Values{"network": {"acme"}, "click_id": {click}, "status": {"ok"}, "payout": {"12.50"}, "txid": {"t1"}})
	if c := u.becomes(changed, ingest.ReceiptJoined, "").Conversion; c == nil || c.Entry != "status" || c.Status != "approved" || c.Seq != 2 || c.ConversionID != first.Conversion.ConversionID {
		t.Errorf("a changed status: %+v", c)
	}
	again := u.receiptOf(url.Values{"network": {"acme"}, "click_id": {click}, "status": {"ok"}, "payout": {"12.50"}, "txid": {"t1"}})
	u.becomes(again, ingest.ReceiptDuplicate, "duplicate_postback")
	stale := u.receiptOf(url.Values{"network": {"acme"}, "click_id": {click}, "status": {"hold"}, "payout": {"12.50"}, "txid": {"t1"}})
	u.becomes(stale, ingest.ReceiptRejected, "stale_status")
	bad := u.receiptOf(url.Values{"network": {"acme"}, "click_id": {click}, "payout": {"abc"}, "txid": {"t2"}})
	if got := u.becomes(bad, ingest.ReceiptRejected, "bad_payout"); got.History[0].Place != "ingest" || got.Detail == "" || got.WhatToDo == "" {
		t.Errorf("refused by the edge: %+v", got)
	}

	early := u.mint()
	waiting := u.receiptOf(url.Values{"network": {"acme"}, "click_id": {early}, "payout": {"10"}, "txid": {"t3"}})
	if got := u.becomes(waiting, ingest.ReceiptParked, ""); got.WaitsUntil <= got.DecidedAt {
		t.Errorf("parked: %+v", got)
	}
	var answer json.RawMessage
	if code, _ := u.ask(http.MethodPost, "/v1/clicks", `{"campaign":"summer","source":"pushads","click_id":"`+early+`"}`, &answer); code != http.StatusOK {
		t.Fatalf("the late click: %d %s", code, answer)
	}
	if got := u.becomes(waiting, ingest.ReceiptJoined, ""); len(got.History) != 3 || got.Conversion.Match != "click" {
		t.Errorf("parked and joined: %+v", got)
	}
	if got := u.becomes(orphan, ingest.ReceiptOrphan, "orphan"); len(got.History) != 3 {
		t.Errorf("orphan: %+v", got)
	}

	var refused struct {
		Error struct{ Reason, Detail string } `json:"error"`
	}
	unseen := id.NewMinter().Receipt(time.Now().UnixMilli()).String()
	if code, header := u.ask(http.MethodGet, "/v1/receipts/"+unseen, "", &refused); code != http.StatusNotFound || refused.Error.Reason != "receipt_unknown" || header.Get("Retry-After") != "1" {
		t.Errorf("a receipt that nobody gave: %d %+v", code, refused)
	}
}

// mint makes a click ID as this edge would.
func (u *up) mint() string {
	u.t.Helper()
	keys := u.config.Catalog.ClickIDKeys
	secret, err := hex.DecodeString(string(keys.Keys[keys.Active]))
	if err != nil {
		u.t.Fatal(err)
	}
	ring, err := id.NewKeyring(uint8(keys.Active), map[uint8][]byte{uint8(keys.Active): secret})
	if err != nil {
		u.t.Fatal(err)
	}
	return id.NewMinter().Click(ring, time.Now().UnixMilli(), 1, 1).String()
}
