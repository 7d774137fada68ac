// Package chdb runs the ClickHouse engine as a library (libchdb) in a child process and serves ClickHouse's HTTP
// interface in front of it, so that clickhouse-go, curl, Grafana and DBeaver speak to it as to a server.
//
// Place in the flow: it stands where a ClickHouse server stands in a distributed deployment. `tributary up`, the demo
// and the tests start it with [Start]; the child runs [ServeChild]. Nothing but an address tells the two apart.
//
// Invariants:
//   - Nothing but /ping is answered without a password, to another host's name, or to a web page. See [User].
//   - Nobody reaches beyond tables. The engine's access control grants files, URLs, other servers, processes, backups,
//     dictionaries and functions to no session. What it carries out outside of its access control, such as the function
//     file(), the operating system refuses: the child enters a Landlock domain before it loads the engine, in which it
//     reaches its data directory and nothing else of the machine. Where there is none, guests are refused unless
//     [ServerConfig].GuestsUnconfined is set. As a second line, and for several statements, INTO OUTFILE and FROM INFILE,
//     statements are examined in the words of the engine's own parser.
//   - A guest runs under the engine's readonly=1, which no statement takes back: settings that are not at a statement's end
//     are refused to it. It has slots, bounds, a parser and sessions of its own ([GuestLimits]). Every GET runs under
//     readonly=2 if it is the roles'.
//   - A statement runs under a mark, by which it is found in the engine: whose it is and what its client calls it. By it
//     KILL QUERY, SHOW PROCESSLIST and system.processes know queries as their clients do, and a guest's see that guest's.
//   - A request owns an engine connection of its own, opened for it and closed after it (0.3 ms, measured), unless it
//     names a session_id and may write. So no setting, USE or temporary table of one request is seen by the next, but what
//     a session's own statements made.
//   - Tables that come with a query (multipart/form-data) are temporary ones of its connection, made before it becomes
//     read-only; of their columns' descriptions nothing but names and types gets into a statement (see form).
//   - A body inserted in one Native block becomes one insert block, hence one part a ClickHouse partition and one use of
//     an insert_deduplication_token. The body reaches the engine as an anonymous file, never as query text: the engine
//     cuts binary query text short.
//   - An insert answered 200 is in the table's files; a killed child loses none of those. The files are not fsynced: a
//     lost machine may lose the last seconds (ClickHouse's own default), unless [ServerConfig].Durable is set.
//   - Nothing is answered of a part, or of a table's definition, that a full disk left incomplete: the engine does not
//     notice it, so the child looks, ends itself, and undoes it at its next start (see parts and definitions).
//   - What the child writes is its owner's alone, and its environment holds no secret.
//   - Everything is bounded: body bytes, query text, result bytes of formats that cannot be streamed, running and
//     waiting queries, sessions, the engine's memory and caches. See [ServerConfig].
//   - One process owns a data directory; a second one is refused with an error that names the directory.
//
// Concurrency: the engine runs one query at a time on a connection and any number of connections side by side. A
// request's goroutine stays on one OS thread while the engine works for it, because the engine keeps state by thread.
// When a client goes away its query is killed in the engine.
//
// The binding needs no cgo (ebitengine/purego). Who frees what: result handles are destroyed by the code that obtained
// them, in the same function; bytes are copied out or written to the client before that; strings passed in are only
// borrowed by the engine for the call.
//
// Not responsible for: TLS (listen on loopback only), the native TCP protocol,
// clusters and replication, restarting a crashed child (the caller of [Start] decides), fetching the library
// (scripts/libchdb/fetch), schemas.
package chdb
