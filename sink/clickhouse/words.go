package clickhouse

import (
	"maps"
	"slices"
	"strings"

	"tributary/schemas/events"
)

// Enum values become words in ClickHouse: STATUS_APPROVED is approved. A number that this program does not know yet becomes
// "unknown".
var (
	statuses        = enumWords(events.Status_name, "STATUS_")
	conversionKinds = enumWords(events.Conversion_Kind_name, "KIND_")
	matches         = enumWords(events.Conversion_Match_name, "MATCH_")
	payoutSources   = enumWords(events.Conversion_PayoutSource_name, "PAYOUT_SOURCE_")
	letterKinds     = enumWords(events.DeadLetter_Kind_name, "KIND_")
)

func enumWords(names map[int32]string, prefix string) []string {
	words := make([]string, slices.Max(slices.Collect(maps.Keys(names)))+1)
	for number, name := range names {
		words[number] = strings.ToLower(strings.TrimPrefix(name, prefix))
	}
	return words
}

func word(words []string, number int32) string {
	if number < 0 || int(number) >= len(words) || words[number] == "" {
		return "unknown"
	}
	return words[number]
}
