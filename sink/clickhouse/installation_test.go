package clickhouse

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func (p *pipeline) installation() *Installation {
	return &Installation{Group: p.config.Group, Database: p.database, TopicPrefix: p.prefix, Kafka: p.kafka, ClickHouse: p.options}
}

// fine checks that nothing is lost, which remembers the tables.
func (p *pipeline) fine() {
	p.t.Helper()
	if lost, err := p.installation().Check(p.t.Context()); err != nil || lost != nil {
		p.t.Fatalf("lost: %v, %v", lost, err)
	}
}

func (p *pipeline) exec(query string) {
	p.t.Helper()
	if err := p.conn.Exec(p.t.Context(), fmt.Sprintf(query, p.database)); err != nil {
		p.t.Fatal(err)
	}
}

// dropped makes the database anew, as a lost folder ends.
func (p *pipeline) dropped() {
	p.t.Helper()
	p.exec("DROP DATABASE %s")
	install(p.t, p.conn, p.database)
}

// TestLostTablesAreFilledAgain: a database made anew under a group's offsets is noticed, and filled from Kafka with each row once.
func TestLostTablesAreFilledAgain(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 3)
	clicks, conversions := newEvents(1, 2000, 200)
	p.fine() // nothing has landed yet: no tables, no loss
	p.produceEvents(clicks[:1500], conversions)
	r := p.start()
	p.awaitRows("clicks", 1500)
	p.awaitRows("conversions", len(conversions))
	r.end(t)
	p.fine()
	p.dropped()
	p.produceEvents(clicks[1500:], nil) // the edge goes on
	for range 2 {                       // asking changes nothing
		lost, err := p.installation().Check(t.Context())
		if err != nil || lost == nil {
			t.Fatalf("lost: %v, %v", lost, err)
		}
		if len(lost.Tables) != 2 || lost.Tables[0].Table != "clicks" || lost.Tables[1].Table != "conversions" {
			t.Fatalf("lost: %+v", lost.Tables)
		}
		c := lost.Tables[0]
		if c.Landed != 1500 || c.Kept != 2000 || c.Gone != 0 || c.Oldest.IsZero() || c.Was == "" || c.Is == "" || c.Was == c.Is {
			t.Errorf("clicks: %+v", c)
		}
		if text := lost.Error(); !strings.Contains(text, "clicks, conversions") || !strings.Contains(text, "tributary recover clickhouse") {
			t.Error(text)
		}
	}
	lost, err := p.installation().Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.installation().Refill(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	p.fine()
	if left, err := p.installation().Behind(t.Context(), lost); err != nil || left != 1500+200 {
		t.Errorf("%d are behind, %v", left, err)
	}
	r = p.start()
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	await(t, "everything is confirmed", func() bool {
		left, err := p.installation().Behind(t.Context(), lost)
		return err == nil && left == 0
	})
	r.end(t)
	p.check(clicks, conversions)
}

// TestALossThatIsAccepted: the tables stay without what they had, and what comes lands.
func TestALossThatIsAccepted(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 2)
	clicks, _ := newEvents(1, 300, 0)
	p.produceEvents(clicks[:200], nil)
	r := p.start()
	p.awaitRows("clicks", 200)
	if _, err := p.installation().Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.end(t)
	p.dropped()
	lost := p.lost()
	if err := p.installation().Accept(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	p.fine()
	p.produceEvents(clicks[200:], nil)
	r = p.start()
	p.awaitRows("clicks", 100)
	r.end(t)
	p.check(clicks[200:], nil)
}

// TestRefillRefusesHalves: days that are summed in the archive would count twice, and loaders at work would go on where they are.
func TestRefillRefusesHalves(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	clicks, _ := newEvents(1, 100, 0)
	p.produceEvents(clicks, nil)
	p.fine()
	r := p.start()
	p.awaitRows("clicks", 100)
	await(t, "everything is confirmed", func() bool {
		l := &LostTables{Tables: []LostTable{{Topic: Topics[0]}}}
		err := p.installation().offsets(t.Context(), kadm.NewClient(p.producer), l)
		return err == nil && l.Tables[0].Landed == 100
	})
	lost := &LostTables{Database: p.database, Tables: []LostTable{{Topic: Topics[0], Table: "clicks"}}}
	if err := p.installation().Refill(t.Context(), lost); !errors.Is(err, ErrLoaders) {
		t.Errorf("with a loader at work: %v", err)
	}
	r.end(t)
	create := p.text("SELECT create_table_query FROM system.tables WHERE database = '%s' AND name = 'clicks'")
	p.exec("DROP TABLE %s.clicks")
	if err := p.conn.Exec(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	lost, err := p.installation().Check(t.Context())
	if err != nil || lost == nil || len(lost.Archived) != 0 {
		t.Fatalf("lost: %+v, %v", lost, err)
	}
	p.exec("INSERT INTO %s.archive_quarter (ledger_day, clicks) VALUES (today() + 1, 100)")
	lost, err = p.installation().Check(t.Context())
	if err != nil || lost == nil || len(lost.Archived) != 1 {
		t.Fatalf("lost: %+v, %v", lost, err)
	}
	if err := p.installation().Refill(t.Context(), lost); !errors.Is(err, ErrArchived) {
		t.Errorf("with an archive: %v", err)
	}
}

// TestATableWithoutItsRowsIsLost: the folder of one table is lost, and the engine makes an empty one under the same definition, with the
// same UUID. What is decided of it, filling or acceptance, is not asked again.
func TestATableWithoutItsRowsIsLost(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 2)
	clicks, conversions := newEvents(1, 300, 100)
	p.produceEvents(clicks[:200], conversions)
	p.fine()
	// Of impressions none can be decoded: they are letters, and the table is rightly empty.
	undecodable := &kgo.Record{Topic: p.prefix + "impressions", Value: []byte("\xff")}
	if err := p.producer.ProduceSync(t.Context(), undecodable).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r := p.start()
	p.awaitRows("clicks", 200)
	p.awaitRows("conversions", len(conversions))
	p.awaitRows("dead_letters", 1)
	r.end(t)
	p.fine()
	lose := func(table string) *LostTables {
		t.Helper()
		p.exec("TRUNCATE TABLE %s." + table)
		lost, err := p.installation().Check(t.Context())
		if err != nil || lost == nil || len(lost.Tables) != 1 || lost.Tables[0].Table != table || lost.Tables[0].Was != lost.Tables[0].Is {
			t.Fatalf("lost: %+v, %v", lost, err)
		}
		return lost
	}
	if err := p.installation().Refill(t.Context(), lose("conversions")); err != nil {
		t.Fatal(err)
	}
	p.fine()
	r = p.start()
	p.awaitRows("conversions", len(conversions))
	r.end(t)
	p.fine()
	if err := p.installation().Accept(t.Context(), lose("clicks")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p.fine()
	}
	p.produceEvents(clicks[200:], nil)
	r = p.start()
	p.awaitRows("clicks", 100)
	r.end(t)
	p.check(clicks[200:], conversions)
	lose("clicks")
}

// TestATableThatCannotBeFilledIsNotAskedForAgain: retention took from Kafka what the lost table had.
func TestATableThatCannotBeFilledIsNotAskedForAgain(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	clicks, _ := newEvents(1, 50, 0)
	p.produceEvents(clicks, nil)
	p.fine()
	r := p.start()
	p.awaitRows("clicks", 50)
	r.end(t)
	p.exec("TRUNCATE TABLE %s.clicks")
	offsets := kadm.Offsets{}
	offsets.AddOffset(p.prefix+Topics[0], 0, 50, -1)
	deleted, err := kadm.NewClient(p.producer).DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	lost := p.lost()
	if err := p.installation().Refill(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	p.fine()
}

// lost returns what the installation has lost, which is something.
func (p *pipeline) lost() *LostTables {
	p.t.Helper()
	lost, err := p.installation().Check(p.t.Context())
	if err != nil || lost == nil {
		p.t.Fatalf("lost: %v, %v", lost, err)
	}
	return lost
}
