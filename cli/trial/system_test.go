package trial_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog"
	"tributary/cli/loadgen"
	"tributary/cli/misuse"
	"tributary/cli/trial"
	"tributary/scripts/pipeline"
)

type report struct {
	OK        bool
	ClickID   string `json:"click_id"`
	ReceiptID string `json:"receipt_id"`
	Error     string
	LookAt    string `json:"look_at"`
	Ready     []string
	Steps     []struct {
		Step    string
		AfterMS float64 `json:"after_ms"`
	}
}

// A person tries every kind of network on a running system: it says what happened, and leaves no money behind.
func TestTrialOfTheWholeSystem(t *testing.T) {
	cfg := catalog.Config{
		BaseCurrency: "USD",
		ClickIDKeys:  catalog.KeysConfig{Active: 1, Keys: map[int]catalog.Secret{1: "a secret of the tests, 32 bytes."}},
		Offers:       []catalog.OfferConfig{{ID: 1, Name: "offer", URL: "https://offer.example/?s={click_id}", Payout: "7"}},
		Campaigns:    []catalog.CampaignConfig{{ID: 1, Name: "summer", Offers: []string{"offer"}, Cost: "0.02"}},
		Networks: []catalog.NetworkConfig{
			{Name: "plain"},
			{Name: "keitaro", Dialect: "keitaro", Trust: catalog.TrustConfig{Tokens: map[string]catalog.Secret{"a": "a token of the tests"}}},
			{Name: "signed", Dialect: "affise", Trust: catalog.TrustConfig{HMACKeys: map[string]catalog.Secret{"2026": "00112233445566778899aabbccddeeff"}}},
			{Name: "funnelflux", Dialect: "funnelflux"},
			{Name: "tune", Dialect: "tune"},
			{Name: "voluum", Dialect: "voluum"},
			{Name: "refunds", NegativePayout: "correct", Params: map[string]string{"state": "status"}},
			{Name: "fluxrefunds", Dialect: "funnelflux", NegativePayout: "correct"},
		},
	}
	built, err := catalog.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := pipeline.Start(t, pipeline.Options{Scenario: loadgen.DefaultScenario(time.Now()), Partitions: 2, Grace: time.Second})
	s.Edge.SetCatalog(built)
	edge := "http://" + s.Edge.Addr().String()
	options := func(network string) trial.Options {
		return trial.Options{Edge: edge, Client: &http.Client{}, Kafka: []kgo.Opt{kgo.SeedBrokers(s.Brokers...)}, TopicPrefix: s.Prefix, ClickHouse: s.ClickHouse,
			Database: s.Database, Config: cfg, Catalog: built, Network: network, Campaign: "summer", Payout: "1.00", Timeout: time.Minute, JSON: true,
			Ready: []trial.Ready{{Name: "edge", URL: edge + "/readyz"}}}
	}
	try := func(o trial.Options) (report, error) {
		t.Helper()
		var out bytes.Buffer
		o.Out = &out
		err := trial.Run(t.Context(), o)
		var r report
		if out.Len() > 0 {
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatalf("%v: %s", err, out.String())
			}
		}
		return r, err
	}
	for _, network := range []string{"plain", "keitaro", "signed", "funnelflux"} {
		r, err := try(options(network))
		if err != nil || !r.OK || len(r.Steps) != 11 || r.ReceiptID == "" || len(r.ClickID) != 40 {
			t.Errorf("%s: %v, %+v", network, err, r)
			continue
		}
		for i, step := range r.Steps {
			if step.AfterMS < 0 || i > 0 && step.AfterMS < r.Steps[i-1].AfterMS {
				t.Errorf("%s: step %s comes after %v ms", network, step.Step, step.AfterMS)
			}
		}
	}
	// A click that is there already, and a conversion that stays.
	o := options("plain")
	first, err := try(o)
	if err != nil {
		t.Fatal(err)
	}
	o.ClickID, o.Keep, o.Payout = strings.ToUpper(first.ClickID), true, "2.50"
	if r, err := try(o); err != nil || len(r.Steps) != 5 || r.ClickID != first.ClickID {
		t.Errorf("with a click ID: %v, %+v", err, r)
	}
	// Nothing can be said of a status: nothing is sent unless the conversion may stay.
	if _, err := try(options("voluum")); !misuse.Is(err) || !strings.Contains(err.Error(), "right would be --keep") {
		t.Errorf("voluum: %v", err)
	}
	// TUNE's postbacks have a status, and its answer no receipt.
	if r, err := try(options("tune")); err != nil || !r.OK {
		t.Errorf("tune: %v, %+v", err, r)
	}
	o = options("voluum")
	o.Keep, o.Payout = true, "0"
	if _, err := try(o); err != nil {
		t.Errorf("voluum, kept: %v", err)
	}
	// A correction is followed like a conversion, and taken back by a status: FunnelFlux's own word for that is about the conversion.
	o = options("refunds")
	o.Payout = "-5"
	if r, err := try(o); err != nil || !r.OK || len(r.Steps) != 11 {
		t.Errorf("a correction: %v, %+v", err, r)
	}
	var corrections, others int64
	if err := s.ClickHouse.QueryRow(t.Context(), fmt.Sprintf("SELECT toInt64(countIf(correction)), toInt64(countIf(NOT correction)) FROM %s.conversions_current WHERE network = 'refunds'", s.Database)).
		Scan(&corrections, &others); err != nil || corrections != 1 || others != 0 {
		t.Errorf("%d corrections and %d conversions, %v", corrections, others, err)
	}
	o = options("fluxrefunds")
	o.Payout = "-5"
	if _, err := try(o); !misuse.Is(err) {
		t.Errorf("a correction that cannot be taken back: %v", err)
	}
	// TUNE is answered in its own words, whatever comes of it: the dead letter tells.
	o = options("tune")
	o.Keep, o.Event = true, "no event type!"
	if r, err := try(o); !errors.Is(err, trial.ErrRefused) || !strings.Contains(r.Error, "bad_event") {
		t.Errorf("tune, refused: %v, %+v", err, r)
	}
	// What the edge refuses is told as it is.
	o = options("plain")
	o.Status = "nonsense"
	if r, err := try(o); !errors.Is(err, trial.ErrRefused) || !strings.Contains(r.Error, "unknown_status") {
		t.Errorf("refused: %v, %+v", err, r)
	}
	for flag, change := range map[string]func(*trial.Options){
		"network": func(o *trial.Options) { o.Network = "none" }, "campaign": func(o *trial.Options) { o.Campaign = "none" }, "timeout": func(o *trial.Options) { o.Timeout = 0 },
	} {
		o := options("plain")
		change(&o)
		if _, err := try(o); !misuse.Is(err) || !strings.Contains(err.Error(), "right would be") && flag != "network" {
			t.Errorf("%s: %v", flag, err)
		}
	}
	// A row that never comes is named, with what to look at: this database does not exist.
	o = options("plain")
	o.Database, o.Timeout = "nowhere", 2*time.Second
	if r, err := try(o); !errors.Is(err, trial.ErrStuck) || !strings.Contains(r.LookAt, "the sink and ClickHouse") || len(r.Ready) != 1 || !strings.Contains(r.Ready[0], "200") {
		t.Errorf("stuck: %v, %+v", err, r)
	}

	var conversions, rejected int64
	var money string
	pipeline.Await(t, time.Minute, "the money of the trials to be gone", func() error {
		row := s.ClickHouse.QueryRow(t.Context(), "SELECT conversions, rejected, concat(toString(revenue), ' ', toString(cost)) FROM tributary.epc_roi_by_source WHERE source = ?", trial.Source)
		if err := row.Scan(&conversions, &rejected, &money); err != nil {
			return err
		}
		if money != "2.5 0" || conversions != 2 || rejected != 7 {
			return fmt.Errorf("%d conversions, %d rejected, %s", conversions, rejected, money)
		}
		return nil
	})
}
