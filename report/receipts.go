package report

var eventFields = []field{
	{"receipt_id", "String", "", "Receipt of a request to the edge."},
	{"received_at", "DateTime64(3, 'UTC')", "", "When the request was accepted or refused, UTC; of a replayed dead " +
		"letter, when it was replayed. A filter on it makes the look-up of a receipt fast: receipts begin " +
		"with the time."},
	{"step", "UInt8", "", "Order of steps of one request: 0 received, 1 parked, 2 decided."},
	{"at", "DateTime64(3, 'UTC')", "", "When the step was taken, by the clock of the role that took it, UTC."},
	{"state", "String", "", "received, parked, joined, duplicate, orphan or rejected."},
	{"reason", "String", "", "Reject reason of a duplicate, orphan or rejected one, from the closed list in the " +
		"data dictionary."},
	{"detail", "String", "", "What was wrong, in words."},
	{"place", "String", "", "Role that took the step: ingest or processor."},
	{"kind", "String", "", "What the request was: postback or click."},
	{"network", "String", "", "Network it came from."},
	{"click_id", "String", "", "Click it names."},
	{"event", "String", "", "Event type (goal)."},
	{"txid", "String", "", "Transaction ID."},
	{"original_status", "String", "", "Status word as the network wrote it."},
	{"waits_until", "DateTime64(3, 'UTC')", "", "Of a parked one: until when it waits at most, UTC; else 1970."},
	{"conversion_id", "String", "", "Of a joined one: conversion whose entry it made."},
	{"seq", "UInt32", "", "Of a joined one: number of the entry in its conversion."},
	{"entry_kind", "String", "", "Of a joined one: created, correction, status or payout."},
	{"status", "String", "", "Of a joined one: status of the conversion after the entry."},
	{"match", "String", "", "Of a joined one: click when the click was found, click_id when the entry rests on the " +
		"signed click ID alone."},
	{"payout_original", "Decimal(18, 6)", "", "Of a joined one: payout of the conversion after the entry; of a " +
		"refused one: payout it named. In units of currency."},
	{"currency", "String", "", "ISO 4217 code of payout_original."},
	{"not_taken", "Array(String)", "", "Of a received one: names of parameters that the request had and nobody took."},
}

// receiptEvents is the view of what happened to each request, step by step.
func receiptEvents() view {
	return view{
		name: "receipt_events",
		comment: "What happened to each request that has a receipt, step by step: received, parked, and what was " +
			"decided. One row a step.",
		columns: shownAs(eventFields),
		query: `SELECT
    receipt_id, received_at, toUInt8(0) AS step, received_at AS at, 'received' AS state, '' AS reason,
    '' AS detail, 'ingest' AS place, 'postback' AS kind,
    toString(network) AS network, click_id, toString(event) AS event, txid,
    toString(original_status) AS original_status,
    toDateTime64(0, 3, 'UTC') AS waits_until, '' AS conversion_id, toUInt32(0) AS seq, '' AS entry_kind,
    '' AS status, '' AS match, payout_original, toString(currency) AS currency, not_taken
FROM {database}.postbacks
UNION ALL SELECT
    receipt_id, received_at, 1, parked_at, 'parked', '', '', 'processor', 'postback',
    toString(network), click_id, toString(event), txid, '',
    until_at, '', 0, '', '', '', toDecimal64(0, 6), '', emptyArrayString()
FROM {database}.parked
UNION ALL SELECT
    letter_id, received_at, 2, decided_at, multiIf(reason = 'duplicate_postback', 'duplicate',
    reason = 'orphan', 'orphan', 'rejected'), toString(reason), detail, toString(place), toString(kind),
    toString(network), click_id, toString(event), txid, toString(original_status),
    toDateTime64(0, 3, 'UTC'), '', 0, '', '', '', payout_original, toString(currency), emptyArrayString()
FROM {database}.dead_letters
WHERE kind = 'postback' OR kind = 'click' AND place = 'ingest'
UNION ALL SELECT
    receipt_id, received_at, 2, decided_at, 'joined', '', '', 'processor', 'postback',
    toString(network), click_id, toString(event), txid, toString(original_status),
    toDateTime64(0, 3, 'UTC'), conversion_id, seq, toString(kind), toString(status), toString(match),
    payout_original, toString(currency), emptyArrayString()
FROM {database}.conversions
WHERE kind != 'rescored'`,
	}
}

// ofOutcome is what the step says that decided: a postback that made an entry of the ledger stays joined whatever came
// after, else the latest.
const ofOutcome = "argMax(e.{name}, (e.state = 'joined', e.received_at, e.step, e.at))"

var receiptFields = []field{
	{"receipt_id", "String", "e.receipt_id", "Receipt of a request to the edge."},
	{"first_received_at", "DateTime64(3, 'UTC')", "min(e.received_at)", "When the request first came, UTC."},
	{"decided_at", "DateTime64(3, 'UTC')", "argMax(e.at, (e.state = 'joined', e.received_at, e.step, e.at))", "When " +
		"it came into its state, UTC."},
	{"state", "String", ofOutcome, "What became of it: received (nothing is decided yet), parked (it waits for " +
		"its click), joined (it made an entry of the ledger), duplicate, orphan (no click came) or rejected."},
	{"reason", "String", ofOutcome, "Reject reason of a duplicate, orphan or rejected one; the data dictionary " +
		"says what to do."},
	{"detail", "String", ofOutcome, "What was wrong, in words."},
	{"place", "String", ofOutcome, "Role that decided: ingest or processor."},
	{"kind", "String", ofOutcome, "What the request was: postback or click."},
	{"network", "String", ofOutcome, "Network it came from."},
	{"click_id", "String", ofOutcome, "Click it names."},
	{"event", "String", ofOutcome, "Event type (goal)."},
	{"txid", "String", ofOutcome, "Transaction ID."},
	{"original_status", "String", ofOutcome, "Status word as the network wrote it."},
	{"waits_until", "DateTime64(3, 'UTC')", ofOutcome, "Of a parked one: until when it waits at most, UTC; else " +
		"1970."},
	{"conversion_id", "String", ofOutcome, "Of a joined one: conversion whose entry it made."},
	{"seq", "UInt32", ofOutcome, "Of a joined one: number of the entry in its conversion."},
	{"entry_kind", "String", ofOutcome, "Of a joined one: created, correction, status or payout."},
	{"status", "String", ofOutcome, "Of a joined one: status of the conversion after the entry."},
	{"match", "String", ofOutcome, "Of a joined one: click when the click was found, click_id when the entry " +
		"rests on the signed click ID alone."},
	{"payout_original", "Decimal(18, 6)", ofOutcome, "Of a joined one: payout of the conversion after the " +
		"entry; else the payout it named. In units of currency."},
	{"currency", "String", ofOutcome, "ISO 4217 code of payout_original."},
	{"not_taken", "Array(String)", "arrayDistinct(arrayFlatten(groupArray(e.not_taken)))", "Names of parameters " +
		"that the request had and nobody took."},
}

// receipts is the view of what became of each request.
func receipts() view {
	return view{
		name: "receipts",
		comment: "What became of each request that has a receipt, one row a receipt; GET /v1/receipts/{id} answers the " +
			"same. Fast for one receipt and short times only: filter receipt_events by received_at where there is " +
			"much.",
		columns: shownAs(receiptFields),
		query: "SELECT\n    " + selected(receiptFields, ",\n    ") + `
FROM {database}.receipt_events AS e
GROUP BY e.receipt_id`,
	}
}

var rejectedFields = []field{
	{"receipt_id", "String", "letter_id", "Receipt ID that the network was given in the answer."},
	{"reason", "String", "", "Reject reason, from the closed list in the data dictionary."},
	{"detail", "String", "", "What was wrong, in words."},
	{"place", "String", "", "Role that refused it: ingest, processor or sink."},
	{"received_at", "DateTime64(3, 'UTC')", "", "When it arrived, UTC; decides the ClickHouse partition."},
	{"network", "String", "", "Network of the postback; empty when unknown."},
	{"click_id", "String", "", "Click ID as received."},
	{"event", "String", "", "Event type as received."},
	{"txid", "String", "", "Transaction ID as received."},
	{"original_status", "String", "", "Status word as received."},
	{"payout", "Decimal(18, 6)", "", "Payout in the base currency; 0 when it could not be read."},
	{"payout_original", "Decimal(18, 6)", "", "Payout in units of currency; 0 when it could not be read."},
	{"currency", "String", "", "ISO 4217 code of payout_original."},
	{"ip", "IPv6", "", "Sender's address; IPv4 as ::ffff:a.b.c.d."},
	{"raw", "String", "", "The input as it came: for a request method, path and query, a blank line, the body; for " +
		"a record its value. Cut at 4096 bytes."},
}

// rejected is the view of postbacks that became no ledger entry.
func rejected() view {
	return view{
		name: "rejected_postbacks",
		comment: "Postbacks that became no ledger entry, each receipt once, with the reason, the money they named and " +
			"the request as it came.",
		columns: shownAs(rejectedFields),
		query: "SELECT\n    " + selected(rejectedFields, ",\n    ") + `
FROM {database}.dead_letters
WHERE kind = 'postback'
ORDER BY received_at
LIMIT 1 BY letter_id`,
	}
}
