package verify

import (
	"testing"

	"tributary/schemas/events"
)

// FuzzRecord: a record of an audited topic is counted, as one that can be decoded or one that cannot.
func FuzzRecord(f *testing.F) {
	value, err := (&events.DeadLetter{LetterId: "l", Kind: events.DeadLetter_KIND_CLICK, Place: "processor", Raw: []byte("\xff")}).MarshalVT()
	if err != nil {
		f.Fatal(err)
	}
	for i := range audited {
		f.Add(uint8(i), value, int64(i))
		f.Add(uint8(i), []byte(nil), int64(0))
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte, offset int64) {
		if offset < 0 {
			return
		}
		topic := newTopic(audited[int(which)%len(audited)], nil)
		topic.add(0, offset, value, true)
		if topic.records != 1 {
			t.Errorf("%d records", topic.records)
		}
	})
}
