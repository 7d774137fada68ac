package geo

import (
	"fmt"
	"math"
)

// Config is the section `ingest.geo`. Without a file there is the country only.
type Config struct {
	CityFile       string `yaml:"city_file" doc:"MMDB file with cities: GeoLite2-City, GeoIP2-City, GeoIP2-Enterprise, DB-IP City or one like them; empty for none. Read whole into memory, and again when it changes and at SIGHUP"`
	ASNFile        string `yaml:"asn_file" doc:"MMDB file with autonomous systems: GeoLite2-ASN, GeoIP2-ISP, DB-IP ASN or one like them; empty for none: then hosting is never known"`
	ConnectionFile string `yaml:"connection_file" doc:"MMDB file with connection types: GeoIP2-Connection-Type, GeoIP2-Enterprise or one like them; empty for none"`
	MaxFileBytes   int64  `yaml:"max_file_bytes" doc:"largest file that is read, in bytes; while a file is read again, old and new are in memory together"`
	HostingASNs    []int  `yaml:"hosting_asns" doc:"numbers of autonomous systems that count as hosting beside the built-in list of well-known ones"`
}

// Defaults has no files.
func Defaults() Config { return Config{MaxFileBytes: 256 << 20} }

// Validate tells every problem with the field inside the section. It opens no file.
func (c *Config) Validate(problem func(field, format string, args ...any)) {
	if c.MaxFileBytes < 1<<10 || c.MaxFileBytes > maxFileBytes {
		problem("max_file_bytes", "%d is not from 1024 to %d", c.MaxFileBytes, int64(maxFileBytes))
	}
	for i, n := range c.HostingASNs {
		if n < 1 || n > math.MaxUint32 {
			problem(fmt.Sprintf("hosting_asns[%d]", i), "%d is not a number of an autonomous system; give 1 to %d, such as 64496", n, uint32(math.MaxUint32))
		}
	}
}

// maxFileBytes bounds what a typing error can make the edge read; offsets in a file fit 32 bits below it.
const maxFileBytes = 2 << 30
