// Package crawlers tells bots that name themselves from everybody else, by the list of the npm package
// crawler-user-agents (MIT, see LICENSE): 1,500 case-sensitive regular expressions, committed as
// crawlers.tsv by the script extract of this folder.
//
// Place in the flow: ingest/useragent asks it about each user agent it has not seen lately; the
// answer travels with the click and gives the UA_BOT reason.
//
// Invariant: [Match] returns what trying every expression of the list in order would. Running them all
// takes 300 times as long, so the text is read once by an automaton that looks for what each
// expression cannot match without: nearly all are plain texts and are decided by that alone, for the
// few others their own expression is then tried.
//
// Concurrency: everything is built on the first use and read-only from then on; any goroutine may call.
//
// Not responsible for: bots that lie about themselves (the scoring rules find those), caching.
package crawlers
