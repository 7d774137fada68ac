package dlq

import (
	"testing"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas/events"
)

// TestAcceptedIDs: what is known of an accepted postback is read again as it was, where a plus in an ID is one and a space is none.
func TestAcceptedIDs(t *testing.T) {
	e := &events.DeadLetter{Network: "acme", ClickId: "Zm9v+YmFy==", Txid: "Order 17", Event: "sale", OriginalStatus: "on hold"}
	var r dialect.Reading
	catalog.DialectPostback(&dialect.Native).ReadQuery(&r, []byte(accepted(e)))
	for param, want := range map[dialect.Param]string{
		dialect.ClickID: e.ClickId, dialect.TxID: e.Txid, dialect.Event: e.Event, dialect.Status: e.OriginalStatus,
	} {
		if got := string(r.Text(param)); got != want {
			t.Errorf("%s is %q, want %q", param, got, want)
		}
	}
}
