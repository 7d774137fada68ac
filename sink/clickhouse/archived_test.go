package clickhouse

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"tributary/schemas/clickhouse/archive"
)

// TestArchivedRowsAreNotInsertedAgain: rows are summed and dropped, and Kafka gives their records again, and with them new ones of
// the same month: what the archive has is not inserted, what it has not is.
func TestArchivedRowsAreNotInsertedAgain(t *testing.T) {
	p := newPipeline(t, 2)
	clicks, _ := newEvents(24, 900, 0)
	p.produceEvents(clicks[:600], nil)
	r := p.start()
	p.awaitRows("clicks", 600)
	r.end(t)
	done, err := archive.Run(t.Context(), archive.Options{ClickHouse: p.conn, Database: p.database, Drop: true,
		Before: map[string]archive.Month{"clicks": 999912}})
	if err != nil || len(done) == 0 || p.count("SELECT count() FROM %s.clicks") != 0 {
		t.Fatalf("archiving did %+v, %v", done, err)
	}
	if _, err := kadm.NewClient(p.producer).DeleteGroups(t.Context(), p.config.Group); err != nil {
		t.Fatal(err)
	}
	p.config.BatchRows = 77 // other batches than before, of rows that are gone and of rows that are new
	p.produceEvents(clicks[600:], nil)
	r = p.start()
	p.awaitRows("clicks", 300)
	await(t, "all is confirmed", p.confirmed)
	r.end(t)
	if n := p.count("SELECT count() FROM %s.clicks"); n != 300 {
		t.Errorf("clicks has %d rows", n)
	}
	if n := p.count("SELECT toUInt64(sum(clicks)) FROM %s.totals_by_hour"); n != 900 {
		t.Errorf("%d clicks are counted", n)
	}
}
