package report

import (
	_ "embed"
	"strconv"
	"strings"

	"tributary/schemas"
)

// generationText is the generation and the checksum of the texts that it is of, written by the package's tests.
//
//go:embed generation.txt
var generationText string

// retired are names of views that older programs made and nobody makes now.
var retired []string

// Views returns all stored views, each after those that it reads.
func Views() schemas.Views {
	generation, _, _ := strings.Cut(generationText, " ")
	n, err := strconv.ParseUint(generation, 10, 32)
	if err != nil {
		panic(err) // a file of this package
	}
	views := schemas.Views{Generation: uint32(n), Retired: retired}
	add := func(v view) { views.List = append(views.List, v.stored()) }
	add(names())
	add(conversions())
	add(receiptEvents())
	add(receipts())
	add(rejected())
	for _, t := range totalsViews() {
		add(t.view())
	}
	for _, by := range moneyViews {
		add(money(by))
	}
	for _, by := range eventViews {
		add(events(by))
	}
	add(quality())
	add(mixed())
	return views
}
