package claims

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tributary/processor/stage"
	"tributary/processor/state"
	"tributary/schemas"
	"tributary/schemas/events"
)

const (
	dayMS  = 24 * 60 * 60 * 1000
	window = 30 * dayMS
	noonMS = int64(1_795_000_000_000)/window*window + window/2
)

// TestATransactionIDOnAnotherClickIsFound: within the window, whichever came first by its time, also after a restart; but not
// when the first use is two windows old, nor for another network's ID.
func TestATransactionIDOnAnotherClickIsFound(t *testing.T) {
	type use struct {
		click, network, txid string
		afterMS              int64
		found                bool
	}
	for name, uses := range map[string][]use{
		"at once":                            {{"a", "n", "t", 0, false}, {"b", "n", "t", 1000, true}},
		"the same click":                     {{"a", "n", "t", 0, false}, {"a", "n", "t", 1000, false}},
		"another network's":                  {{"a", "n", "t", 0, false}, {"b", "m", "t", 1000, false}},
		"a window later":                     {{"a", "n", "t", 0, false}, {"b", "n", "t", window - 1, true}},
		"across the border":                  {{"a", "n", "t", window/2 - 1, false}, {"b", "n", "t", window / 2, true}},
		"across the border, out of order":    {{"a", "n", "t", window / 2, false}, {"b", "n", "t", window/2 - 1, true}},
		"two windows later":                  {{"a", "n", "t", 0, false}, {"x", "n", "other", 2 * window, false}, {"b", "n", "t", 2 * window, false}},
		"an ID that begins as another's end": {{"a", "n", "t1", 0, false}, {"b", "n1", "t", 0, false}, {"c", "n", "t", 0, false}},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarts %v", name, restarts), func(t *testing.T) {
				store, err := state.Open(state.Options{Dir: "s", FS: vfs.NewMem(), CacheBytes: 1 << 20, MemtableBytes: 1 << 20})
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				open := func() (*state.Partition, *stage.Partition) {
					view := store.Partition(0)
					p := stage.NewPartition(0, view, []stage.Stage{New(window)})
					if err := p.Open(0, noonMS); err != nil {
						t.Fatal(err)
					}
					return view, p
				}
				view, p := open()
				for i, u := range uses {
					claim := &events.Claim{Conversion: &events.Conversion{ConversionId: u.click, ClickId: u.click, Network: u.network, Txid: u.txid, ReceivedMs: noonMS + u.afterMS}}
					value, err := claim.MarshalVT()
					if err != nil {
						t.Fatal(err)
					}
					p.SetNow(noonMS + 4*window)
					rec := &stage.Record{Topic: schemas.TopicClaims, Offset: int64(i), Value: value, TimestampMS: noonMS + u.afterMS}
					if err := p.Process(rec, func(f stage.Failure) { t.Error(f.Err) }); err != nil {
						t.Fatal(err)
					}
					if found := len(p.TakeOutputs(nil)) > 0; found != u.found {
						t.Errorf("use %d: found %v, want %v", i, found, u.found)
					}
					if restarts {
						if err := view.Flush(); err != nil {
							t.Fatal(err)
						}
						p.Close()
						view, p = open()
					}
				}
			})
		}
	}
}
