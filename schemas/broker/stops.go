package broker

import (
	"cmp"
	"fmt"
	"slices"
)

// maxNamed bounds what one line of a log names.
const maxNamed = 16

// A Stop is a partition that stands still: Records wait in it from Offset on.
type Stop struct {
	Topic           string
	Partition       int32
	Offset, Records int64
}

// NameStops names partitions for one line of a log, in order, at most 16 of them; a last entry counts the others.
func NameStops(stops []Stop) []string {
	slices.SortFunc(stops, func(a, b Stop) int {
		if a.Topic != b.Topic {
			return cmp.Compare(a.Topic, b.Topic)
		}
		return cmp.Compare(a.Partition, b.Partition)
	})
	names := make([]string, 0, min(len(stops), maxNamed+1))
	for i, s := range stops {
		if i == maxNamed {
			return append(names, fmt.Sprintf("and %d more", len(stops)-maxNamed))
		}
		names = append(names, fmt.Sprintf("%s/%d at offset %d before %d records", s.Topic, s.Partition, s.Offset, s.Records))
	}
	return names
}
