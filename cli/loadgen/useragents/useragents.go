// Package useragents is the load generator's crowd: some 500 user agents of real browsers with the
// share of traffic each has, an extract of the npm package user-agents (BSD-2-Clause, see LICENSE)
// made by the script extract of this folder.
//
// Place in the flow: inside cli/loadgen, which gives each visitor one of these.
//
// Invariants: weights are positive and sum to 1 over all profiles; every string is distinct in its
// category and at most 512 bytes. Phones, desktops and tablets keep their shares of the whole package.
// Concurrency: everything may be called from any goroutine; the profiles are shared and not to be
// written to.
//
// Not responsible for: drawing from the weights, and bots (ingest/useragent/crawlers lists those).
package useragents

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed profiles.tsv.gz
var packed []byte

// Profile is one browser of the crowd.
type Profile struct {
	UA string
	// Weight is the share of all traffic, 0 < Weight < 1.
	Weight float64
	// DeviceCategory is desktop, mobile or tablet, as the browser's own profile said.
	DeviceCategory string
}

// All returns the profiles by category and falling weight, the same slice on every call.
func All() []Profile { return load() }

var load = sync.OnceValue(func() []Profile {
	profiles, err := parse(packed)
	if err != nil {
		panic(fmt.Sprintf("useragents: the embedded profiles: %v", err)) // the build is broken
	}
	return profiles
})

func parse(packed []byte) ([]Profile, error) {
	text, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	var profiles []Profile
	lines := bufio.NewScanner(text)
	for number := 1; lines.Scan(); number++ {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %d has %d fields, want weight, category, user agent", number, len(fields))
		}
		weight, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return nil, fmt.Errorf("reading the weight in line %d: %w", number, err)
		}
		profiles = append(profiles, Profile{UA: fields[2], Weight: weight, DeviceCategory: fields[1]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return profiles, nil
}
