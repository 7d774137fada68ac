package clickhouse

import (
	"maps"
	"slices"
	"strings"
)

// enumWords are an enumeration's values as ClickHouse has them: STATUS_APPROVED is approved. A number that this program does not know
// yet becomes "unknown".
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
