package verify

import (
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
)

// FuzzRecord: a record of an audited topic is counted, as one that can be decoded or one that cannot.
func FuzzRecord(f *testing.F) {
	value, err := (&events.DeadLetter{LetterId: "l", Kind: events.DeadLetter_KIND_CLICK, Place: "processor", Raw: []byte("\xff")}).MarshalVT()
	if err != nil {
		f.Fatal(err)
	}
	scope := newScope(schemas.Tables())
	for i := range scope.audited {
		f.Add(uint8(i), value, int64(i))
		f.Add(uint8(i), []byte(nil), int64(0))
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte, offset int64) {
		if offset < 0 {
			return
		}
		name := scope.audited[int(which)%len(scope.audited)]
		topic := newTopic(name, scope.tableOf(name), nil)
		topic.add(0, offset, value, true)
		if topic.records != 1 {
			t.Errorf("%d records", topic.records)
		}
	})
}
