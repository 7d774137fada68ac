// Package privacy decides in what form a visitor's address is kept.
//
// Place in the flow: the edge asks a [Masker] for the 16 bytes that go into a click's, a postback's or a dead letter's record,
// after country, rates, uniqueness and trust have used the address itself in memory. Nothing behind the edge ever sees more.
//
// Invariants:
//   - With [Truncated] the last octet of an IPv4 address and the last 80 bits of an IPv6 address are gone.
//   - With [Hashed] the bytes are fd, the key's ID, and 112 bits of HMAC-SHA256 of the 16 bytes of the address. Addresses of
//     fd00::/8 are private (RFC 4193): no visitor comes from one, so a hash is never mistaken for an address, and it tells which
//     key made it. The same address has the same hash under one key. Whoever has the key can try out all IPv4 addresses: the key
//     is as sensitive as the addresses; hashes of a deleted key are worth nothing.
//   - A key is never printed.
//
// Concurrency: a Masker may be used by any number of goroutines. Masking does not allocate.
//
// Not responsible for: texts of events that an address may stand in, such as a sub parameter or the raw query of an accepted postback. In a
// refused request the sender's own address is replaced by [Masker.Hide].
package privacy
