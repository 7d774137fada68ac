package wiring_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/scram"

	"tributary/cli/verify"
	"tributary/deploy/config"
	"tributary/deploy/meaning"
	"tributary/deploy/wiring"
	"tributary/processor/stage"
)

// audit runs the auditor with what the configuration in the file says.
func (u *up) audit(dir, file string) *verify.Report {
	u.t.Helper()
	c := &u.config
	login, err := scram.Mechanism(scram.SHA256, c.Kafka.SASL.Username, c.Kafka.SASL.Password)
	if err != nil {
		u.t.Fatal(err)
	}
	server, err := wiring.ClickHouseOptions(c.ClickHouse)
	if err != nil {
		u.t.Fatal(err)
	}
	conn, err := clickhouse.Open(server)
	if err != nil {
		u.t.Fatal(err)
	}
	defer conn.Close()
	kept, err := meaning.ReadFile(dir)
	if err != nil {
		u.t.Fatal(err)
	}
	loaded, err := config.Load(config.Sources{File: file, Sections: []string{}})
	if err != nil {
		u.t.Fatal(err)
	}
	report, err := verify.Run(u.t.Context(), verify.Options{
		Brokers: c.Kafka.Brokers, Transport: &kafkago.Transport{SASL: login}, TopicPrefix: c.Kafka.TopicPrefix,
		ProcessorGroup: c.Processor.Group, SinkGroup: c.Sink.Group, ClickHouse: conn, Database: c.ClickHouse.Database,
		Grace: c.Processor.Grace, Wait: time.Minute, Tables: stage.Tables(), Meaning: meaning.Of(loaded), Kept: kept,
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return report
}

// The auditor finds a configuration that does not fit the data, stores that do not agree, and amounts of two base
// currencies, which data have from before a change was refused.
func TestAuditOfTheMeaning(t *testing.T) {
	dir, c := t.TempDir(), newOwnCatalog(t)
	u := start(t, dir, c.file)
	defer u.end()
	_, clickID := u.click("summer")
	if got := u.postback(clickID, "t1"); got != "accepted" {
		t.Fatalf("postback: %s", got)
	}
	eventually(t, "figures", func() (bool, string) { got := u.query(figures); return got == "1,1,11", got })
	if report := u.audit(dir, c.file); !report.OK() {
		t.Errorf("differences of nothing: %v", report.Differences)
	}
	holds := func(report *verify.Report, wants ...string) {
		t.Helper()
		var lines []string
		for _, d := range report.Differences {
			lines = append(lines, d.String())
		}
		all := strings.Join(lines, "\n")
		if len(lines) != len(wants) {
			t.Errorf("%d differences, want %d", len(lines), len(wants))
		}
		for _, want := range wants {
			if !strings.Contains(all, want) {
				t.Errorf("no %q in\n%s", want, all)
			}
		}
	}
	// The configuration says otherwise, which the running `up` refuses.
	c.inEuro()
	holds(u.audit(dir, c.file), "table installation: catalog.base_currency: is EUR", "data_dir, installation.json: catalog.base_currency: is EUR")
	// The tables are in another base currency than the rest.
	u.query("INSERT INTO tributary.installation SELECT 'base_currency', 'EUR', now64(3, 'UTC') + 1")
	holds(u.audit(dir, c.file), "data_dir, installation.json: ", "table installation: its base currency is EUR, that of data_dir (installation.json) is USD",
		"table conversions: 1 row in EUR, the base currency, with another payout than payout_original",
		"table postbacks: 1 row in EUR, the base currency, with another payout than payout_original")
}
