package loadgen

import (
	"math/rand/v2"
	"net/netip"

	"github.com/phuslu/iploc"
)

// networksPerCountry is how many /24 networks of each country the visitors come from.
const networksPerCountry = 512

// addresses draws IPv4 addresses by country, from networks that the geolocation list places there.
type addresses struct {
	// networks are /24 bases by country.
	networks map[string][]uint32
	// shared is how many addresses a country's carriers put their mobile visitors behind.
	shared int
}

// newAddresses samples the address space until each country has its networks. Small countries end with fewer, at least one.
func newAddresses(random *rand.Rand, countries map[string]bool, shared int) *addresses {
	a := &addresses{networks: map[string][]uint32{}, shared: shared}
	missing := len(countries)
	for tries := 0; missing > 0 && tries < 4_000_000; tries++ {
		base := random.Uint32() &^ 255
		if first := base >> 24; first == 0 || first == 10 || first == 127 || first >= 224 {
			continue
		}
		country := iploc.IPCountry(ipv4(base | 1))
		if !countries[country] || len(a.networks[country]) == networksPerCountry {
			continue
		}
		a.networks[country] = append(a.networks[country], base)
		if len(a.networks[country]) == networksPerCountry {
			missing--
		}
	}
	for country := range countries {
		if len(a.networks[country]) == 0 {
			panic("the geolocation list has no network of " + country)
		}
	}
	return a
}

// draw answers an address of the country. Half of the mobile visitors share a carrier's few addresses.
func (a *addresses) draw(random *rand.Rand, country string, mobile bool) string {
	list := a.networks[country]
	if mobile && random.IntN(2) == 0 {
		n := random.IntN(a.shared)
		return ipv4(list[n%max(1, len(list)/8)] | uint32(1+n/max(1, len(list)/8)%254)).String()
	}
	return ipv4(list[random.IntN(len(list))] | uint32(1+random.IntN(254))).String()
}

func ipv4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
