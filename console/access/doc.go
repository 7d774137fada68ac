// Package access says who may do what in the console: roles, what each of them may, and the scope within which.
//
// Place in the flow: package console asks it before each request; what is in scope of a report is then added by package report.
//
// Invariants: what is not listed is not allowed. A scope that names nothing shows nothing. Whoever gives rights away (a token, a
// share, a user made by an admin) gives at most his own.
//
// Not responsible for: who somebody is (package console), where users are kept (console/store).
package access
