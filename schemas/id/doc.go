// Package id makes, writes and checks the two identifiers that leave the system: click IDs and receipt IDs.
//
// Place in the flow: the edge makes click IDs and checks those that come back; processor, sink and commands read them.
//
// A click ID carries its own proof and its own minimum: when the click happened, its campaign and source, and a MAC. A
// forged one is refused without a look-up, a state look-up reads one time bucket, and a postback whose click record is
// gone can still be attributed. Both kinds sort by time, as bytes and as text.
//
// Text is Crockford's base 32 in lower case (0-9, a-z without i, l, o, u): it survives networks that change case, and
// it needs no escaping in a URL. Reading accepts upper case, i and l for 1, o for 0.
//
// A Minter and a Keyring are safe for concurrent use.
//
// Not responsible for: keeping keys: they come from the configuration.
package id
