package clickhouse

import (
	"testing"

	"go.uber.org/goleak"

	"tributary/schemas"
	"tributary/schemas/events"
)

func TestEveryTopicLandsOnce(t *testing.T) {
	p := newPipeline(t, 3)
	clicks, conversions := newEvents(1, 5000, 400)
	p.produceEvents(clicks, conversions)
	p.produce(schemas.TopicAnomalies, &events.Anomaly{AnomalyId: "a1", Reason: &events.Reason{Code: schemas.SignalUABot, Observed: 1, Expected: 0.5, N: 3, Llr: -1, Points: 60, Baseline: 9}, Subject: "click", ClickId: clicks[0].ClickId, CampaignId: 1, Campaign: "summer", SourceId: 1, Source: "source1", EventMs: baseMS, ReceivedMs: baseMS, Score: 60})
	p.produce(schemas.TopicDeadLetters, &events.DeadLetter{LetterId: "l1", Kind: events.DeadLetter_KIND_POSTBACK, Reason: string(schemas.RejectBadPayout), Detail: "payout is x", Place: "ingest", ReceivedMs: baseMS, Raw: []byte("GET /postback?payout=x\n\n"), Network: "acme", PayoutMicros: 5, SourceOffset: -1})
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	p.awaitRows("anomalies", 1)
	p.awaitRows("dead_letters", 1)
	if err := r.loader.Ready(); err != nil {
		t.Error(err)
	}
	r.end(t)
	p.check(clicks, conversions)
}

// TestNothingIsLeftRunning: a loader that has ended has no goroutine, and its metrics can be registered again.
func TestNothingIsLeftRunning(t *testing.T) {
	p := newPipeline(t, 2)
	clicks, _ := newEvents(1, 100, 0)
	p.produceEvents(clicks, nil)
	p.awaitRows("clicks", 0)
	before := goleak.IgnoreCurrent()
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	r.end(t)
	if len(r.loader.metrics.registered) != 0 {
		t.Error("metrics are still registered")
	}
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*Cluster).run"), goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*group).manage"))
}
