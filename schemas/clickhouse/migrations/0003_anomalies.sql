CREATE TABLE IF NOT EXISTS {database}.anomalies
(
    anomaly_id String COMMENT 'Identity of the finding; a repeated row (the topic is at least once from the edge) has the same.' CODEC(ZSTD(1)),
    code LowCardinality(String) COMMENT 'Signal code, see the data dictionary.',
    subject LowCardinality(String) COMMENT 'What it was found on: click, conversion or postback.',
    observed Float64 COMMENT 'What was observed, in the unit of the signal.',
    expected Float64 COMMENT 'What was expected.',
    n UInt64 COMMENT 'Sample size the finding rests on.',
    llr Float64 COMMENT 'Log-likelihood ratio in nats where the signal accumulates one, else 0.',
    points UInt32 COMMENT 'Points given to the score.',
    baseline UInt32 COMMENT 'Version of the baseline that expected comes from.',
    score UInt32 COMMENT 'Score of the subject after this finding, 0 to 100.',
    click_id String COMMENT 'Click it concerns.' CODEC(ZSTD(1)),
    conversion_id String COMMENT 'Conversion it concerns; empty for none.' CODEC(ZSTD(1)),
    receipt_id String COMMENT 'Receipt of the postback it concerns; empty for none.' CODEC(ZSTD(1)),
    network LowCardinality(String) COMMENT 'Network of the postback; empty for a click.',
    campaign_id UInt32 COMMENT 'Campaign number; 0 when unknown.',
    campaign LowCardinality(String) COMMENT 'Campaign name.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared or unknown.',
    source LowCardinality(String) COMMENT 'Source name.',
    event_at DateTime64(3, 'UTC') COMMENT 'When the subject happened, UTC.' CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') COMMENT 'When the edge accepted the subject, UTC; decides the ClickHouse partition.' CODEC(Delta, ZSTD(1)),
    _partition UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    _offset UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta, ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (campaign_id, source_id, received_at, anomaly_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Anomaly findings, one row each, for alerts and analysis. Count distinct anomaly_id. Filled from the topic scored.anomalies.';
