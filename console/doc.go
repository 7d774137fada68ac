// Package console is what a person clicks and a program asks: the REST API under /api/v1, its users and tokens, and web pages that
// use nothing else.
//
// Place in the flow: behind all. It asks package report about counts and money, reads what was declared (catalog), and keeps what is
// its own in console/store. deploy/wiring makes it.
//
// Invariants:
//   - closed by default: a request that is no row of Routes is 404, and each row says which right it needs. TestRoutes walks routes,
//     roles and scopes;
//   - the scope of who asks is put into each question here, once (Principal.Question), and package report puts it into each part of
//     each statement; what is out of scope is 404, as if it were not there;
//   - a change is in one transaction with its entry of the audit; one that is sent twice with the same Idempotency-Key is made once;
//   - cookies are __Host-, pages have no script, writes of other origins are refused (http.CrossOriginProtection).
//
// Concurrency: a Server is safe for concurrent use; several may share one PostgreSQL.
//
// Not responsible for: what figures mean (report, schemas), which roles there are (console/access), certificates of a proxy.
package console
