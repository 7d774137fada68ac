package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"tributary/deploy/receipts"
	"tributary/ingest"
	"tributary/schemas/id"
)

// receiptEvery is the pause between two questions to the edge about a receipt: it answers few a second.
const receiptEvery = 200 * time.Millisecond

// askEdge asks the edge what became of a receipt until it is decided, as the network can. An edge that looks up no receipts is
// none to ask: then nothing is noted.
func (r *run) askEdge(ctx context.Context, receipt string) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	tick := time.NewTicker(receiptEvery)
	defer tick.Stop()
	for {
		found, off := r.o.lookUp(ctx, receipt)
		if off {
			return
		}
		if found != nil && found.Final() {
			r.table.add(stepReceipt, time.Now(), r.table.sent, found.State+", at "+r.o.Edge+"/v1/receipts/"+receipt)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lookUp asks once. off: this edge looks up no receipts.
func (o *Options) lookUp(ctx context.Context, receipt string) (found *ingest.Receipt, off bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.Edge+"/v1/receipts/"+receipt, nil)
	if err != nil {
		return nil, true
	}
	response, err := o.Client.Do(request)
	if err != nil {
		return nil, ctx.Err() == nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return nil, true
	}
	if response.StatusCode != http.StatusOK {
		var parsed struct {
			Error struct {
				Reason string `json:"reason"`
			} `json:"error"`
		}
		return nil, json.Unmarshal(body, &parsed) != nil || parsed.Error.Reason == "receipts_off" || parsed.Error.Reason == "not_found"
	}
	found = &ingest.Receipt{}
	if json.Unmarshal(body, found) != nil {
		return nil, true
	}
	return found, false
}

// fate says in a line what ClickHouse knows of a receipt, empty when that is nothing.
func (o *Options) fate(ctx context.Context, text string) string {
	receipt, err := id.ParseReceipt(text)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	found, err := receipts.NewReader(o.ClickHouse, o.Database).Find(ctx, receipt)
	if err != nil || found == nil {
		return ""
	}
	line := fmt.Sprintf("receipt %s: %s since %s", text, found.State, found.DecidedAt)
	if found.Reason != "" {
		line += fmt.Sprintf(", %s: %s", found.Reason, found.Detail)
	}
	if found.WaitsUntil != "" {
		line += ", waits until " + found.WaitsUntil
	}
	if found.WhatToDo != "" {
		line += "; what to do: " + found.WhatToDo
	}
	return line
}
