ALTER TABLE {database}.postbacks ADD COLUMN IF NOT EXISTS not_taken Array(String) COMMENT 'Names of parameters that the request had and the edge did not take, 16 at most and "and 3 more"; those that the network\'s configuration ignores are left out. Their values are in the topic.' CODEC(ZSTD(1)) AFTER source;

CREATE OR REPLACE VIEW {database}.receipt_events
(
    receipt_id String COMMENT 'Receipt of a request to the edge.',
    received_at DateTime64(3, 'UTC') COMMENT 'When the request was accepted or refused, UTC; of a replayed dead letter, when it was replayed. A filter on it makes the look-up of a receipt fast: receipts begin with the time.',
    step UInt8 COMMENT 'Order of steps of one request: 0 received, 1 parked, 2 decided.',
    at DateTime64(3, 'UTC') COMMENT 'When the step was taken, by the clock of the role that took it, UTC.',
    state String COMMENT 'received, parked, joined, duplicate, orphan or rejected.',
    reason String COMMENT 'Reject reason of a duplicate, orphan or rejected one, from the closed list in the data dictionary.',
    detail String COMMENT 'What was wrong, in words.',
    place String COMMENT 'Role that took the step: ingest or processor.',
    kind String COMMENT 'What the request was: postback or click.',
    network String COMMENT 'Network it came from.',
    click_id String COMMENT 'Click it names.',
    event String COMMENT 'Event type (goal).',
    txid String COMMENT 'Transaction ID.',
    original_status String COMMENT 'Status word as the network wrote it.',
    waits_until DateTime64(3, 'UTC') COMMENT 'Of a parked one: until when it waits at most, UTC; else 1970.',
    conversion_id String COMMENT 'Of a joined one: conversion whose entry it made.',
    seq UInt32 COMMENT 'Of a joined one: number of the entry in its conversion.',
    entry_kind String COMMENT 'Of a joined one: created, correction, status or payout.',
    status String COMMENT 'Of a joined one: status of the conversion after the entry.',
    match String COMMENT 'Of a joined one: click when the click was found, click_id when the entry rests on the signed click ID alone.',
    payout_original Decimal(18, 6) COMMENT 'Of a joined one: payout of the conversion after the entry; of a refused one: payout it named. In units of currency.',
    currency String COMMENT 'ISO 4217 code of payout_original.',
    not_taken Array(String) COMMENT 'Of a received one: names of parameters that the request had and nobody took.'
)
AS SELECT
    receipt_id, received_at, toUInt8(0) AS step, received_at AS at, 'received' AS state, '' AS reason, '' AS detail, 'ingest' AS place, 'postback' AS kind,
    toString(network) AS network, click_id, toString(event) AS event, txid, toString(original_status) AS original_status,
    toDateTime64(0, 3, 'UTC') AS waits_until, '' AS conversion_id, toUInt32(0) AS seq, '' AS entry_kind, '' AS status, '' AS match, payout_original, toString(currency) AS currency, not_taken
FROM {database}.postbacks
UNION ALL SELECT
    receipt_id, received_at, 1, parked_at, 'parked', '', '', 'processor', 'postback',
    toString(network), click_id, toString(event), txid, '',
    until_at, '', 0, '', '', '', toDecimal64(0, 6), '', emptyArrayString()
FROM {database}.parked
UNION ALL SELECT
    letter_id, received_at, 2, decided_at, multiIf(reason = 'duplicate_postback', 'duplicate', reason = 'orphan', 'orphan', 'rejected'), toString(reason), detail, toString(place), toString(kind),
    toString(network), click_id, toString(event), txid, toString(original_status),
    toDateTime64(0, 3, 'UTC'), '', 0, '', '', '', payout_original, toString(currency), emptyArrayString()
FROM {database}.dead_letters
WHERE kind = 'postback' OR kind = 'click' AND place = 'ingest'
UNION ALL SELECT
    receipt_id, received_at, 2, decided_at, 'joined', '', '', 'processor', 'postback',
    toString(network), click_id, toString(event), txid, toString(original_status),
    toDateTime64(0, 3, 'UTC'), conversion_id, seq, toString(kind), toString(status), toString(match), payout_original, toString(currency), emptyArrayString()
FROM {database}.conversions
WHERE kind != 'rescored'
COMMENT 'What happened to each request that has a receipt, step by step: received, parked, and what was decided. One row a step.';

CREATE OR REPLACE VIEW {database}.receipts
(
    receipt_id String COMMENT 'Receipt of a request to the edge.',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When the request first came, UTC.',
    decided_at DateTime64(3, 'UTC') COMMENT 'When it came into its state, UTC.',
    state String COMMENT 'What became of it: received (nothing is decided yet), parked (it waits for its click), joined (it made an entry of the ledger), duplicate, orphan (no click came) or rejected.',
    reason String COMMENT 'Reject reason of a duplicate, orphan or rejected one; the data dictionary says what to do.',
    detail String COMMENT 'What was wrong, in words.',
    place String COMMENT 'Role that decided: ingest or processor.',
    kind String COMMENT 'What the request was: postback or click.',
    network String COMMENT 'Network it came from.',
    click_id String COMMENT 'Click it names.',
    event String COMMENT 'Event type (goal).',
    txid String COMMENT 'Transaction ID.',
    original_status String COMMENT 'Status word as the network wrote it.',
    waits_until DateTime64(3, 'UTC') COMMENT 'Of a parked one: until when it waits at most, UTC; else 1970.',
    conversion_id String COMMENT 'Of a joined one: conversion whose entry it made.',
    seq UInt32 COMMENT 'Of a joined one: number of the entry in its conversion.',
    entry_kind String COMMENT 'Of a joined one: created, correction, status or payout.',
    status String COMMENT 'Of a joined one: status of the conversion after the entry.',
    match String COMMENT 'Of a joined one: click when the click was found, click_id when the entry rests on the signed click ID alone.',
    payout_original Decimal(18, 6) COMMENT 'Of a joined one: payout of the conversion after the entry; else the payout it named. In units of currency.',
    currency String COMMENT 'ISO 4217 code of payout_original.',
    not_taken Array(String) COMMENT 'Names of parameters that the request had and nobody took.'
)
AS SELECT
    e.receipt_id AS receipt_id,
    min(e.received_at) AS first_received_at,
    argMax(e.at, (e.state = 'joined', e.received_at, e.step, e.at)) AS decided_at,
    argMax(e.state, (e.state = 'joined', e.received_at, e.step, e.at)) AS state,
    argMax(e.reason, (e.state = 'joined', e.received_at, e.step, e.at)) AS reason,
    argMax(e.detail, (e.state = 'joined', e.received_at, e.step, e.at)) AS detail,
    argMax(e.place, (e.state = 'joined', e.received_at, e.step, e.at)) AS place,
    argMax(e.kind, (e.state = 'joined', e.received_at, e.step, e.at)) AS kind,
    argMax(e.network, (e.state = 'joined', e.received_at, e.step, e.at)) AS network,
    argMax(e.click_id, (e.state = 'joined', e.received_at, e.step, e.at)) AS click_id,
    argMax(e.event, (e.state = 'joined', e.received_at, e.step, e.at)) AS event,
    argMax(e.txid, (e.state = 'joined', e.received_at, e.step, e.at)) AS txid,
    argMax(e.original_status, (e.state = 'joined', e.received_at, e.step, e.at)) AS original_status,
    argMax(e.waits_until, (e.state = 'joined', e.received_at, e.step, e.at)) AS waits_until,
    argMax(e.conversion_id, (e.state = 'joined', e.received_at, e.step, e.at)) AS conversion_id,
    argMax(e.seq, (e.state = 'joined', e.received_at, e.step, e.at)) AS seq,
    argMax(e.entry_kind, (e.state = 'joined', e.received_at, e.step, e.at)) AS entry_kind,
    argMax(e.status, (e.state = 'joined', e.received_at, e.step, e.at)) AS status,
    argMax(e.match, (e.state = 'joined', e.received_at, e.step, e.at)) AS match,
    argMax(e.payout_original, (e.state = 'joined', e.received_at, e.step, e.at)) AS payout_original,
    argMax(e.currency, (e.state = 'joined', e.received_at, e.step, e.at)) AS currency,
    arrayDistinct(arrayFlatten(groupArray(e.not_taken))) AS not_taken
FROM {database}.receipt_events AS e
GROUP BY e.receipt_id
COMMENT 'What became of each request that has a receipt, one row a receipt; GET /v1/receipts/{id} answers the same. Fast for one receipt and short times only: filter receipt_events by received_at where there is much.';
