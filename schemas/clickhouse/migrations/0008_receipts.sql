CREATE TABLE IF NOT EXISTS {database}.postbacks
(
    receipt_id String COMMENT 'Receipt the edge gave the postback; begins with the time, so that the table is sorted by it. The topic is at least once: a repeated row has the same, and so has one of a dead letter that was replayed. Count distinct receipt_id.' CODEC(ZSTD(1)),
    click_id String COMMENT 'Click it names.' CODEC(ZSTD(1)),
    network LowCardinality(String) COMMENT 'Network it came from.',
    event LowCardinality(String) COMMENT 'Event type (goal).',
    txid String COMMENT 'Transaction ID; empty when the network names none.' CODEC(ZSTD(1)),
    status LowCardinality(String) COMMENT 'Status it was read as: registered, pending, approved, rejected, chargeback; unspecified when the network names none.',
    original_status LowCardinality(String) COMMENT 'Status word as the network wrote it.',
    has_payout Bool COMMENT 'It names a payout; else the one of the offer counts.',
    payout Decimal(18, 6) COMMENT 'Payout it names, in the base currency.',
    payout_original Decimal(18, 6) COMMENT 'Payout it names, in units of currency.',
    currency LowCardinality(String) COMMENT 'ISO 4217 code of payout_original.',
    foreign Bool COMMENT 'The click ID is another tracker\'s.',
    campaign_id UInt32 COMMENT 'Campaign number in the signed click ID; 0 when foreign.',
    campaign LowCardinality(String) COMMENT 'Campaign name.',
    source_id UInt32 COMMENT 'Source number in the signed click ID; 0 when undeclared or foreign.',
    source LowCardinality(String) COMMENT 'Source name.',
    event_at DateTime64(3, 'UTC') COMMENT 'When the conversion happened, UTC.' CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') COMMENT 'When the edge accepted it, UTC; of a replayed dead letter, when it was replayed. Decides the ClickHouse partition.' CODEC(Delta, ZSTD(1)),
    _partition UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    _offset UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta, ZSTD(1)),
    INDEX by_click_id click_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY receipt_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every postback that the edge accepted, one row a Kafka record, whatever became of it: see receipts. Neither the sender\'s address nor the request as it came is here, they are personal data; the topic has them. Filled from the topic postbacks.';

CREATE TABLE IF NOT EXISTS {database}.parked
(
    receipt_id String COMMENT 'Receipt of the postback. A postback that the edge sent twice can have two rows.' CODEC(ZSTD(1)),
    click_id String COMMENT 'Click it waits for.' CODEC(ZSTD(1)),
    network LowCardinality(String) COMMENT 'Network it came from.',
    event LowCardinality(String) COMMENT 'Event type (goal).',
    txid String COMMENT 'Transaction ID; empty when the network names none.' CODEC(ZSTD(1)),
    parked_at DateTime64(3, 'UTC') COMMENT 'When the wait began, UTC.' CODEC(Delta, ZSTD(1)),
    until_at DateTime64(3, 'UTC') COMMENT 'Until when it waits at most, UTC. Then it counts by its signed click ID, or is an orphan.' CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') COMMENT 'When the edge accepted the postback, UTC; decides the ClickHouse partition.' CODEC(Delta, ZSTD(1)),
    _partition UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    _offset UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta, ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY receipt_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Postbacks that came before their click and had to wait for it, whether they still wait or not: see receipts. Filled from the topic parked.';

ALTER TABLE {database}.conversions ADD COLUMN IF NOT EXISTS decided_at DateTime64(3, 'UTC') DEFAULT received_at COMMENT 'When the processor made the entry, by its clock, UTC. received_at in rows from before there was this column.' CODEC(Delta, ZSTD(1)) AFTER received_at;

ALTER TABLE {database}.conversions ADD INDEX IF NOT EXISTS by_receipt_id receipt_id TYPE bloom_filter(0.01) GRANULARITY 4;

ALTER TABLE {database}.dead_letters ADD COLUMN IF NOT EXISTS decided_at DateTime64(3, 'UTC') DEFAULT received_at COMMENT 'When the processor refused it, by its clock, UTC; received_at where another role did, and in rows from before there was this column.' CODEC(Delta, ZSTD(1)) AFTER received_at;

ALTER TABLE {database}.dead_letters ADD INDEX IF NOT EXISTS by_letter_id letter_id TYPE bloom_filter(0.01) GRANULARITY 4;

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
    entry_kind String COMMENT 'Of a joined one: created, status or payout.',
    status String COMMENT 'Of a joined one: status of the conversion after the entry.',
    match String COMMENT 'Of a joined one: click when the click was found, click_id when the entry rests on the signed click ID alone.',
    payout_original Decimal(18, 6) COMMENT 'Of a joined one: payout of the conversion after the entry; of a refused one: payout it named. In units of currency.',
    currency String COMMENT 'ISO 4217 code of payout_original.'
)
AS SELECT
    receipt_id, received_at, toUInt8(0) AS step, received_at AS at, 'received' AS state, '' AS reason, '' AS detail, 'ingest' AS place, 'postback' AS kind,
    toString(network) AS network, click_id, toString(event) AS event, txid, toString(original_status) AS original_status,
    toDateTime64(0, 3, 'UTC') AS waits_until, '' AS conversion_id, toUInt32(0) AS seq, '' AS entry_kind, '' AS status, '' AS match, payout_original, toString(currency) AS currency
FROM {database}.postbacks
UNION ALL SELECT
    receipt_id, received_at, 1, parked_at, 'parked', '', '', 'processor', 'postback',
    toString(network), click_id, toString(event), txid, '',
    until_at, '', 0, '', '', '', toDecimal64(0, 6), ''
FROM {database}.parked
UNION ALL SELECT
    letter_id, received_at, 2, decided_at, multiIf(reason = 'duplicate_postback', 'duplicate', reason = 'orphan', 'orphan', 'rejected'), toString(reason), detail, toString(place), toString(kind),
    toString(network), click_id, toString(event), txid, toString(original_status),
    toDateTime64(0, 3, 'UTC'), '', 0, '', '', '', payout_original, toString(currency)
FROM {database}.dead_letters
WHERE kind = 'postback' OR kind = 'click' AND place = 'ingest'
UNION ALL SELECT
    receipt_id, received_at, 2, decided_at, 'joined', '', '', 'processor', 'postback',
    toString(network), click_id, toString(event), txid, toString(original_status),
    toDateTime64(0, 3, 'UTC'), conversion_id, seq, toString(kind), toString(status), toString(match), payout_original, toString(currency)
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
    entry_kind String COMMENT 'Of a joined one: created, status or payout.',
    status String COMMENT 'Of a joined one: status of the conversion after the entry.',
    match String COMMENT 'Of a joined one: click when the click was found, click_id when the entry rests on the signed click ID alone.',
    payout_original Decimal(18, 6) COMMENT 'Of a joined one: payout of the conversion after the entry; else the payout it named. In units of currency.',
    currency String COMMENT 'ISO 4217 code of payout_original.'
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
    argMax(e.currency, (e.state = 'joined', e.received_at, e.step, e.at)) AS currency
FROM {database}.receipt_events AS e
GROUP BY e.receipt_id
COMMENT 'What became of each request that has a receipt, one row a receipt; GET /v1/receipts/{id} answers the same. Fast for one receipt and short times only: filter receipt_events by received_at where there is much.';
