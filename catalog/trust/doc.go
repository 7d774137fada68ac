// Package trust decides whom the edge believes: which postbacks prove that they come from their network, how many of them are
// taken, which address a request came from, and with which certificate the edge proves itself.
//
// Place in the flow: it stands between the request line and the reading of a postback. A Policy is what the catalog
// declares of one network, compiled: signing keys, shared tokens, addresses, a rate. All that are declared must hold. A Gate keeps what outlives a
// reload of the catalog: the nonces that were used, the rate of each network and of each address, the counters.
//
// Invariants:
//   - what does not prove itself is refused before any of its parameters is taken for money;
//   - secrets are compared by their digests, every one of them each time, in constant time; a secret that was right is
//     overwritten in the request, so that no record keeps it (Policy.Hide);
//   - a signed request is taken once: its nonce is remembered by network, whichever key signed it, for as long as its timestamp
//     would be accepted. A timestamp whose nonces were forgotten is refused;
//   - nonces enter only behind a valid signature and a free rate, so that nobody without a key can fill the store;
//   - memory is fixed: max_nonces a network, 1 MiB for the rates of addresses;
//   - what a believed postback may be worth is not decided here: see max_payout and max_conversions_per_click (catalog);
//   - an address is what the connection says unless the connection is a declared proxy's.
//
// A Gate, a Policy, Proxies and a Certificate are safe for concurrent use. The nonces of one network share a lock, as do the
// addresses of one part of the table; neither is held over anything slow, and clicks touch neither.
//
// Not responsible for: click IDs (schemas/id), what a postback says (ingest, catalog/dialect), answering, dead letters,
// reading configuration files. It remembers nonces in this process only: after a restart, or at another edge, a replay
// within the window passes the gate, and the processor recognises it as the conversion that it booked before.
package trust
