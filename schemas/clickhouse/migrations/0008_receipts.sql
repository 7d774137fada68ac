-- Views are generated: package report has them, and Migrate makes those that changed after the migrations.

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
