CREATE TABLE IF NOT EXISTS {database}.rollup_minute
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it; decides the ClickHouse partition, so that one block of a base table reaches one partition here.',
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
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Sums of clicks and of the conversion ledger by minute of click time. Filled by materialized views from clicks and conversions in the same insert; always equal to them.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.rollup_minute_from_clicks TO {database}.rollup_minute
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it; decides the ClickHouse partition, so that one block of a base table reaches one partition here.', 
    minute DateTime('UTC') COMMENT 'UTC minute in which the click happened.', 
    campaign_id UInt32 COMMENT 'Campaign number.', 
    campaign LowCardinality(String) COMMENT 'Campaign name.', 
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.', 
    source LowCardinality(String) COMMENT 'Source name.', 
    offer_id UInt32 COMMENT 'Offer number; 0 when the click was not found.', 
    offer LowCardinality(String) COMMENT 'Offer name.', 
    country LowCardinality(String) COMMENT 'Country of the click.', 
    device LowCardinality(String) COMMENT 'Device of the click.', 
    clicks Int64 COMMENT 'Count of clicks.', 
    flagged_clicks Int64 COMMENT 'Count of clicks with score >= 50.', 
    bot_clicks Int64 COMMENT 'Count of clicks of listed bots.', 
    click_score_sum Int64 COMMENT 'Sum of scores of clicks.', 
    cost Decimal(38, 6) COMMENT 'Sum of cost, base currency.')
AS SELECT
    toDate(received_at) AS ledger_day,
    toStartOfMinute(toDateTime(event_at, 'UTC')) AS minute,
    campaign_id,
    campaign,
    source_id,
    source,
    offer_id,
    offer,
    country,
    device,
    toInt64(count()) AS clicks,
    toInt64(countIf(score >= 50)) AS flagged_clicks,
    toInt64(countIf(bot != '')) AS bot_clicks,
    toInt64(sum(score)) AS click_score_sum,
    sum(clicks.cost) AS cost
FROM {database}.clicks
GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
COMMENT 'Feeds rollup_minute from every insert into clicks; holds no data of its own.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.rollup_minute_from_conversions TO {database}.rollup_minute
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it; decides the ClickHouse partition, so that one block of a base table reaches one partition here.', 
    minute DateTime('UTC') COMMENT 'UTC minute in which the click happened.', 
    campaign_id UInt32 COMMENT 'Campaign number.', 
    campaign LowCardinality(String) COMMENT 'Campaign name.', 
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.', 
    source LowCardinality(String) COMMENT 'Source name.', 
    offer_id UInt32 COMMENT 'Offer number; 0 when the click was not found.', 
    offer LowCardinality(String) COMMENT 'Offer name.', 
    country LowCardinality(String) COMMENT 'Country of the click.', 
    device LowCardinality(String) COMMENT 'Device of the click.', 
    entries Int64 COMMENT 'Count of ledger entries.', 
    conversions Int64 COMMENT 'Sum of conversions_delta.', 
    registered Int64 COMMENT 'Sum of registered_delta.', 
    pending Int64 COMMENT 'Sum of pending_delta.', 
    approved Int64 COMMENT 'Sum of approved_delta.', 
    rejected Int64 COMMENT 'Sum of rejected_delta.', 
    chargebacks Int64 COMMENT 'Sum of chargeback_delta.', 
    revenue_hold Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency.', 
    revenue_confirmed Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency.', 
    flagged Int64 COMMENT 'Sum of flagged_delta.', 
    created Int64 COMMENT 'Count of first ledger entries.', 
    created_score_sum Int64 COMMENT 'Sum of scores in first ledger entries.')
AS SELECT
    toDate(received_at) AS ledger_day,
    toStartOfMinute(toDateTime(click_at, 'UTC')) AS minute,
    campaign_id,
    campaign,
    source_id,
    source,
    offer_id,
    offer,
    country,
    device,
    toInt64(count()) AS entries,
    sum(conversions_delta) AS conversions,
    sum(registered_delta) AS registered,
    sum(pending_delta) AS pending,
    sum(approved_delta) AS approved,
    sum(rejected_delta) AS rejected,
    sum(chargeback_delta) AS chargebacks,
    sum(revenue_hold_delta) AS revenue_hold,
    sum(revenue_confirmed_delta) AS revenue_confirmed,
    sum(flagged_delta) AS flagged,
    toInt64(countIf(kind = 'created')) AS created,
    toInt64(sumIf(score, kind = 'created')) AS created_score_sum
FROM {database}.conversions
GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
COMMENT 'Feeds rollup_minute from every insert into conversions; holds no data of its own.';

CREATE TABLE IF NOT EXISTS {database}.rollup_hour
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it; decides the ClickHouse partition, so that one block of a base table reaches one partition here.',
    hour DateTime('UTC') COMMENT 'UTC hour in which the click happened.' CODEC(Delta, ZSTD(1)),
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
PRIMARY KEY (campaign_id, source_id, hour)
ORDER BY (campaign_id, source_id, hour, ledger_day, campaign, source, offer_id, offer, country, device, os, browser)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Sums of clicks and of the conversion ledger by hour of click time. Filled by materialized views from clicks and conversions in the same insert; always equal to them.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.rollup_hour_from_clicks TO {database}.rollup_hour
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it; decides the ClickHouse partition, so that one block of a base table reaches one partition here.', 
    hour DateTime('UTC') COMMENT 'UTC hour in which the click happened.', 
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
    clicks Int64 COMMENT 'Count of clicks.', 
    flagged_clicks Int64 COMMENT 'Count of clicks with score >= 50.', 
    bot_clicks Int64 COMMENT 'Count of clicks of listed bots.', 
    click_score_sum Int64 COMMENT 'Sum of scores of clicks.', 
    cost Decimal(38, 6) COMMENT 'Sum of cost, base currency.')
AS SELECT
    toDate(received_at) AS ledger_day,
    toStartOfHour(toDateTime(event_at, 'UTC')) AS hour,
    campaign_id,
    campaign,
    source_id,
    source,
    offer_id,
    offer,
    country,
    device,
    os,
    browser,
    toInt64(count()) AS clicks,
    toInt64(countIf(score >= 50)) AS flagged_clicks,
    toInt64(countIf(bot != '')) AS bot_clicks,
    toInt64(sum(score)) AS click_score_sum,
    sum(clicks.cost) AS cost
FROM {database}.clicks
GROUP BY ledger_day, hour, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
COMMENT 'Feeds rollup_hour from every insert into clicks; holds no data of its own.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.rollup_hour_from_conversions TO {database}.rollup_hour
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it; decides the ClickHouse partition, so that one block of a base table reaches one partition here.', 
    hour DateTime('UTC') COMMENT 'UTC hour in which the click happened.', 
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
    entries Int64 COMMENT 'Count of ledger entries.', 
    conversions Int64 COMMENT 'Sum of conversions_delta.', 
    registered Int64 COMMENT 'Sum of registered_delta.', 
    pending Int64 COMMENT 'Sum of pending_delta.', 
    approved Int64 COMMENT 'Sum of approved_delta.', 
    rejected Int64 COMMENT 'Sum of rejected_delta.', 
    chargebacks Int64 COMMENT 'Sum of chargeback_delta.', 
    revenue_hold Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency.', 
    revenue_confirmed Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency.', 
    flagged Int64 COMMENT 'Sum of flagged_delta.', 
    created Int64 COMMENT 'Count of first ledger entries.', 
    created_score_sum Int64 COMMENT 'Sum of scores in first ledger entries.')
AS SELECT
    toDate(received_at) AS ledger_day,
    toStartOfHour(toDateTime(click_at, 'UTC')) AS hour,
    campaign_id,
    campaign,
    source_id,
    source,
    offer_id,
    offer,
    country,
    device,
    os,
    browser,
    toInt64(count()) AS entries,
    sum(conversions_delta) AS conversions,
    sum(registered_delta) AS registered,
    sum(pending_delta) AS pending,
    sum(approved_delta) AS approved,
    sum(rejected_delta) AS rejected,
    sum(chargeback_delta) AS chargebacks,
    sum(revenue_hold_delta) AS revenue_hold,
    sum(revenue_confirmed_delta) AS revenue_confirmed,
    sum(flagged_delta) AS flagged,
    toInt64(countIf(kind = 'created')) AS created,
    toInt64(sumIf(score, kind = 'created')) AS created_score_sum
FROM {database}.conversions
GROUP BY ledger_day, hour, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
COMMENT 'Feeds rollup_hour from every insert into conversions; holds no data of its own.';
