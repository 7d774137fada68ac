package geo

import (
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// names has a name in English, the language that every vendor fills in.
type names struct {
	English string `maxminddb:"en"`
}

// nested is the part of MaxMind's records that is used, of every one of its databases
// (https://dev.maxmind.com/geoip/docs/databases/). DB-IP writes the same.
type nested struct {
	Country struct {
		Code string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	City struct {
		Names names `maxminddb:"names"`
	} `maxminddb:"city"`
	Subdivisions []struct {
		Names names `maxminddb:"names"`
	} `maxminddb:"subdivisions"`
	ASN            uint32 `maxminddb:"autonomous_system_number"`
	Organisation   string `maxminddb:"autonomous_system_organization"`
	ConnectionType string `maxminddb:"connection_type"`
	// Traits has the same in GeoIP2-Enterprise.
	Traits struct {
		ASN            uint32 `maxminddb:"autonomous_system_number"`
		Organisation   string `maxminddb:"autonomous_system_organization"`
		ConnectionType string `maxminddb:"connection_type"`
		UserType       string `maxminddb:"user_type"`
	} `maxminddb:"traits"`
}

func readNested(network maxminddb.Result) (entry, error) {
	var r nested
	if err := network.Decode(&r); err != nil {
		return entry{}, err
	}
	e := entry{city: r.City.Names.English, asn: r.ASN, asOrg: r.Organisation, connectionType: r.ConnectionType, hosting: r.Traits.UserType == "hosting"}
	if isCountry(r.Country.Code) {
		e.country = r.Country.Code
	}
	if len(r.Subdivisions) > 0 {
		e.region = r.Subdivisions[0].Names.English
	}
	if e.asn == 0 {
		e.asn, e.asOrg = r.Traits.ASN, r.Traits.Organisation
	}
	if e.connectionType == "" {
		e.connectionType = r.Traits.ConnectionType
	}
	return e, nil
}

// flat is IPinfo's form (https://ipinfo.io/developers/database-types): texts side by side.
type flat struct {
	CountryCode string `maxminddb:"country_code"`
	Country     string `maxminddb:"country"`
	City        string `maxminddb:"city"`
	Region      string `maxminddb:"region"`
	ASN         string `maxminddb:"asn"`
	ASName      string `maxminddb:"as_name"`
	Name        string `maxminddb:"name"`
}

func readFlat(network maxminddb.Result) (entry, error) {
	var r flat
	if err := network.Decode(&r); err != nil {
		return entry{}, err
	}
	e := entry{city: r.City, region: r.Region, asOrg: r.ASName}
	for _, code := range []string{r.CountryCode, r.Country} {
		if e.country == "" && isCountry(code) {
			e.country = code
		}
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(r.ASN, "AS"), 10, 32); err == nil {
		e.asn = uint32(n)
		if e.asOrg == "" {
			e.asOrg = r.Name
		}
	}
	return e, nil
}
