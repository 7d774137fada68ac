package geo

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed hosting.tsv
var hostingTable string

// Provider is one autonomous system of the built-in list of hosting providers.
type Provider struct {
	ASN  uint32
	Name string
}

// Providers is the built-in list in the order of the numbers, the same slice at every call: not to be written to. It has the
// well-known ones, where nearly all traffic from data centres comes from; there are thousands of small ones.
func Providers() []Provider { return providers() }

var providers = sync.OnceValue(func() []Provider {
	list, err := parseProviders(hostingTable)
	if err != nil {
		panic(fmt.Sprintf("geo: the embedded list: %v", err)) // the build is broken
	}
	return list
})

func parseProviders(table string) ([]Provider, error) {
	var list []Provider
	number := 0
	for line := range strings.Lines(table) {
		number++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		text, name, _ := strings.Cut(line, "\t")
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n == 0 || name == "" {
			return nil, fmt.Errorf("line %d: want a number and a name with a tab between, got %q", number, line)
		}
		if len(list) > 0 && uint32(n) <= list[len(list)-1].ASN {
			return nil, fmt.Errorf("line %d: %d is not above the number before", number, n)
		}
		list = append(list, Provider{uint32(n), name})
	}
	return list, nil
}

// hostingWith is the built-in list with the operator's own numbers.
func hostingWith(more []int) map[uint32]bool {
	set := map[uint32]bool{}
	for _, p := range Providers() {
		set[p.ASN] = true
	}
	for _, n := range more {
		set[uint32(n)] = true
	}
	return set
}
