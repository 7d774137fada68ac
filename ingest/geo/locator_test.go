package geo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tributary/schemas"
)

func TestLocate(t *testing.T) {
	c := configured(t)
	c.HostingASNs = []int{64496}
	l := openLocator(t, c)
	for _, test := range []struct {
		addr string
		want Place
	}{
		{"81.2.69.142", Place{Country: "GB", City: "London", Region: "England", ASN: 20712, ASOrg: "Andrews & Arnold Ltd", ConnectionType: "cable_dsl"}},
		{"::ffff:81.2.69.142", Place{Country: "GB", City: "London", Region: "England", ASN: 20712, ASOrg: "Andrews & Arnold Ltd", ConnectionType: "cable_dsl"}},
		{"81.2.70.1", Place{Country: "GB", Region: "England"}},
		{"2001:4860:4860::8888", Place{Country: "US", City: "Mountain View", Region: "California"}}, // beyond the IPv4 file
		{"8.8.8.8", Place{Country: "US", ASN: 16509, ASOrg: "AMAZON-02", ConnectionType: "corporate", Hosting: true}},
		{"8.8.9.1", Place{Country: "US", ASN: 64496, ASOrg: "Small Hoster", Hosting: true}}, // the operator's own number
		{"9.9.9.9", Place{Country: "US"}},                                                   // in no file
		{"127.0.0.1", Place{}}, {"10.1.2.3", Place{}}, {"fe80::1", Place{}}, {"::", Place{}}, {"224.0.0.1", Place{}},
	} {
		if got := l.Locate(addr(test.addr)); got != test.want {
			t.Errorf("%s:\n got %+v\nwant %+v", test.addr, got, test.want)
		}
	}
}

func TestWithoutFilesThereIsTheCountry(t *testing.T) {
	l := openLocator(t, Defaults())
	if got := l.Locate(addr("8.8.8.8")); got != (Place{Country: "US"}) {
		t.Errorf("got %+v", got)
	}
	if got := l.Locate(addr("2001:4860:4860::8888")); got.Country != "US" {
		t.Errorf("got %+v", got)
	}
	if day := CountryTableDate(); day.Year() < 2026 {
		t.Errorf("the embedded table is of %v: raise github.com/phuslu/iploc, or its versions are no dates any more", day)
	}
	if changes := l.Reload(); len(changes) != 0 {
		t.Errorf("there is nothing to reload, got %+v", changes)
	}
	if err := l.Watch(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// One file may be all three, and other vendors write other forms.
func TestForms(t *testing.T) {
	enterprise := makeMMDB(t, "GeoIP2-Enterprise", 6, record{"81.2.69.0/24", mmdbtype.Map{
		"country": mmdbtype.Map{"iso_code": mmdbtype.String("GB")}, "city": named("London"),
		"traits": mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(20712), "autonomous_system_organization": mmdbtype.String("A&A"),
			"connection_type": mmdbtype.String("Cellular"), "user_type": mmdbtype.String("hosting")},
	}})
	ipinfo := makeMMDB(t, "ipinfo standard_location.mmdb", 6, record{"81.2.69.0/24", mmdbtype.Map{
		"country": mmdbtype.String("GB"), "city": mmdbtype.String("London"), "region": mmdbtype.String("England"), "asn": mmdbtype.String("AS20712"), "as_name": mmdbtype.String("A&A")}})
	wild := makeMMDB(t, "DBIP-City-Lite", 6, record{"81.2.69.0/24", mmdbtype.Map{
		"country": mmdbtype.Map{"iso_code": mmdbtype.String("not a country")}, "city": named("\r\nX-Evil: 1\x00" + strings.Repeat("ü", 100))}})
	dir := t.TempDir()
	for _, test := range []struct {
		name    string
		content []byte
		set     func(c *Config, path string)
		want    Place
	}{
		{"enterprise", enterprise, func(c *Config, path string) { c.CityFile, c.ASNFile, c.ConnectionFile = path, path, path },
			Place{Country: "GB", City: "London", ASN: 20712, ASOrg: "A&A", ConnectionType: "cellular", Hosting: true}},
		{"ipinfo", ipinfo, func(c *Config, path string) { c.CityFile, c.ASNFile = path, path },
			Place{Country: "GB", City: "London", Region: "England", ASN: 20712, ASOrg: "A&A"}},
	} {
		c := Defaults()
		test.set(&c, put(t, filepath.Join(dir, test.name), test.content))
		if got := openLocator(t, c).Locate(addr("81.2.69.1")); got != test.want {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, got, test.want)
		}
	}
	c := Defaults()
	c.CityFile = put(t, filepath.Join(dir, "wild"), wild)
	got := openLocator(t, c).Locate(addr("81.2.69.1"))
	if len(got.City) > schemas.MaxPlaceBytes || strings.ContainsAny(got.City, "\r\n\x00") || got.City == "" || got.Country != "GB" {
		t.Errorf("a wild record became %+v", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	city := cities(t)
	for _, test := range []struct {
		name    string
		content []byte
		limit   int64
		set     func(c *Config, path string)
		says    []string
	}{
		{"missing", nil, 0, func(c *Config, path string) { c.CityFile = path }, []string{"ingest.geo.city_file", "missing", "no such file", "GeoLite2-City"}},
		{"empty", []byte{}, 0, func(c *Config, path string) { c.ASNFile = path }, []string{"ingest.geo.asn_file", "empty", "no whole MMDB file", "GeoLite2-ASN"}},
		{"text", []byte("<html>Too many requests</html>"), 0, func(c *Config, path string) { c.CityFile = path }, []string{"no whole MMDB file"}},
		{"half", city[:len(city)/2], 0, func(c *Config, path string) { c.CityFile = path }, []string{"no whole MMDB file"}},
		{"other", asns(t), 0, func(c *Config, path string) { c.CityFile = path }, []string{"ingest.geo.city_file", "GeoLite2-ASN database", "tells a city", "right would be GeoLite2-City"}},
		{"swapped", city, 0, func(c *Config, path string) { c.ConnectionFile = path }, []string{"ingest.geo.connection_file", "tells a connection type"}},
		{"large", city, 1024, func(c *Config, path string) { c.CityFile = path }, []string{"ingest.geo.max_file_bytes"}},
		{"both", []byte{}, 0, func(c *Config, path string) { c.CityFile, c.ASNFile = path, path+"2" }, []string{"ingest.geo.city_file", "ingest.geo.asn_file"}},
	} {
		path := filepath.Join(dir, test.name)
		if test.content != nil {
			put(t, path, test.content)
		}
		c := Defaults()
		if test.limit > 0 {
			c.MaxFileBytes = test.limit
		}
		test.set(&c, path)
		_, err := Open(c)
		if err == nil {
			t.Errorf("%s: taken", test.name)
			continue
		}
		for _, part := range append(test.says, path) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", test.name, err, part)
			}
		}
	}
	c := Defaults()
	c.CityFile = dir
	if _, err := Open(c); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestReloadKeepsWhatWasGood(t *testing.T) {
	c := configured(t)
	l := openLocator(t, c)
	place := func() Place { return l.Locate(addr("81.2.69.1")) }
	if got := l.Reload(); len(got) != 0 {
		t.Fatalf("nothing changed, got %+v", got)
	}
	refuse := func(what string, content []byte) {
		t.Helper()
		before := place()
		if content == nil {
			if err := os.Remove(c.CityFile); err != nil {
				t.Fatal(err)
			}
		} else {
			put(t, c.CityFile, content)
		}
		changes := l.Reload()
		if len(changes) != 1 || changes[0].Err == nil || !strings.Contains(changes[0].Err.Error(), "the data before stay in force") {
			t.Fatalf("%s: %+v", what, changes)
		}
		if again := l.Reload(); len(again) != 0 {
			t.Errorf("%s is told twice: %+v", what, again)
		}
		if got := place(); got != before {
			t.Errorf("%s: %+v, before %+v", what, got, before)
		}
	}
	refuse("half a file", cities(t)[:300])
	refuse("another kind", asns(t))
	refuse("none", nil)
	if got := value(t, l.outcomes.WithLabelValues("city", "refused")); got != 3 {
		t.Errorf("%v refused, want 3", got)
	}
	put(t, c.CityFile, makeMMDB(t, "GeoLite2-City", 6, cityRecord("81.2.69.0/24", "FR", "", "Paris")))
	changes := l.Reload()
	if len(changes) != 1 || changes[0].Err != nil || changes[0].Type != "GeoLite2-City" || changes[0].Networks != 1 {
		t.Fatalf("%+v", changes)
	}
	if got := place(); got.City != "Paris" || got.Country != "FR" || got.ASN != 20712 {
		t.Errorf("%+v", got)
	}
	if got := value(t, l.outcomes.WithLabelValues("city", "applied")); got != 1 {
		t.Errorf("%v applied, want 1", got)
	}
}

func value(tb testing.TB, c prometheus.Counter) float64 {
	tb.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		tb.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// A file that is overwritten in place, as cp does, must neither end the process nor be used half.
func TestOverwrittenInPlace(t *testing.T) {
	c := configured(t)
	l := openLocator(t, c)
	before := l.Locate(addr("81.2.69.1"))
	if err := os.Truncate(c.CityFile, 10); err != nil {
		t.Fatal(err)
	}
	if got := l.Locate(addr("81.2.69.1")); got != before {
		t.Errorf("%+v, before %+v", got, before)
	}
}

func TestWatch(t *testing.T) {
	c := configured(t)
	l := openLocator(t, c)
	ctx, stop := context.WithCancel(t.Context())
	told := make(chan []Change, 16)
	var watching sync.WaitGroup
	watching.Go(func() {
		if err := l.Watch(ctx, func(changes []Change) { told <- changes }); err != nil {
			t.Error(err)
		}
	})
	defer watching.Wait()
	defer stop()
	// Whether before or after the watch began: it is seen.
	put(t, c.CityFile, makeMMDB(t, "GeoLite2-City", 6, cityRecord("81.2.69.0/24", "FR", "", "Paris")))
	select {
	case changes := <-told:
		if len(changes) != 1 || changes[0].Err != nil || changes[0].Key != "ingest.geo.city_file" {
			t.Errorf("%+v", changes)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the changed file was not read")
	}
	if got := l.Locate(addr("81.2.69.1")); got.City != "Paris" {
		t.Errorf("%+v", got)
	}
}

// Clicks go on while files change.
func TestLocateWhileReloading(t *testing.T) {
	c := configured(t)
	l := openLocator(t, c)
	other := makeMMDB(t, "GeoLite2-City", 6, cityRecord("81.2.69.0/24", "FR", "", "Paris"))
	stop := make(chan struct{})
	var clicks sync.WaitGroup
	for range 2 {
		clicks.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := l.Locate(addr("81.2.69.1")); (got.City == "London") != (got.Country == "GB") {
					t.Errorf("a mixture: %+v", got)
					return
				}
			}
		})
	}
	for i := range 20 {
		content := other
		if i%2 == 1 {
			content = cities(t)
		}
		put(t, c.CityFile, content)
		l.Reload()
	}
	close(stop)
	clicks.Wait()
}

func TestHostingList(t *testing.T) {
	if list := Providers(); len(list) < 150 {
		t.Errorf("%d providers", len(list))
	}
	set := hostingWith([]int{64500})
	for _, asn := range []uint32{16509, 396982, 8075, 14061, 16276, 24940, 64500} {
		if !set[asn] {
			t.Errorf("AS%d is not hosting", asn)
		}
	}
	for _, asn := range []uint32{7922, 3320, 20712, 0} { // Comcast, Deutsche Telekom, Andrews & Arnold
		if set[asn] {
			t.Errorf("AS%d is hosting", asn)
		}
	}
	for _, wrong := range []string{"x\ty", "1", "1\t", "0\tname", "2\ta\n1\tb", "5\ta\n5\tb", "4294967296\ta"} {
		if _, err := parseProviders(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

func TestValidate(t *testing.T) {
	c := Config{MaxFileBytes: 1, HostingASNs: []int{64496, 0, -1, 1 << 33}}
	var fields []string
	c.Validate(func(field, _ string, _ ...any) { fields = append(fields, field) })
	if got := strings.Join(fields, " "); got != "max_file_bytes hosting_asns[1] hosting_asns[2] hosting_asns[3]" {
		t.Error(got)
	}
	good := Defaults()
	good.Validate(func(field, format string, args ...any) { t.Errorf("%s: "+format, append([]any{field}, args...)...) })
}
