-- Views are generated: package report has them, and Migrate makes those that changed after the migrations.

CALL note_retention;

CALL end_retention;

ALTER TABLE {database}.clicks
    MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE {database}.clicks
    ADD INDEX IF NOT EXISTS by_time event_at TYPE minmax GRANULARITY 1,
    ADD PROJECTION IF NOT EXISTS by_quarter
    (
        SELECT
            campaign_id,
            source_id,
            toStartOfInterval(event_at, INTERVAL 15 MINUTE),
            campaign,
            source,
            offer_id,
            offer,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            _layout >= 1,
            count(),
            countIf(score >= 50),
            countIf(bot != ''),
            sum(score),
            sum(cost),
            countIf(unique),
            countIf(landing_id != 0),
            max(event_at)
        GROUP BY
            campaign_id,
            source_id,
            toStartOfInterval(event_at, INTERVAL 15 MINUTE),
            campaign,
            source,
            offer_id,
            offer,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            _layout >= 1
    );

ALTER TABLE {database}.conversions
    MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE {database}.conversions
    ADD INDEX IF NOT EXISTS by_time click_at TYPE minmax GRANULARITY 1,
    ADD PROJECTION IF NOT EXISTS by_quarter
    (
        SELECT
            campaign_id,
            source_id,
            toStartOfInterval(click_at, INTERVAL 15 MINUTE),
            campaign,
            source,
            offer_id,
            offer,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            count(),
            sum(conversions_delta),
            sum(registered_delta),
            sum(pending_delta),
            sum(approved_delta),
            sum(rejected_delta),
            sum(chargeback_delta),
            sum(revenue_hold_delta),
            sum(revenue_confirmed_delta),
            sum(flagged_delta),
            countIf(kind = 'created'),
            sumIf(score, kind = 'created'),
            max(click_at)
        GROUP BY
            campaign_id,
            source_id,
            toStartOfInterval(click_at, INTERVAL 15 MINUTE),
            campaign,
            source,
            offer_id,
            offer,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at)
    );

ALTER TABLE {database}.impressions
    MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE {database}.impressions
    ADD INDEX IF NOT EXISTS by_time event_at TYPE minmax GRANULARITY 1,
    ADD PROJECTION IF NOT EXISTS by_quarter
    (
        SELECT
            campaign_id,
            source_id,
            toStartOfInterval(event_at, INTERVAL 15 MINUTE),
            campaign,
            source,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            copy,
            count(),
            countIf(bot != ''),
            sum(cost),
            max(event_at)
        GROUP BY
            campaign_id,
            source_id,
            toStartOfInterval(event_at, INTERVAL 15 MINUTE),
            campaign,
            source,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            copy
    );

ALTER TABLE {database}.landing_clicks
    MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE {database}.landing_clicks
    ADD INDEX IF NOT EXISTS by_time click_at TYPE minmax GRANULARITY 1,
    ADD PROJECTION IF NOT EXISTS by_quarter
    (
        SELECT
            campaign_id,
            source_id,
            toStartOfInterval(click_at, INTERVAL 15 MINUTE),
            campaign,
            source,
            offer_id,
            offer,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            copy,
            count(),
            max(click_at)
        GROUP BY
            campaign_id,
            source_id,
            toStartOfInterval(click_at, INTERVAL 15 MINUTE),
            campaign,
            source,
            offer_id,
            offer,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            copy
    );

CALL materialize;

DROP VIEW IF EXISTS {database}.rollup_minute_from_clicks;

DROP VIEW IF EXISTS {database}.rollup_minute_from_conversions;

DROP VIEW IF EXISTS {database}.rollup_hour_from_clicks;

DROP VIEW IF EXISTS {database}.rollup_hour_from_conversions;

DROP VIEW IF EXISTS {database}.rollup_minute_traffic_from_impressions;

DROP VIEW IF EXISTS {database}.rollup_minute_traffic_from_landing_clicks;

DROP VIEW IF EXISTS {database}.rollup_minute_traffic_from_clicks;

DROP VIEW IF EXISTS {database}.rollup_hour_traffic_from_impressions;

DROP VIEW IF EXISTS {database}.rollup_hour_traffic_from_landing_clicks;

DROP VIEW IF EXISTS {database}.rollup_hour_traffic_from_clicks;

CALL await_inserts;

CREATE TABLE IF NOT EXISTS {database}.archive_minute_empty
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    minute DateTime('UTC') COMMENT 'UTC minute in which the click happened.' CODEC(Delta, ZSTD(1)),
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign LowCardinality(String) COMMENT 'Campaign name.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source LowCardinality(String) COMMENT 'Source name.',
    offer_id UInt32 COMMENT 'Offer number; 0 when the click was not found.',
    offer LowCardinality(String) COMMENT 'Offer name.',
    country LowCardinality(String) COMMENT 'Country of the click.',
    device LowCardinality(String) COMMENT 'Device of the click.',
    clicks Int64 COMMENT 'Count of clicks. Rows of one key may not be merged yet: always sum().',
    flagged_clicks Int64 COMMENT 'Count of clicks with score >= 50. Rows of one key may not be merged yet: always sum().',
    bot_clicks Int64 COMMENT 'Count of clicks of listed bots. Rows of one key may not be merged yet: always sum().',
    click_score_sum Int64 COMMENT 'Sum of scores of clicks. Rows of one key may not be merged yet: always sum().',
    cost Decimal(38, 6) COMMENT 'Sum of cost, base currency. Rows of one key may not be merged yet: always sum().',
    entries Int64 COMMENT 'Count of ledger entries. Rows of one key may not be merged yet: always sum().',
    conversions Int64 COMMENT 'Sum of conversions_delta. Rows of one key may not be merged yet: always sum().',
    registered Int64 COMMENT 'Sum of registered_delta. Rows of one key may not be merged yet: always sum().',
    pending Int64 COMMENT 'Sum of pending_delta. Rows of one key may not be merged yet: always sum().',
    approved Int64 COMMENT 'Sum of approved_delta. Rows of one key may not be merged yet: always sum().',
    rejected Int64 COMMENT 'Sum of rejected_delta. Rows of one key may not be merged yet: always sum().',
    chargebacks Int64 COMMENT 'Sum of chargeback_delta. Rows of one key may not be merged yet: always sum().',
    revenue_hold Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency. Rows of one key may not be merged yet: always sum().',
    revenue_confirmed Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency. Rows of one key may not be merged yet: always sum().',
    flagged Int64 COMMENT 'Sum of flagged_delta. Rows of one key may not be merged yet: always sum().',
    created Int64 COMMENT 'Count of first ledger entries. Rows of one key may not be merged yet: always sum().',
    created_score_sum Int64 COMMENT 'Sum of scores in first ledger entries. Rows of one key may not be merged yet: always sum().'
)
ENGINE = SummingMergeTree((clicks, flagged_clicks, bot_clicks, click_score_sum, cost, entries, conversions, registered, pending, approved, rejected, chargebacks, revenue_hold, revenue_confirmed, flagged, created, created_score_sum))
PARTITION BY toYYYYMM(ledger_day)
PRIMARY KEY (campaign_id, source_id, minute)
ORDER BY (campaign_id, source_id, minute, ledger_day, campaign, source, offer_id, offer, country, device)
COMMENT 'Sums of clicks and of the conversion ledger whose rows are gone, by minute. The views add it to the rows that are there.';

CREATE TABLE IF NOT EXISTS {database}.archive_quarter_empty
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    quarter DateTime('UTC') COMMENT 'UTC quarter of an hour in which the click happened.' CODEC(Delta, ZSTD(1)),
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign LowCardinality(String) COMMENT 'Campaign name.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source LowCardinality(String) COMMENT 'Source name.',
    offer_id UInt32 COMMENT 'Offer number; 0 when the click was not found.',
    offer LowCardinality(String) COMMENT 'Offer name.',
    country LowCardinality(String) COMMENT 'Country of the click.',
    device LowCardinality(String) COMMENT 'Device of the click.',
    os LowCardinality(String) COMMENT 'Operating system of the click.',
    browser LowCardinality(String) COMMENT 'Browser of the click.',
    clicks Int64 COMMENT 'Count of clicks. Rows of one key may not be merged yet: always sum().',
    flagged_clicks Int64 COMMENT 'Count of clicks with score >= 50. Rows of one key may not be merged yet: always sum().',
    bot_clicks Int64 COMMENT 'Count of clicks of listed bots. Rows of one key may not be merged yet: always sum().',
    click_score_sum Int64 COMMENT 'Sum of scores of clicks. Rows of one key may not be merged yet: always sum().',
    cost Decimal(38, 6) COMMENT 'Sum of cost, base currency. Rows of one key may not be merged yet: always sum().',
    entries Int64 COMMENT 'Count of ledger entries. Rows of one key may not be merged yet: always sum().',
    conversions Int64 COMMENT 'Sum of conversions_delta. Rows of one key may not be merged yet: always sum().',
    registered Int64 COMMENT 'Sum of registered_delta. Rows of one key may not be merged yet: always sum().',
    pending Int64 COMMENT 'Sum of pending_delta. Rows of one key may not be merged yet: always sum().',
    approved Int64 COMMENT 'Sum of approved_delta. Rows of one key may not be merged yet: always sum().',
    rejected Int64 COMMENT 'Sum of rejected_delta. Rows of one key may not be merged yet: always sum().',
    chargebacks Int64 COMMENT 'Sum of chargeback_delta. Rows of one key may not be merged yet: always sum().',
    revenue_hold Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency. Rows of one key may not be merged yet: always sum().',
    revenue_confirmed Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency. Rows of one key may not be merged yet: always sum().',
    flagged Int64 COMMENT 'Sum of flagged_delta. Rows of one key may not be merged yet: always sum().',
    created Int64 COMMENT 'Count of first ledger entries. Rows of one key may not be merged yet: always sum().',
    created_score_sum Int64 COMMENT 'Sum of scores in first ledger entries. Rows of one key may not be merged yet: always sum().'
)
ENGINE = SummingMergeTree((clicks, flagged_clicks, bot_clicks, click_score_sum, cost, entries, conversions, registered, pending, approved, rejected, chargebacks, revenue_hold, revenue_confirmed, flagged, created, created_score_sum))
PARTITION BY toYYYYMM(ledger_day)
PRIMARY KEY (campaign_id, source_id, quarter)
ORDER BY (campaign_id, source_id, quarter, ledger_day, campaign, source, offer_id, offer, country, device, os, browser)
COMMENT 'Sums of clicks and of the conversion ledger whose rows are gone, by quarter of an hour; of days from before there were projections by hour, in the hour\'s first quarter. The views add it to the rows that are there.';

CREATE TABLE IF NOT EXISTS {database}.archive_minute_traffic_empty
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    minute DateTime('UTC') COMMENT 'UTC minute in which the impression or the click happened.' CODEC(Delta, ZSTD(1)),
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign LowCardinality(String) COMMENT 'Campaign name.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source LowCardinality(String) COMMENT 'Source name.',
    offer_id UInt32 COMMENT 'Offer number; 0 for impressions.',
    offer LowCardinality(String) COMMENT 'Offer name.',
    country LowCardinality(String) COMMENT 'Country of the visitor.',
    device LowCardinality(String) COMMENT 'Device of the visitor.',
    impressions Int64 COMMENT 'Count of impressions. Rows of one key may not be merged yet: always sum().',
    bot_impressions Int64 COMMENT 'Count of impressions by listed bots. Rows of one key may not be merged yet: always sum().',
    impression_cost Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency. Rows of one key may not be merged yet: always sum().',
    clicks Int64 COMMENT 'Count of clicks that loaders from version 1 on wrote. Rows of one key may not be merged yet: always sum().',
    unique_clicks Int64 COMMENT 'Count of unique clicks. Rows of one key may not be merged yet: always sum().',
    landing_views Int64 COMMENT 'Count of clicks that were sent to a landing page. Rows of one key may not be merged yet: always sum().',
    landing_clicks Int64 COMMENT 'Count of presses of landing pages\' buttons. Rows of one key may not be merged yet: always sum().'
)
ENGINE = SummingMergeTree((impressions, bot_impressions, impression_cost, clicks, unique_clicks, landing_views, landing_clicks))
PARTITION BY toYYYYMM(ledger_day)
PRIMARY KEY (campaign_id, source_id, minute)
ORDER BY (campaign_id, source_id, minute, ledger_day, campaign, source, offer_id, offer, country, device)
COMMENT 'Sums of clicks and of the conversion ledger whose rows are gone, by minute. The views add it to the rows that are there.';

CREATE TABLE IF NOT EXISTS {database}.archive_quarter_traffic_empty
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    quarter DateTime('UTC') COMMENT 'UTC quarter of an hour in which the impression or the click happened.' CODEC(Delta, ZSTD(1)),
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign LowCardinality(String) COMMENT 'Campaign name.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source LowCardinality(String) COMMENT 'Source name.',
    offer_id UInt32 COMMENT 'Offer number; 0 for impressions.',
    offer LowCardinality(String) COMMENT 'Offer name.',
    country LowCardinality(String) COMMENT 'Country of the visitor.',
    device LowCardinality(String) COMMENT 'Device of the visitor.',
    os LowCardinality(String) COMMENT 'Operating system of the visitor.',
    browser LowCardinality(String) COMMENT 'Browser of the visitor.',
    impressions Int64 COMMENT 'Count of impressions. Rows of one key may not be merged yet: always sum().',
    bot_impressions Int64 COMMENT 'Count of impressions by listed bots. Rows of one key may not be merged yet: always sum().',
    impression_cost Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency. Rows of one key may not be merged yet: always sum().',
    clicks Int64 COMMENT 'Count of clicks that loaders from version 1 on wrote. Rows of one key may not be merged yet: always sum().',
    unique_clicks Int64 COMMENT 'Count of unique clicks. Rows of one key may not be merged yet: always sum().',
    landing_views Int64 COMMENT 'Count of clicks that were sent to a landing page. Rows of one key may not be merged yet: always sum().',
    landing_clicks Int64 COMMENT 'Count of presses of landing pages\' buttons. Rows of one key may not be merged yet: always sum().'
)
ENGINE = SummingMergeTree((impressions, bot_impressions, impression_cost, clicks, unique_clicks, landing_views, landing_clicks))
PARTITION BY toYYYYMM(ledger_day)
PRIMARY KEY (campaign_id, source_id, quarter)
ORDER BY (campaign_id, source_id, quarter, ledger_day, campaign, source, offer_id, offer, country, device, os, browser)
COMMENT 'Sums of clicks and of the conversion ledger whose rows are gone, by quarter of an hour; of days from before there were projections by hour, in the hour\'s first quarter. The views add it to the rows that are there.';

CALL archive;

CALL set_aside;

CALL drop_rollups;
