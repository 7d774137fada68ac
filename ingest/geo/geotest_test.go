package geo

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type record struct {
	network string
	data    mmdbtype.Map
}

// makeMMDB makes a database as a vendor would.
func makeMMDB(tb testing.TB, kind string, version int, records ...record) []byte {
	tb.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IPVersion: version, BuildEpoch: 1_700_000_000, RecordSize: 24, IncludeReservedNetworks: true, Description: map[string]string{"en": "test"}, Languages: []string{"en"}})
	if err != nil {
		tb.Fatal(err)
	}
	for _, r := range records {
		_, network, err := net.ParseCIDR(r.network)
		if err != nil {
			tb.Fatal(err)
		}
		if err := tree.Insert(network, r.data); err != nil {
			tb.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := tree.WriteTo(&out); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func named(name string) mmdbtype.Map {
	return mmdbtype.Map{"names": mmdbtype.Map{"de": mmdbtype.String("de:" + name), "en": mmdbtype.String(name)}}
}

func cityRecord(network, country, region, city string) record {
	data := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(country), "names": named(country)["names"]}, "location": mmdbtype.Map{"latitude": mmdbtype.Float64(1.5)}}
	if city != "" {
		data["city"] = named(city)
	}
	if region != "" {
		data["subdivisions"] = mmdbtype.Slice{named(region), named("a county")}
	}
	return record{network, data}
}

func asnRecord(network string, asn uint32, name string) record {
	return record{network, mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(asn), "autonomous_system_organization": mmdbtype.String(name)}}
}

func connectionRecord(network, kind string) record {
	return record{network, mmdbtype.Map{"connection_type": mmdbtype.String(kind)}}
}

func cities(tb testing.TB) []byte {
	return makeMMDB(tb, "GeoLite2-City", 6,
		cityRecord("81.2.69.0/24", "GB", "England", "London"),
		cityRecord("81.2.70.0/24", "GB", "England", ""),
		cityRecord("2001:4860::/32", "US", "California", "Mountain View"),
		record{"8.8.9.0/24", mmdbtype.Map{"location": mmdbtype.Map{"time_zone": mmdbtype.String("x")}}})
}

func asns(tb testing.TB) []byte {
	return makeMMDB(tb, "GeoLite2-ASN", 6,
		asnRecord("81.2.69.0/24", 20712, "Andrews & Arnold Ltd"),
		asnRecord("8.8.8.0/24", 16509, "AMAZON-02"),
		asnRecord("8.8.9.0/24", 64496, "Small Hoster"))
}

func connections(tb testing.TB) []byte {
	return makeMMDB(tb, "GeoIP2-Connection-Type", 4,
		connectionRecord("81.2.69.0/24", "Cable/DSL"), connectionRecord("8.8.8.0/24", "Corporate"))
}

// put writes the file as an updater does: beside, then renamed.
func put(tb testing.TB, path string, content []byte) string {
	tb.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
	return path
}

// configured is a Config of the three files above, in a folder of their own.
func configured(tb testing.TB) Config {
	dir := tb.TempDir()
	c := Defaults()
	c.CityFile = put(tb, filepath.Join(dir, "city.mmdb"), cities(tb))
	c.ASNFile = put(tb, filepath.Join(dir, "asn.mmdb"), asns(tb))
	c.ConnectionFile = put(tb, filepath.Join(dir, "connection.mmdb"), connections(tb))
	return c
}

func openLocator(tb testing.TB, c Config) *Locator {
	tb.Helper()
	l, err := Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }
