ALTER TABLE {database}.conversions
    MODIFY COLUMN conversion_id COMMENT 'Identity of the conversion: 32 hex digits derived from (click ID, event, txid, correction or not).',
    MODIFY COLUMN kind COMMENT 'created (first entry of a conversion), correction (first entry of a correction, which moves revenue and counts as no conversion), status (its status changed), payout (payout corrected under the same status) or rescored (only the score changed).',
    MODIFY COLUMN payout COMMENT 'Payout after this entry, in the base currency; below 0 in a correction.',
    MODIFY COLUMN payout_original COMMENT 'Payout after this entry, in units of currency; below 0 in a correction and nowhere else.',
    MODIFY COLUMN conversions_delta COMMENT 'Change of the number of conversions: a conversion counts while registered, pending or approved, a correction never.',
    MODIFY COLUMN revenue_hold_delta COMMENT 'Change of revenue on hold (payouts of pending conversions and corrections), in the base currency.',
    MODIFY COLUMN revenue_confirmed_delta COMMENT 'Change of confirmed revenue (payouts of approved conversions and corrections), in the base currency.';

ALTER TABLE {database}.postbacks
    MODIFY COLUMN payout COMMENT 'Payout it names, in the base currency; below 0 it is a correction.';

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
    entry_kind String COMMENT 'Of a joined one: created, correction, status or payout.',
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

CREATE OR REPLACE VIEW {database}.conversions_current
(
    conversion_id String COMMENT 'Identity of the conversion: 32 hex digits derived from (click ID, event, txid, correction or not).',
    click_id String COMMENT 'Click ID the conversion belongs to.',
    network String COMMENT 'Network that sent the postback.',
    event String COMMENT 'Event type (goal), lower case: lead, sale, reg, ftd …',
    txid String COMMENT 'The network\'s transaction ID; empty when it names none.',
    match String COMMENT 'click (its click was found) or click_id (not found within the grace time; campaign and source come from the signed click ID).',
    foreign Bool COMMENT 'The click ID is another tracker\'s.',
    correction Bool COMMENT 'It is a correction: a payout below 0, which moves revenue and counts as no conversion. Count conversions where it is false.',
    campaign_id UInt32 COMMENT 'Campaign number of the click.',
    campaign String COMMENT 'Campaign name of the click.',
    source_id UInt32 COMMENT 'Source number of the click; 0 when undeclared.',
    source String COMMENT 'Source name of the click.',
    offer_id UInt32 COMMENT 'Offer number of the click; 0 when its click was not found.',
    offer String COMMENT 'Offer name of the click.',
    country String COMMENT 'Country of the click.',
    device String COMMENT 'Device of the click.',
    os String COMMENT 'Operating system of the click.',
    browser String COMMENT 'Browser of the click.',
    subs Array(String) COMMENT 'sub1…sub20 of the click link in order; trailing empty ones are left out.',
    external_id String COMMENT 'The traffic source\'s own ID of the click.',
    status String COMMENT 'Status now.',
    original_status String COMMENT 'The network\'s word behind the status now.',
    payout Decimal(18, 6) COMMENT 'Payout now, base currency.',
    payout_original Decimal(18, 6) COMMENT 'Payout now, in units of currency.',
    currency String COMMENT 'ISO 4217 code of payout_original.',
    transitions UInt64 COMMENT 'Ledger entries that changed status or payout, the first included.',
    revenue_hold Decimal(38, 6) COMMENT 'sum of revenue_hold_delta, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'sum of revenue_confirmed_delta, base currency.',
    score UInt32 COMMENT 'Score of the latest entry, 0 to 100.',
    flagged Int64 COMMENT '1 when flagged now: sum of flagged_delta.',
    click_at DateTime64(3, 'UTC') COMMENT 'When its click happened, UTC.',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When its first postback was accepted, UTC.',
    last_received_at DateTime64(3, 'UTC') COMMENT 'When its latest postback was accepted, UTC.'
)
AS SELECT
    c.conversion_id AS conversion_id,
    argMin(c.click_id, (c.seq = 0, c.seq)) AS click_id,
    argMin(c.network, (c.seq = 0, c.seq)) AS network,
    argMin(c.event, (c.seq = 0, c.seq)) AS event,
    argMin(c.txid, (c.seq = 0, c.seq)) AS txid,
    argMin(c.match, (c.seq = 0, c.seq)) AS match,
    argMin(c.foreign, (c.seq = 0, c.seq)) AS foreign,
    toBool(min(c.payout_original) < 0) AS correction,
    argMin(c.campaign_id, (c.seq = 0, c.seq)) AS campaign_id,
    argMin(c.campaign, (c.seq = 0, c.seq)) AS campaign,
    argMin(c.source_id, (c.seq = 0, c.seq)) AS source_id,
    argMin(c.source, (c.seq = 0, c.seq)) AS source,
    argMin(c.offer_id, (c.seq = 0, c.seq)) AS offer_id,
    argMin(c.offer, (c.seq = 0, c.seq)) AS offer,
    argMin(c.country, (c.seq = 0, c.seq)) AS country,
    argMin(c.device, (c.seq = 0, c.seq)) AS device,
    argMin(c.os, (c.seq = 0, c.seq)) AS os,
    argMin(c.browser, (c.seq = 0, c.seq)) AS browser,
    argMin(c.subs, (c.seq = 0, c.seq)) AS subs,
    argMin(c.external_id, (c.seq = 0, c.seq)) AS external_id,
    argMax(c.status, c.seq) AS status,
    argMax(c.original_status, c.seq) AS original_status,
    argMax(c.payout, c.seq) AS payout,
    argMax(c.payout_original, c.seq) AS payout_original,
    argMax(c.currency, c.seq) AS currency,
    countIf(c.seq > 0) AS transitions,
    sum(c.revenue_hold_delta) AS revenue_hold,
    sum(c.revenue_confirmed_delta) AS revenue_confirmed,
    argMax(c.score, (c.received_at, c.seq)) AS score,
    sum(c.flagged_delta) AS flagged,
    min(c.click_at) AS click_at,
    min(c.received_at) AS first_received_at,
    max(c.received_at) AS last_received_at
FROM {database}.conversions AS c
GROUP BY c.conversion_id
COMMENT 'State of each conversion and each correction now, one row each: its ledger entries folded.';
