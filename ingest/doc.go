// Package ingest is the edge: HTTP in, durable Kafka record out.
//
// Place in the flow: first. Traffic sources, browsers and networks send requests; the processor and the sink read the
// topics.
//
// A click (GET /c/{campaign}, POST /v1/clicks) or a network's postback (/postback) is read, checked against the catalog,
// enriched (country, city and network of its address, device, browser, bot, clicks of its IP), signed, and handed to Kafka.
// What is refused goes to the dead letters with the request as it came. The edge resolves everything that depends on the
// configuration, so that no later stage needs the catalog, and a replay decides alike.
//
// Invariants:
//   - Answered 200 or 302 means durable: acks=all came back for the record, or an fsync of the spool after it was written there.
//     Answered 4xx with a receipt means that the dead letter is durable; some dialects have a refusal answered 200 as well.
//   - Answered 503 means that nothing was acknowledged. The record may land all the same when Kafka or the disk was only slow:
//     delivery is at least once, and the processor counts each click ID and each conversion once.
//   - A handler waits for Kafka at most ack_bound, then for the spool's disk, both together at most ack_timeout. What may wait is
//     bounded in records and in bytes, in memory and on disk; beyond is 503 with Retry-After.
//   - While the spool holds anything, everything goes there until Kafka has confirmed a window of it as soon as a request would want, and
//     again from the next record on that is late. The postbacks of a click that has some there go there in any case, for one may not
//     overtake another of its conversion. Draining starts only when it is known what became of the records that Kafka
//     was given before, and sends no two postbacks of a click at once: the postbacks of one click reach Kafka in the
//     order in which this edge acknowledged them. What is not promised is in docs/spool.md.
//   - A record that Kafka confirms after its request gave up is not sent from the spool as well. It is there twice only after a
//     crash, under its first event ID. A crash with a produce request under way may also let the older copy arrive last.
//   - What Kafka refuses for good is set aside alone, never with its batch, is named in /readyz, and can be sent again under
//     its ID (package spool). What is reused from request to request is blank when it is.
//   - A body is read as exactly one thing, which the body says and no header: a signature covers it whole (body.go). Only an unsigned
//     upload may say its character set in a header. Names
//     have no character that nobody sees (catalog/query, text.go). No header makes a request more local than its connection is.
//   - What the process lacks for another connection never ends those that are open (package accept).
//   - A paid click is never lost for a bad optional parameter of its link: the parameter is cut, cleaned or blanked and
//     counted. A postback is money: it is taken exactly as written, or refused with a reason.
//   - Links and postbacks that other trackers' users have are read as package dialect says, after our own routes: a path of ours is
//     never a dialect's. Which network a postback is from is told by its path or the parameter network, else by its dialect when
//     only one declared network writes so; it is never guessed.
//   - Who asks for a link, an image or a button ahead of its visitor (prefetch, prerender, preview) is answered 503 and no-store and is
//     counted for nothing (ahead.go). An odd target is read as it is plainly meant (target.go); what no route takes and carries a click ID
//     of ours is a dead letter (lost.go).
//   - Amounts and times are read as their network's decimal, time_zone and dates say; what these leave open is refused (written.go).
//   - A macro that nobody filled in is no value: a click is served with that parameter empty, its cost the campaign's; a postback
//     with one in its money, identity, status or event is refused. Both are counted by who sends them.
//   - Each line of an upload (POST /postback/{network}/batch) has the fate of a postback of its own, and its dead letter reads as one.
//     Where a network's lines without a transaction ID are conversions of their own, a line's content and place among its equals
//     is its transaction ID, so that the same upload again counts once.
//   - A click, and a landing page's button, leads only to a declared offer's or landing page's URL, whatever the kind of answer; values
//     in it are percent-encoded.
//   - An impression or a landing click that Kafka may have already is marked resent when it is sent again: what an earlier process left in the
//     spool, and what Kafka had been given before the spool was. Nothing else of these topics is there twice. The sink counts copies once.
//   - No record has more of a client's address than ingest.privacy lets through: every record is made by one function, which sees
//     to that. Texts that others put an address into (a sub parameter, the query of a postback) are kept as they came.
//   - Which offer a visitor gets follows from the visitor, the campaign and the catalog alone, but for caps: those, and which
//     clicks are unique, are of this process and its memory.
//   - A postback of a network that declares keys, tokens or addresses is taken for money only when it proves them (package
//     trust), when it first comes and when its dead letter is looked at again. A right token is overwritten before anything is
//     kept of the request, and so is every declared secret wherever it stands in a dead letter or a postback's raw bytes. What is answered 429 beyond the sampled rate has no dead letter: its sender keeps it.
//   - What proves nothing makes dead letters at a bounded rate per address; what proves itself is neither counted there nor refused for it.
//
// What became of a request is answered at /v1/receipts/{id} to whoever has its receipt, from what later roles wrote down (Deps.Receipts): few
// look-ups at a time and a second, none longer than receipts.timeout, and nothing that is not the sender's own or decided about it.
//
// Concurrency: fasthttp calls the handler from one goroutine a connection. Requests share only immutable or atomic state
// and pools. The memory of a request is fasthttp's again once the handler returns, therefore an event is marshalled before
// it is handed over, and its buffer goes back to the pool when both the request and the Kafka client are done with it. Records gather
// for linger and are handed to the client in one go (gathering); one sweep tells requests that Kafka is late for them (overdue).
//
// Without a folder for the spool (ingest.spool.dir empty) a request waits for Kafka up to ack_timeout and is then answered 503.
//
// Not responsible for: joining, scoring, duplicates (processor), creating topics, reading configuration files (deploy).
package ingest
