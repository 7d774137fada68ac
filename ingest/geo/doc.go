// Package geo says where an address is and who announces it: country, city, region, autonomous system, connection type, and
// whether it is a hosting provider's.
//
// Place in the flow: the edge calls [Locator.Locate] once a click, before the click's offer is chosen and before the address is
// cut or hashed. The country comes from an embedded table (IP2Location LITE through phuslu/iploc, its date in
// [CountryTableDate]), all else from the operator's own files in MaxMind's format: GeoLite2, GeoIP2, DB-IP and IPinfo have
// been held against. Where city_file knows a country, it is the country, so that city and country agree.
//
// Invariants:
//   - A file is read whole into memory and every record of it is decoded before it is used. So a damaged or wrong file is an
//     error then, never at a click, and what becomes of the file afterwards (cut, overwritten, deleted) changes nothing: a
//     memory map would end the process with it.
//   - At a reload that fails, the data before stays in force, file by file.
//   - Texts are UTF-8 without control characters, at most schemas.MaxPlaceBytes long, and stay valid after a reload.
//   - A look-up allocates nothing, takes no lock and writes nothing.
//
// Concurrency: Locate may be called from any number of goroutines, also during a reload. Reloads queue behind a mutex.
//
// Not responsible for: what is scored, whether an address is a VPN or proxy (people behind iCloud Private Relay or a company's
// cloud proxy come from hosting addresses too), fetching the files.
package geo
