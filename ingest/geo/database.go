package geo

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"tributary/catalog/query"
	"tributary/schemas"
)

// entry is what one record of a file tells.
type entry struct {
	country, city, region, asOrg, connectionType string
	asn                                          uint32
	hosting                                      bool
}

// database is one file with every record decoded.
type database struct {
	reader *maxminddb.Reader
	// places has the record's place in entries by its offset in the file: many records differ in what is not used here.
	places  map[uint32]uint32
	entries []entry
	// networks is how many there are, for a person to see.
	networks int
}

// find answers the entry of an address, nil for none. It does not allocate.
func (d *database) find(addr netip.Addr) *entry {
	// Of an address that the file cannot have, the library makes an error, which allocates.
	if d == nil || addr.Is6() && d.reader.Metadata.IPVersion == 4 {
		return nil
	}
	found := d.reader.Lookup(addr)
	if !found.Found() {
		return nil
	}
	if at, ok := d.places[uint32(found.Offset())]; ok {
		return &d.entries[at]
	}
	return nil
}

// readFile reads at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, more than ingest.geo.max_file_bytes, %d", path, info.Size(), limit)
	}
	content := make([]byte, info.Size())
	if _, err := io.ReadFull(f, content); err != nil {
		return nil, fmt.Errorf("%s became shorter while it was read: %w", path, err)
	}
	return content, nil
}

// open decodes every record of a file in MaxMind's format.
func open(content []byte, hosting func(asn uint32) bool) (d *database, err error) {
	// The library promises errors for damaged data; a file is the operator's, and no bug with one may end the edge.
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("reading its records: %v", r)
		}
	}()
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("it is no whole MMDB file: %w", err)
	}
	d = &database{reader: reader, places: map[uint32]uint32{}}
	read := readNested
	if strings.HasPrefix(strings.ToLower(reader.Metadata.DatabaseType), "ipinfo") {
		read = readFlat
	}
	known, texts := map[entry]uint32{}, map[string]string{}
	// A tree has fewer leaves than twice its nodes; more of them come from a circle only. Leaves without data count, so that a
	// circle without any ends too.
	leaves, most := 0, 2*uint64(reader.Metadata.NodeCount)+2
	for network := range reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if leaves++; uint64(leaves) > most {
			return nil, errors.New("its search tree goes in a circle")
		}
		if err := network.Err(); err != nil {
			return nil, fmt.Errorf("reading its search tree at %s: %w", network.Prefix(), err)
		}
		if !network.Found() {
			continue
		}
		d.networks++
		offset := network.Offset()
		if uint64(offset) > math.MaxUint32 {
			return nil, errors.New("its data lie beyond 4 GiB")
		}
		if _, had := d.places[uint32(offset)]; had {
			continue
		}
		e, err := read(network)
		if err != nil {
			return nil, fmt.Errorf("reading its record of %s: %w", network.Prefix(), err)
		}
		for _, text := range []*string{&e.country, &e.city, &e.region, &e.asOrg, &e.connectionType} {
			*text = shared(texts, *text)
		}
		e.connectionType = shared(texts, word(e.connectionType))
		e.hosting = e.hosting || e.asn != 0 && hosting(e.asn)
		at, had := known[e]
		if !had {
			at = uint32(len(d.entries))
			known[e], d.entries = at, append(d.entries, e)
		}
		d.places[uint32(offset)] = at
	}
	return d, nil
}

// shared answers the text as an event may carry it, one copy for all records.
func shared(texts map[string]string, text string) string {
	if text == "" {
		return ""
	}
	if kept, ok := texts[text]; ok {
		return kept
	}
	clean, _ := query.Clean([]byte(text), schemas.MaxPlaceBytes)
	kept := string(clean)
	texts[strings.Clone(text)] = kept
	return kept
}

// word makes "Cable/DSL" the word cable_dsl.
func word(text string) string {
	b := []byte(text)
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
			b[i] = c + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c >= 0x80:
		default:
			b[i] = '_'
		}
	}
	return string(b)
}

func isCountry(code string) bool {
	return len(code) == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z'
}
