// Package store keeps what the console knows beside figures: users, sessions, tokens, views, shares, what everybody did, and the
// catalog where it is edited here. It is SQLite in data_dir, or a PostgreSQL that several consoles share.
//
// Place in the flow: package console reads and writes it; commands of package cli do what a person on the machine may do.
//
// Invariants:
//   - one SQL text for both databases, one set of migrations (goose), and one set of tests;
//   - every change is in one transaction with its entry of the audit (Store.Change): there is none without the other. Changes have
//     one order, over all consoles: each takes the same row first;
//   - secrets (sessions, tokens, links, shares) are 32 random bytes, of which SHA-256 is kept; passwords are argon2id;
//   - times are the store's clock in Unix milliseconds.
//
// Concurrency: a Store is safe for concurrent use, and several processes may have the same database.
//
// Not responsible for: who may do what (console/access, console).
package store
