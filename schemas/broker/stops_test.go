package broker_test

import (
	"slices"
	"testing"

	"tributary/schemas/broker"
)

// TestNameStops names partitions in order, and no more than a line has room for.
func TestNameStops(t *testing.T) {
	var stops []broker.Stop
	for partition := range int32(20) {
		stops = append(stops, broker.Stop{Topic: "postbacks", Partition: 19 - partition, Offset: 5, Records: 7})
	}
	stops = append(stops, broker.Stop{Topic: "clicks", Partition: 3, Records: 1})
	got := broker.NameStops(stops)
	if len(got) != 17 || got[0] != "clicks/3 at offset 0 before 1 records" ||
		got[1] != "postbacks/0 at offset 5 before 7 records" ||
		got[16] != "and 5 more" {
		t.Errorf("named are %q", got)
	}
	if got := broker.NameStops(stops[20:]); !slices.Equal(got, []string{"postbacks/19 at offset 5 before 7 records"}) {
		t.Errorf("named are %q", got)
	}
}
