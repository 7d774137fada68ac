// Package catalog is what the owner declares: campaigns, traffic sources, offers, networks, exchange rates and the keys of
// click IDs. The edge resolves every request against it and stamps the result on the event, so that no later stage needs it.
//
// Place in the flow: beside it. deploy/config reads the section, Build compiles it, the edge asks it about every
// request; cli/links and cli/importer ask it too.
//
// Config is the section `catalog` of the configuration file as written. Build checks all of it and compiles it into a Catalog:
// names to entries, link templates to segments, rates to dates. A Catalog is immutable and safe for concurrent use; a
// reload builds a new one and swaps it in whole, so that a request sees one state of it from beginning to end. Look-ups
// take the request's bytes and do not allocate.
//
// Which of a campaign's offers a visitor gets is decided here too, purely: the first rule that he fulfils names a list of offers,
// and his key picks one of it by weight (Rotation). Caps are the edge's: it passes over what is full.
//
// How a network writes its postbacks and a source its links is compiled here as well, from a dialect (package dialect) and what
// the entry adds to it; a campaign answers to its aliases as to its name.
//
// Landing pages are chosen alike, apart from offers: a visitor's page says nothing about his offer.
//
// Not responsible for: reading files, watching for changes, answering requests.
package catalog
