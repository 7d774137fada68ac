-- Views are generated: package report has them, and Migrate makes those that changed after the migrations.
-- It made more rollups that 0013 took away again. A database without them needs none: 0013 sums the rows themselves.

ALTER TABLE {database}.clicks
    ADD COLUMN IF NOT EXISTS _layout UInt8 COMMENT 'Version of the loader that wrote the row: 1 and above are counted in rollup_minute_traffic and rollup_hour_traffic; 0 is from before there were these, and views count it from here.',
    ADD COLUMN IF NOT EXISTS landing_id UInt32 COMMENT 'Landing page number of the catalog; 0 when the click went to the offer directly.' AFTER offer,
    ADD INDEX IF NOT EXISTS by_layout _layout TYPE minmax GRANULARITY 64;

CREATE TABLE IF NOT EXISTS {database}.impressions
(
    impression_id String COMMENT 'Identity of the impression: 26 characters, sortable by time.' CODEC(ZSTD(1)),
    event_at DateTime64(3, 'UTC') COMMENT 'When the ad was shown, UTC.' CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') COMMENT 'When the edge accepted it, UTC; decides the ClickHouse partition.' CODEC(Delta, ZSTD(1)),
    campaign_id UInt32 COMMENT 'Campaign number of the catalog.',
    campaign LowCardinality(String) COMMENT 'Campaign name at that time.',
    source_id UInt32 COMMENT 'Source number of the catalog; 0 for a source that the catalog does not declare.',
    source LowCardinality(String) COMMENT 'Source name; empty when the link names none.',
    subs Array(String) COMMENT 'sub1…sub20 of the link in order; trailing empty ones are left out.',
    external_id String COMMENT 'The traffic source\'s own ID of this showing.' CODEC(ZSTD(1)),
    keyword String COMMENT 'Keyword as the traffic source reported it.' CODEC(ZSTD(1)),
    creative String COMMENT 'Creative as the traffic source reported it.' CODEC(ZSTD(1)),
    cost Decimal(18, 6) COMMENT 'What the impression cost, in the base currency at the dated exchange rate in force, rounded to 0.000001.',
    cost_original Decimal(18, 6) COMMENT 'What the impression cost, in units of currency.',
    currency LowCardinality(String) COMMENT 'ISO 4217 code of cost_original.',
    ip IPv6 COMMENT 'Visitor\'s address; IPv4 as ::ffff:a.b.c.d.' CODEC(ZSTD(1)),
    country LowCardinality(String) COMMENT 'Country of the IP, ISO 3166-1 alpha-2; empty when unknown.',
    device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown, from the user agent.',
    os LowCardinality(String) COMMENT 'Operating system, from the user agent.',
    browser LowCardinality(String) COMMENT 'Browser, from the user agent.',
    bot LowCardinality(String) COMMENT 'Name of the listed bot that the user agent matches; empty for none.',
    referrer String COMMENT 'Referer header.' CODEC(ZSTD(1)),
    language LowCardinality(String) COMMENT 'First language of Accept-Language, lower case.',
    copy Bool COMMENT 'The topic has this impression before, at a lower offset of the partition: an edge died and could not know that it had been sent. Rollups and views leave copies out.',
    _partition UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    _offset UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta, ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (campaign_id, source_id, received_at, impression_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Accepted impressions, one row a record of the topic impressions: count those that are no copy.';

CREATE TABLE IF NOT EXISTS {database}.landing_clicks
(
    landing_click_id String COMMENT 'Identity of the press: 26 characters, sortable by time.' CODEC(ZSTD(1)),
    click_id String COMMENT 'The click that led to the landing page.' CODEC(ZSTD(1)),
    event_at DateTime64(3, 'UTC') COMMENT 'When the button was pressed, UTC.' CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') COMMENT 'When the edge accepted it, UTC; decides the ClickHouse partition.' CODEC(Delta, ZSTD(1)),
    click_at DateTime64(3, 'UTC') COMMENT 'When that click happened, from its ID, UTC; views book the press on it.' CODEC(Delta, ZSTD(1)),
    campaign_id UInt32 COMMENT 'Campaign number, from the click ID.',
    campaign LowCardinality(String) COMMENT 'Campaign name at the time of the press.',
    source_id UInt32 COMMENT 'Source number, from the click ID; 0 for a source that the catalog does not declare.',
    source LowCardinality(String) COMMENT 'Source name; empty when the catalog does not declare it.',
    offer_id UInt32 COMMENT 'Offer number of the catalog.',
    offer LowCardinality(String) COMMENT 'Offer the visitor was sent to.',
    landing_id UInt32 COMMENT 'Number of the landing page that the campaign shows to this visitor; 0 when it declares none.',
    landing LowCardinality(String) COMMENT 'Name of that landing page.',
    button UInt32 COMMENT 'Number of the button in the link; 0 when it has none.',
    ip IPv6 COMMENT 'Visitor\'s address; IPv4 as ::ffff:a.b.c.d.' CODEC(ZSTD(1)),
    country LowCardinality(String) COMMENT 'Country of the IP, ISO 3166-1 alpha-2; empty when unknown.',
    device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown, from the user agent.',
    os LowCardinality(String) COMMENT 'Operating system, from the user agent.',
    browser LowCardinality(String) COMMENT 'Browser, from the user agent.',
    bot LowCardinality(String) COMMENT 'Name of the listed bot that the user agent matches; empty for none.',
    referrer String COMMENT 'Referer header.' CODEC(ZSTD(1)),
    language LowCardinality(String) COMMENT 'First language of Accept-Language, lower case.',
    copy Bool COMMENT 'The topic has this press before, at a lower offset of the partition: an edge died and could not know that it had been sent. Rollups and views leave copies out.',
    _partition UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    _offset UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta, ZSTD(1)),
    INDEX by_click_id click_id TYPE minmax GRANULARITY 1,
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (campaign_id, source_id, received_at, landing_click_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Accepted presses of landing pages\' buttons, one row a record of the topic landing-clicks: count those that are no copy. A visitor who presses twice is there twice.';

ALTER TABLE {database}.clicks ADD COLUMN IF NOT EXISTS landing LowCardinality(String) COMMENT 'Landing page the click was sent to; empty when it went to the offer directly.' AFTER landing_id;
