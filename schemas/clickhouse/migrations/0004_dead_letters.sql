CREATE TABLE IF NOT EXISTS {database}.dead_letters
(
    letter_id String COMMENT 'Identity of the dead letter; for a postback its receipt ID. A repeated row (the topic is at least once) has the same.' CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'What it would have been: click, postback, record (undecodable Kafka record) or row (refused by ClickHouse).',
    reason LowCardinality(String) COMMENT 'Reject reason, from the closed list in the data dictionary.',
    detail String COMMENT 'What was wrong, in words.' CODEC(ZSTD(1)),
    place LowCardinality(String) COMMENT 'Role that refused it: ingest, processor or sink.',
    received_at DateTime64(3, 'UTC') COMMENT 'When it arrived, UTC; decides the ClickHouse partition.' CODEC(Delta, ZSTD(1)),
    raw String COMMENT 'The input as it came: for a request method, path and query, a blank line, the body, cut at 4096 bytes; for a record its value.' CODEC(ZSTD(1)),
    network LowCardinality(String) COMMENT 'Network of the postback; empty when unknown.',
    click_id String COMMENT 'Click ID as received.' CODEC(ZSTD(1)),
    event LowCardinality(String) COMMENT 'Event type as received.',
    txid String COMMENT 'Transaction ID as received.' CODEC(ZSTD(1)),
    original_status LowCardinality(String) COMMENT 'Status word as received.',
    payout Decimal(18, 6) COMMENT 'Payout in the base currency; 0 when it could not be read.',
    payout_original Decimal(18, 6) COMMENT 'Payout in units of currency; 0 when it could not be read.',
    currency LowCardinality(String) COMMENT 'ISO 4217 code of payout_original.',
    ip IPv6 COMMENT 'Sender\'s address; IPv4 as ::ffff:a.b.c.d.' CODEC(ZSTD(1)),
    source_topic LowCardinality(String) COMMENT 'Kafka topic the refused record was read from; empty when it came over HTTP.',
    source_partition Int32 COMMENT 'Its partition.',
    source_offset Int64 COMMENT 'Its offset.',
    _partition UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    _offset UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta, ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (kind, reason, received_at, letter_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Input that became neither a click nor a ledger entry, kept whole, each with its reason. Filled from the topic dead-letters.';
