CREATE TABLE tributary.anomalies
(
    `anomaly_id` String COMMENT 'Identity of the finding; a repeated row (the topic is at least once from the edge) has the same.' CODEC(ZSTD(1)),
    `code` LowCardinality(String) COMMENT 'Signal code, see the data dictionary.',
    `subject` LowCardinality(String) COMMENT 'What it was found on: click, conversion or postback.',
    `observed` Float64 COMMENT 'What was observed, in the unit of the signal.',
    `expected` Float64 COMMENT 'What was expected.',
    `n` UInt64 COMMENT 'Sample size the finding rests on.',
    `llr` Float64 COMMENT 'Log-likelihood ratio in nats where the signal accumulates one, else 0.',
    `points` UInt32 COMMENT 'Points given to the score.',
    `baseline` UInt32 COMMENT 'Version of the baseline that expected comes from.',
    `score` UInt32 COMMENT 'Score of the subject after this finding, 0 to 100.',
    `click_id` String COMMENT 'Click it concerns.' CODEC(ZSTD(1)),
    `conversion_id` String COMMENT 'Conversion it concerns; empty for none.' CODEC(ZSTD(1)),
    `receipt_id` String COMMENT 'Receipt of the postback it concerns; empty for none.' CODEC(ZSTD(1)),
    `network` LowCardinality(String) COMMENT 'Network of the postback; empty for a click.',
    `campaign_id` UInt32 COMMENT 'Campaign number; 0 when unknown.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared or unknown.',
    `source` LowCardinality(String) COMMENT 'Source name.',
    `event_at` DateTime64(3, 'UTC') COMMENT 'When the subject happened, UTC.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the edge accepted the subject, UTC; decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (campaign_id, source_id, received_at, anomaly_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'Anomaly findings, one row each, for alerts and analysis. Count distinct anomaly_id. Filled from the topic scored.anomalies.';

CREATE TABLE tributary.archive_minute
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `minute` DateTime('UTC') COMMENT 'UTC minute in which the click happened.' CODEC(Delta(4), ZSTD(1)),
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` LowCardinality(String) COMMENT 'Source name.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 when the click was not found.',
    `offer` LowCardinality(String) COMMENT 'Offer name.',
    `country` LowCardinality(String) COMMENT 'Country of the click.',
    `device` LowCardinality(String) COMMENT 'Device of the click.',
    `clicks` Int64 COMMENT 'Count of clicks. Rows of one key may not be merged yet: always sum().',
    `flagged_clicks` Int64 COMMENT 'Count of clicks with score >= 50. Rows of one key may not be merged yet: always sum().',
    `bot_clicks` Int64 COMMENT 'Count of clicks of listed bots. Rows of one key may not be merged yet: always sum().',
    `click_score_sum` Int64 COMMENT 'Sum of scores of clicks. Rows of one key may not be merged yet: always sum().',
    `cost` Decimal(38, 6) COMMENT 'Sum of cost, base currency. Rows of one key may not be merged yet: always sum().',
    `entries` Int64 COMMENT 'Count of ledger entries. Rows of one key may not be merged yet: always sum().',
    `conversions` Int64 COMMENT 'Sum of conversions_delta. Rows of one key may not be merged yet: always sum().',
    `registered` Int64 COMMENT 'Sum of registered_delta. Rows of one key may not be merged yet: always sum().',
    `pending` Int64 COMMENT 'Sum of pending_delta. Rows of one key may not be merged yet: always sum().',
    `approved` Int64 COMMENT 'Sum of approved_delta. Rows of one key may not be merged yet: always sum().',
    `rejected` Int64 COMMENT 'Sum of rejected_delta. Rows of one key may not be merged yet: always sum().',
    `chargebacks` Int64 COMMENT 'Sum of chargeback_delta. Rows of one key may not be merged yet: always sum().',
    `revenue_hold` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency. Rows of one key may not be merged yet: always sum().',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency. Rows of one key may not be merged yet: always sum().',
    `flagged` Int64 COMMENT 'Sum of flagged_delta. Rows of one key may not be merged yet: always sum().',
    `created` Int64 COMMENT 'Count of first ledger entries. Rows of one key may not be merged yet: always sum().',
    `created_score_sum` Int64 COMMENT 'Sum of scores in first ledger entries. Rows of one key may not be merged yet: always sum().'
)
ENGINE = SummingMergeTree((clicks, flagged_clicks, bot_clicks, click_score_sum, cost, entries, conversions, registered, pending, approved, rejected, chargebacks, revenue_hold, revenue_confirmed, flagged, created, created_score_sum))
PARTITION BY toYYYYMM(ledger_day)
PRIMARY KEY (campaign_id, source_id, minute)
ORDER BY (campaign_id, source_id, minute, ledger_day, campaign, source, offer_id, offer, country, device)
SETTINGS index_granularity = 8192
COMMENT 'Sums of clicks and of the conversion ledger whose rows are gone, by minute. The views add it to the rows that are there.';

CREATE TABLE tributary.archive_minute_traffic
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `minute` DateTime('UTC') COMMENT 'UTC minute in which the impression or the click happened.' CODEC(Delta(4), ZSTD(1)),
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` LowCardinality(String) COMMENT 'Source name.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 for impressions.',
    `offer` LowCardinality(String) COMMENT 'Offer name.',
    `country` LowCardinality(String) COMMENT 'Country of the visitor.',
    `device` LowCardinality(String) COMMENT 'Device of the visitor.',
    `impressions` Int64 COMMENT 'Count of impressions. Rows of one key may not be merged yet: always sum().',
    `bot_impressions` Int64 COMMENT 'Count of impressions by listed bots. Rows of one key may not be merged yet: always sum().',
    `impression_cost` Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency. Rows of one key may not be merged yet: always sum().',
    `clicks` Int64 COMMENT 'Count of clicks that loaders from version 1 on wrote. Rows of one key may not be merged yet: always sum().',
    `unique_clicks` Int64 COMMENT 'Count of unique clicks. Rows of one key may not be merged yet: always sum().',
    `landing_views` Int64 COMMENT 'Count of clicks that were sent to a landing page. Rows of one key may not be merged yet: always sum().',
    `landing_clicks` Int64 COMMENT 'Count of presses of landing pages\' buttons. Rows of one key may not be merged yet: always sum().'
)
ENGINE = SummingMergeTree((impressions, bot_impressions, impression_cost, clicks, unique_clicks, landing_views, landing_clicks))
PARTITION BY toYYYYMM(ledger_day)
PRIMARY KEY (campaign_id, source_id, minute)
ORDER BY (campaign_id, source_id, minute, ledger_day, campaign, source, offer_id, offer, country, device)
SETTINGS index_granularity = 8192
COMMENT 'Sums of clicks and of the conversion ledger whose rows are gone, by minute. The views add it to the rows that are there.';

CREATE TABLE tributary.archive_months
(
    `base` LowCardinality(String) COMMENT 'Table of the rows: clicks, conversions, impressions or landing_clicks.',
    `month` UInt32 COMMENT 'UTC month of received_at of the rows: 202601 is January 2026.',
    `run` UInt64 COMMENT 'Stamp of the rows: _archived of their table.',
    `attempt` UInt64 COMMENT 'Sums that count: attempt of archive_sums.',
    `rows` UInt64 COMMENT 'How many rows the sums are of.',
    `committed_at` DateTime64(3, 'UTC') COMMENT 'When the sums began to count in place of the rows, UTC.'
)
ENGINE = MergeTree
PARTITION BY tuple()
ORDER BY (base, month, run)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'Which rows are counted from the archive: one row a run, and it decides. Never delete one.';

CREATE TABLE tributary.archive_offsets
(
    `base` LowCardinality(String) COMMENT 'Table of the rows: clicks, conversions, impressions or landing_clicks.',
    `month` UInt32 COMMENT 'UTC month of received_at of the rows: 202601 is January 2026.',
    `run` UInt64 COMMENT 'Stamp of the rows: _archived of their table.',
    `attempt` UInt64 COMMENT 'Attempt to sum them, as in archive_sums.',
    `day` Date COMMENT 'UTC day of received_at.',
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic.',
    `offsets` AggregateFunction(groupBitmap, UInt64) COMMENT 'Offsets of the records: bitmapToArray(offsets).'
)
ENGINE = MergeTree
PARTITION BY month
ORDER BY (base, _partition, day)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'Of which records the archived sums are: the loader and the auditor know by it which rows are not missing.';

CREATE TABLE tributary.archive_quarter
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `quarter` DateTime('UTC') COMMENT 'UTC quarter of an hour in which the click happened.' CODEC(Delta(4), ZSTD(1)),
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` LowCardinality(String) COMMENT 'Source name.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 when the click was not found.',
    `offer` LowCardinality(String) COMMENT 'Offer name.',
    `country` LowCardinality(String) COMMENT 'Country of the click.',
    `device` LowCardinality(String) COMMENT 'Device of the click.',
    `os` LowCardinality(String) COMMENT 'Operating system of the click.',
    `browser` LowCardinality(String) COMMENT 'Browser of the click.',
    `clicks` Int64 COMMENT 'Count of clicks. Rows of one key may not be merged yet: always sum().',
    `flagged_clicks` Int64 COMMENT 'Count of clicks with score >= 50. Rows of one key may not be merged yet: always sum().',
    `bot_clicks` Int64 COMMENT 'Count of clicks of listed bots. Rows of one key may not be merged yet: always sum().',
    `click_score_sum` Int64 COMMENT 'Sum of scores of clicks. Rows of one key may not be merged yet: always sum().',
    `cost` Decimal(38, 6) COMMENT 'Sum of cost, base currency. Rows of one key may not be merged yet: always sum().',
    `entries` Int64 COMMENT 'Count of ledger entries. Rows of one key may not be merged yet: always sum().',
    `conversions` Int64 COMMENT 'Sum of conversions_delta. Rows of one key may not be merged yet: always sum().',
    `registered` Int64 COMMENT 'Sum of registered_delta. Rows of one key may not be merged yet: always sum().',
    `pending` Int64 COMMENT 'Sum of pending_delta. Rows of one key may not be merged yet: always sum().',
    `approved` Int64 COMMENT 'Sum of approved_delta. Rows of one key may not be merged yet: always sum().',
    `rejected` Int64 COMMENT 'Sum of rejected_delta. Rows of one key may not be merged yet: always sum().',
    `chargebacks` Int64 COMMENT 'Sum of chargeback_delta. Rows of one key may not be merged yet: always sum().',
    `revenue_hold` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency. Rows of one key may not be merged yet: always sum().',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency. Rows of one key may not be merged yet: always sum().',
    `flagged` Int64 COMMENT 'Sum of flagged_delta. Rows of one key may not be merged yet: always sum().',
    `created` Int64 COMMENT 'Count of first ledger entries. Rows of one key may not be merged yet: always sum().',
    `created_score_sum` Int64 COMMENT 'Sum of scores in first ledger entries. Rows of one key may not be merged yet: always sum().'
)
ENGINE = SummingMergeTree((clicks, flagged_clicks, bot_clicks, click_score_sum, cost, entries, conversions, registered, pending, approved, rejected, chargebacks, revenue_hold, revenue_confirmed, flagged, created, created_score_sum))
PARTITION BY toYYYYMM(ledger_day)
PRIMARY KEY (campaign_id, source_id, quarter)
ORDER BY (campaign_id, source_id, quarter, ledger_day, campaign, source, offer_id, offer, country, device, os, browser)
SETTINGS index_granularity = 8192
COMMENT 'Sums of clicks and of the conversion ledger whose rows are gone, by quarter of an hour; of days from before there were projections by hour, in the hour\'s first quarter. The views add it to the rows that are there.';

CREATE TABLE tributary.archive_quarter_traffic
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `quarter` DateTime('UTC') COMMENT 'UTC quarter of an hour in which the impression or the click happened.' CODEC(Delta(4), ZSTD(1)),
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` LowCardinality(String) COMMENT 'Source name.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 for impressions.',
    `offer` LowCardinality(String) COMMENT 'Offer name.',
    `country` LowCardinality(String) COMMENT 'Country of the visitor.',
    `device` LowCardinality(String) COMMENT 'Device of the visitor.',
    `os` LowCardinality(String) COMMENT 'Operating system of the visitor.',
    `browser` LowCardinality(String) COMMENT 'Browser of the visitor.',
    `impressions` Int64 COMMENT 'Count of impressions. Rows of one key may not be merged yet: always sum().',
    `bot_impressions` Int64 COMMENT 'Count of impressions by listed bots. Rows of one key may not be merged yet: always sum().',
    `impression_cost` Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency. Rows of one key may not be merged yet: always sum().',
    `clicks` Int64 COMMENT 'Count of clicks that loaders from version 1 on wrote. Rows of one key may not be merged yet: always sum().',
    `unique_clicks` Int64 COMMENT 'Count of unique clicks. Rows of one key may not be merged yet: always sum().',
    `landing_views` Int64 COMMENT 'Count of clicks that were sent to a landing page. Rows of one key may not be merged yet: always sum().',
    `landing_clicks` Int64 COMMENT 'Count of presses of landing pages\' buttons. Rows of one key may not be merged yet: always sum().'
)
ENGINE = SummingMergeTree((impressions, bot_impressions, impression_cost, clicks, unique_clicks, landing_views, landing_clicks))
PARTITION BY toYYYYMM(ledger_day)
PRIMARY KEY (campaign_id, source_id, quarter)
ORDER BY (campaign_id, source_id, quarter, ledger_day, campaign, source, offer_id, offer, country, device, os, browser)
SETTINGS index_granularity = 8192
COMMENT 'Sums of clicks and of the conversion ledger whose rows are gone, by quarter of an hour; of days from before there were projections by hour, in the hour\'s first quarter. The views add it to the rows that are there.';

CREATE TABLE tributary.archive_sums
(
    `base` LowCardinality(String) COMMENT 'Table of the rows: clicks, conversions, impressions or landing_clicks.',
    `month` UInt32 COMMENT 'UTC month of received_at of the rows: 202601 is January 2026.',
    `run` UInt64 COMMENT 'Stamp of the rows: _archived of their table.',
    `attempt` UInt64 COMMENT 'Attempt to sum them: the one that archive_months names counts.',
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `layout` Bool COMMENT 'Of clicks: loaders from version 1 on wrote them (_layout >= 1).',
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    `quarter` DateTime('UTC') COMMENT 'UTC quarter of an hour in which the clicks happened; revenue is booked on its click\'s quarter.',
    `campaign` LowCardinality(String) COMMENT 'Latest name of the campaign.',
    `source` LowCardinality(String) COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `buyer` LowCardinality(String) COMMENT 'Who bought the traffic, as the campaign had it when the click came; empty of what came before there were buyers.',
    `team` LowCardinality(String) COMMENT 'Team of the buyer, as the campaign had it when the click came; empty of what came before there were teams.',
    `country` LowCardinality(String) COMMENT 'Country of the click, ISO 3166-1 alpha-2; empty when unknown.',
    `device` LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
    `os` LowCardinality(String) COMMENT 'Operating system of the click.',
    `browser` LowCardinality(String) COMMENT 'Browser of the click.',
    `offer_id` UInt32 COMMENT 'Offer number of the catalog; 0 where the click was not found.',
    `offer` LowCardinality(String) COMMENT 'Latest name of the offer.',
    `landing_id` UInt32 COMMENT 'Landing page number of the catalog; 0 when the click went to the offer directly.',
    `landing` LowCardinality(String) COMMENT 'Latest name of the landing page.',
    `block` LowCardinality(String) COMMENT 'Block that the click met, by its ID (`tributary block list`); empty for none.',
    `blocked` Bool COMMENT 'The block was applied; false where there was none, or it only counts (shadow).',
    `network` LowCardinality(String) COMMENT 'Network of the postback.',
    `event` LowCardinality(String) COMMENT 'Event type of the conversion: lead, sale, reg, ftd …',
    `clicks` Int64 COMMENT 'Count of clicks that are not blocked.',
    `conversions` Int64 COMMENT 'Sum of conversions_delta of entries that count: see conversions.beside_goal; never of rebills.',
    `registered` Int64 COMMENT 'Sum of registered_delta of entries that count.',
    `pending` Int64 COMMENT 'Sum of pending_delta of entries that count.',
    `approved` Int64 COMMENT 'Sum of approved_delta of entries that count.',
    `rejected` Int64 COMMENT 'Sum of rejected_delta of entries that count.',
    `chargebacks` Int64 COMMENT 'Sum of chargeback_delta of entries that count.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Sum of cost of clicks and impressions, base currency.',
    `flagged` Int64 COMMENT 'Sum of flagged_delta.',
    `flagged_clicks` Int64 COMMENT 'Count of clicks that are not blocked with score >= 50.',
    `impressions` Int64 COMMENT 'Count of impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency.',
    `unique_clicks` Int64 COMMENT 'Count of unique clicks that are not blocked.',
    `landing_views` Int64 COMMENT 'Count of clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Count of presses of landing pages\' buttons.',
    `landing_pressed` AggregateFunction(uniqExact, String) COMMENT 'Count of different clicks of which a button was pressed: those of several rows may be the same.',
    `events` Int64 COMMENT 'Sum of conversions_delta of all entries.',
    `revenue_hold_counted` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries that are not confirmed_only, base currency.',
    `events_registered` Int64 COMMENT 'Sum of registered_delta of all entries.',
    `events_pending` Int64 COMMENT 'Sum of pending_delta of all entries.',
    `events_approved` Int64 COMMENT 'Sum of approved_delta of all entries.',
    `events_rejected` Int64 COMMENT 'Sum of rejected_delta of all entries.',
    `events_chargebacks` Int64 COMMENT 'Sum of chargeback_delta of all entries.',
    `entries` Int64 COMMENT 'Count of ledger entries.',
    `created` Int64 COMMENT 'Count of first ledger entries.',
    `created_score_sum` Int64 COMMENT 'Sum of scores in first ledger entries.',
    `bot_clicks` Int64 COMMENT 'Count of clicks of listed bots that are not blocked.',
    `click_score_sum` Int64 COMMENT 'Sum of scores of clicks that are not blocked.',
    `bot_impressions` Int64 COMMENT 'Count of impressions by listed bots.',
    `clicks_blocked` Int64 COMMENT 'Count of blocked clicks.',
    `cost_blocked` Decimal(38, 6) COMMENT 'Sum of cost of blocked clicks, base currency.',
    `clicks_shadowed` Int64 COMMENT 'Count of clicks that met a block and are not blocked.',
    `conversions_blocked` Int64 COMMENT 'Sum of conversions_delta of entries that count and whose click was blocked.',
    `approved_blocked` Int64 COMMENT 'Sum of approved_delta of entries that count and whose click was blocked.',
    `revenue_hold_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries whose click was blocked, base currency.',
    `revenue_hold_counted_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries that are not confirmed_only and whose click was blocked, base currency.',
    `revenue_confirmed_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta of entries whose click was blocked, base currency.'
)
ENGINE = MergeTree
PARTITION BY month
ORDER BY (campaign_id, source_id, quarter, base)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'Sums of rows of old months, by quarter of an hour and all dimensions, which may be dropped since. What counts is what archive_months names.';

CREATE TABLE tributary.clicks
(
    `click_id` String COMMENT 'Canonical click ID: 40 lower-case characters that carry time, campaign, source and a signature; or a foreign ID as the other tracker wrote it.' CODEC(ZSTD(1)),
    `event_at` DateTime64(3, 'UTC') COMMENT 'When the click happened, UTC.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the edge accepted it, UTC; decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name at the time of the click.',
    `buyer` LowCardinality(String) COMMENT 'Who bought the traffic, as the campaign had it at the time of the click (catalog.campaigns[].buyer).',
    `team` LowCardinality(String) COMMENT 'Team of the buyer, as the campaign had it at the time of the click (catalog.campaigns[].team).',
    `tags` Array(String) COMMENT 'Tags that the campaign had at the time of the click, sorted (catalog.campaigns[].tags).',
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for a source that the catalog does not declare.',
    `source` LowCardinality(String) COMMENT 'Source name; empty when the link names none.',
    `offer_id` UInt32 COMMENT 'Offer number of the catalog.',
    `offer` LowCardinality(String) COMMENT 'Offer name the click was sent to.',
    `goals` Array(String) COMMENT 'Event types that counted as conversions of the offer at the time of the click (catalog.offers[].goal); none where every one does.',
    `block` LowCardinality(String) COMMENT 'ID of the block that the click met (`tributary block list`); empty for none. While blocked is false the block only counted it (shadow).',
    `blocked` Bool COMMENT 'A block was applied: the visitor got the block\'s answer. Such a click is no part of `clicks` and has its cost all the same: the source has billed it. offer is then the fallback offer, or none.',
    `landing_id` UInt32 COMMENT 'Landing page number of the catalog; 0 when the click went to the offer directly.',
    `landing` LowCardinality(String) COMMENT 'Landing page the click was sent to; empty when it went to the offer directly.',
    `subs` Array(String) COMMENT 'sub1…sub20 of the click link in order; trailing empty ones are left out.',
    `zone` LowCardinality(String) COMMENT 'Zone as the source itself calls it, whichever sub it came in (catalog.sources[].names); an ID that stays.',
    `zone_name` LowCardinality(String) COMMENT 'Name of the zone as the source had it at the time of the click; it may change while zone stays.',
    `site` LowCardinality(String) COMMENT 'Site or app the ad was shown on, as the source itself calls it (catalog.sources[].names).',
    `placement` LowCardinality(String) COMMENT 'Placement, as the source itself calls it (catalog.sources[].names).',
    `ad_campaign` LowCardinality(String) COMMENT 'ID of the campaign at the source (catalog.sources[].names); campaign is that of the catalog.',
    `ad_campaign_name` LowCardinality(String) COMMENT 'Name of the campaign at the source at the time of the click; it may change while ad_campaign stays.',
    `adset` LowCardinality(String) COMMENT 'ID of the ad set or ad group at the source (catalog.sources[].names).',
    `adset_name` LowCardinality(String) COMMENT 'Name of the ad set at the time of the click; it may change while adset stays.',
    `ad` LowCardinality(String) COMMENT 'ID of the ad at the source (catalog.sources[].names).',
    `ad_name` LowCardinality(String) COMMENT 'Name of the ad at the time of the click; it may change while ad stays.',
    `external_id` String COMMENT 'The traffic source\'s own ID of this visit.' CODEC(ZSTD(1)),
    `keyword` String COMMENT 'Keyword as the traffic source reported it.' CODEC(ZSTD(1)),
    `creative` String COMMENT 'Creative as the traffic source reported it.' CODEC(ZSTD(1)),
    `cost` Decimal(18, 6) COMMENT 'What the click cost, in the base currency at the dated exchange rate in force.',
    `cost_original` Decimal(18, 6) COMMENT 'What the click cost, in units of currency.',
    `currency` LowCardinality(String) COMMENT 'ISO 4217 code of cost_original.',
    `offer_payout` Decimal(18, 6) COMMENT 'What the offer pays when a postback names no payout, in the base currency, as declared at the time of the click.',
    `offer_payout_original` Decimal(18, 6) COMMENT 'The same in units of offer_currency.',
    `offer_currency` LowCardinality(String) COMMENT 'ISO 4217 code of offer_payout_original.',
    `ip` IPv6 COMMENT 'Visitor\'s address; IPv4 as ::ffff:a.b.c.d.' CODEC(ZSTD(1)),
    `country` LowCardinality(String) COMMENT 'Country of the IP, ISO 3166-1 alpha-2; empty when unknown.',
    `city` LowCardinality(String) COMMENT 'City of the IP, by ingest.geo.city_file; empty when unknown.',
    `region` LowCardinality(String) COMMENT 'Largest subdivision of the country (state, province), by ingest.geo.city_file; empty when unknown.',
    `asn` UInt32 COMMENT 'Number of the autonomous system that announces the IP, by ingest.geo.asn_file; 0 when unknown.',
    `as_org` LowCardinality(String) COMMENT 'Organisation of the autonomous system, by ingest.geo.asn_file.',
    `connection_type` LowCardinality(String) COMMENT 'cable_dsl, cellular, corporate, dialup, satellite, or as ingest.geo.connection_file has it, in lower case with underscores; empty when unknown.',
    `hosting` Bool COMMENT 'The autonomous system is a listed hosting or cloud provider\'s, or the data file says so. False when the autonomous system is unknown.',
    `device` LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown, from the user agent.',
    `os` LowCardinality(String) COMMENT 'Operating system, from the user agent.',
    `os_version` LowCardinality(String) COMMENT 'Version of the operating system.',
    `browser` LowCardinality(String) COMMENT 'Browser, from the user agent.',
    `browser_version` LowCardinality(String) COMMENT 'Version of the browser.',
    `bot` LowCardinality(String) COMMENT 'Name of the listed bot that the user agent matches; empty for none.',
    `bot_class` LowCardinality(String) COMMENT 'Kind of the listed bot: search, ai, preview, monitoring, ads, security, archive, feed, library, headless or crawler (the rest); empty for none.',
    `user_agent` String COMMENT 'User-Agent header.' CODEC(ZSTD(1)),
    `referrer` String COMMENT 'Referer header.' CODEC(ZSTD(1)),
    `referrer_domain` LowCardinality(String) COMMENT 'Host of the referrer, lower case, without "www." and port; empty for none.',
    `language` LowCardinality(String) COMMENT 'First language of Accept-Language, lower case.',
    `ip_clicks_per_minute` UInt32 COMMENT 'Clicks from this IP within the click\'s minute at the edge that took it, this one included; 0 for a click brought in more than 10 minutes after it happened.',
    `foreign` Bool COMMENT 'The click ID is another tracker\'s: it carries no proof of its own.',
    `unique` Bool COMMENT 'The visitor\'s first click of the campaign within the edge\'s window, by visitor cookie or else by IP and user agent. False in rows from before there was this column.',
    `score` UInt32 COMMENT 'Anomaly score, 0 (clean) to 100; flagged from 50.',
    `reason_codes` Array(LowCardinality(String)) COMMENT 'Findings behind the score, strongest family member first as the processor wrote them: signal codes, see the data dictionary.',
    `reason_points` Array(UInt32) COMMENT 'Points each finding gave to the score; same positions as reason_codes.',
    `reason_observed` Array(Float64) COMMENT 'What was observed, in the unit of the signal; same positions as reason_codes.',
    `reason_expected` Array(Float64) COMMENT 'What was expected; same positions as reason_codes.',
    `reason_n` Array(UInt64) COMMENT 'Sample size each finding rests on; same positions as reason_codes.',
    `reason_llr` Array(Float64) COMMENT 'Log-likelihood ratio in nats where the signal accumulates one, else 0; same positions as reason_codes.',
    `reason_baselines` Array(UInt32) COMMENT 'Version of the baseline that the expected value comes from; same positions as reason_codes.',
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    `_archived` UInt64 DEFAULT 0 COMMENT 'Run of `tributary archive` that has summed the row, see archive_months; 0 while none has.' CODEC(ZSTD(1)),
    `sub1` String MATERIALIZED subs[1] COMMENT 'subs[1]: parameter sub1 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub2` String MATERIALIZED subs[2] COMMENT 'subs[2]: parameter sub2 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub3` String MATERIALIZED subs[3] COMMENT 'subs[3]: parameter sub3 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub4` String MATERIALIZED subs[4] COMMENT 'subs[4]: parameter sub4 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub5` String MATERIALIZED subs[5] COMMENT 'subs[5]: parameter sub5 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub6` String MATERIALIZED subs[6] COMMENT 'subs[6]: parameter sub6 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub7` String MATERIALIZED subs[7] COMMENT 'subs[7]: parameter sub7 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub8` String MATERIALIZED subs[8] COMMENT 'subs[8]: parameter sub8 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub9` String MATERIALIZED subs[9] COMMENT 'subs[9]: parameter sub9 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub10` String MATERIALIZED subs[10] COMMENT 'subs[10]: parameter sub10 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub11` String MATERIALIZED subs[11] COMMENT 'subs[11]: parameter sub11 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub12` String MATERIALIZED subs[12] COMMENT 'subs[12]: parameter sub12 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub13` String MATERIALIZED subs[13] COMMENT 'subs[13]: parameter sub13 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub14` String MATERIALIZED subs[14] COMMENT 'subs[14]: parameter sub14 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub15` String MATERIALIZED subs[15] COMMENT 'subs[15]: parameter sub15 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub16` String MATERIALIZED subs[16] COMMENT 'subs[16]: parameter sub16 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub17` String MATERIALIZED subs[17] COMMENT 'subs[17]: parameter sub17 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub18` String MATERIALIZED subs[18] COMMENT 'subs[18]: parameter sub18 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub19` String MATERIALIZED subs[19] COMMENT 'subs[19]: parameter sub19 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub20` String MATERIALIZED subs[20] COMMENT 'subs[20]: parameter sub20 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `flagged` Bool ALIAS score >= 50 COMMENT 'score >= 50: the click counts as flagged.',
    `_layout` UInt8 COMMENT 'Version of the loader that wrote the row: 1 and above are counted in rollup_minute_traffic and rollup_hour_traffic; 0 is from before there were these, and views count it from here.',
    INDEX by_click_id click_id TYPE minmax GRANULARITY 1,
    INDEX by_offset _offset TYPE minmax GRANULARITY 1,
    INDEX by_layout _layout TYPE minmax GRANULARITY 64,
    INDEX by_time event_at TYPE minmax GRANULARITY 1,
    PROJECTION by_names
    (
        SELECT
            campaign_id,
            campaign,
            source_id,
            source,
            offer_id,
            offer,
            landing_id,
            landing,
            max(received_at)
        GROUP BY
            campaign_id,
            campaign,
            source_id,
            source,
            offer_id,
            offer,
            landing_id,
            landing
    ),
    PROJECTION by_quarter_f5f25736
    (
        SELECT
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            block,
            blocked,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            _layout >= 1,
            countIf(NOT blocked),
            sum(cost),
            countIf((score >= 50) AND (NOT blocked)),
            countIf(unique AND (NOT blocked)),
            countIf(landing_id != 0),
            countIf((bot != '') AND (NOT blocked)),
            sumIf(score, NOT blocked),
            countIf(blocked),
            sumIf(cost, blocked),
            countIf((block != '') AND (NOT blocked)),
            count(),
            max(event_at)
        GROUP BY
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            block,
            blocked,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            _layout >= 1
    ),
    PROJECTION by_day_08c4d058
    (
        SELECT
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            block,
            blocked,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            _layout >= 1,
            countIf(NOT blocked),
            sum(cost),
            countIf((score >= 50) AND (NOT blocked)),
            countIf(unique AND (NOT blocked)),
            countIf(landing_id != 0),
            countIf((bot != '') AND (NOT blocked)),
            sumIf(score, NOT blocked),
            countIf(blocked),
            sumIf(cost, blocked),
            countIf((block != '') AND (NOT blocked)),
            count(),
            max(event_at)
        GROUP BY
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            block,
            blocked,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            _layout >= 1
    ),
    PROJECTION by_traffic_bf170047
    (
        SELECT
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            _archived,
            countIf(NOT blocked),
            sum(cost),
            countIf(unique AND (NOT blocked)),
            count()
        GROUP BY
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            _archived
    ),
    PROJECTION by_visitor_ef795496
    (
        SELECT
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            country,
            device,
            os,
            browser,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            _archived,
            countIf(NOT blocked),
            sum(cost),
            countIf(unique AND (NOT blocked)),
            count()
        GROUP BY
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            country,
            device,
            os,
            browser,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            _archived
    ),
    PROJECTION by_offer_bd68de0e
    (
        SELECT
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            offer_id,
            landing_id,
            offer,
            landing,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            _archived,
            countIf(NOT blocked),
            sum(cost),
            countIf(unique AND (NOT blocked)),
            count()
        GROUP BY
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            offer_id,
            landing_id,
            offer,
            landing,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            _archived
    )
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (campaign_id, source_id, received_at, click_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192, lightweight_mutation_projection_mode = 'rebuild'
COMMENT 'Accepted paid clicks, one row a click ID. Source of clicks and cost in every view. Filled from the topic scored.clicks.';

CREATE TABLE tributary.control_changes
(
    `kind` LowCardinality(String) COMMENT 'What it is: block.',
    `id` String COMMENT 'Its ID, as in clicks.block.' CODEC(ZSTD(1)),
    `ended` Bool COMMENT 'It ended: by this change, or because its time was over.',
    `says` String COMMENT 'What was in force from then on, in words; of one that ended, what had been.' CODEC(ZSTD(1)),
    `author` String COMMENT 'Who changed it, in his own words; empty where its time was over.' CODEC(ZSTD(1)),
    `reason` String COMMENT 'Why, in the words of who changed it.' CODEC(ZSTD(1)),
    `until_at` DateTime64(3, 'UTC') COMMENT 'When it ends by itself, UTC; 1970 for never.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it was changed, UTC, by the clock of who wrote it; decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (kind, id, received_at)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'Every change of what is in force by the topic control (blocks and the like), one row each: who, when, why. It only grows: what has ended is here still. Order is by _offset. Filled from the topic control.changes.';

CREATE TABLE tributary.conversions
(
    `conversion_id` String COMMENT 'Identity of the conversion: 32 hex digits derived from (click ID, network, event, txid, correction or not); one from before the network was a part of it stays as it was.' CODEC(ZSTD(1)),
    `seq` UInt32 COMMENT 'Number of this entry within its conversion, from 1; 0 in a rescored entry.',
    `kind` LowCardinality(String) COMMENT 'created (first entry of a conversion), correction (first entry of a correction, which moves revenue and counts as no conversion), status (its status changed), payout (payout corrected under the same status) or rescored (only the score changed).',
    `receipt_id` String COMMENT 'Receipt of the postback behind this entry.' CODEC(ZSTD(1)),
    `click_id` String COMMENT 'Click ID the conversion belongs to.' CODEC(ZSTD(1)),
    `network` LowCardinality(String) COMMENT 'Network that sent the postback.',
    `event` LowCardinality(String) COMMENT 'Event type (goal), lower case: lead, sale, reg, ftd …',
    `txid` String COMMENT 'The network\'s transaction ID; empty when it names none.' CODEC(ZSTD(1)),
    `status` LowCardinality(String) COMMENT 'Status after this entry: registered, pending (money on hold), approved (money confirmed), rejected or chargeback.',
    `previous_status` LowCardinality(String) COMMENT 'Status before this entry; unspecified in the first.',
    `original_status` LowCardinality(String) COMMENT 'The status word as the network wrote it.',
    `payout` Decimal(18, 6) COMMENT 'Payout after this entry, in the base currency; below 0 in a correction.',
    `payout_original` Decimal(18, 6) COMMENT 'Payout after this entry, in units of currency; below 0 in a correction and nowhere else.',
    `currency` LowCardinality(String) COMMENT 'ISO 4217 code of payout_original.',
    `payout_source` LowCardinality(String) COMMENT 'postback (it named the payout), offer (the offer\'s declared payout) or none.',
    `conversions_delta` Int32 COMMENT 'Change of the number of conversions: a conversion counts while registered, pending or approved, a correction never.',
    `registered_delta` Int32 COMMENT 'Change of the number of conversions in status registered.',
    `pending_delta` Int32 COMMENT 'Change of the number in status pending.',
    `approved_delta` Int32 COMMENT 'Change of the number in status approved.',
    `rejected_delta` Int32 COMMENT 'Change of the number in status rejected.',
    `chargeback_delta` Int32 COMMENT 'Change of the number in status chargeback.',
    `revenue_hold_delta` Decimal(18, 6) COMMENT 'Change of revenue on hold (payouts of pending conversions and corrections), in the base currency.',
    `revenue_confirmed_delta` Decimal(18, 6) COMMENT 'Change of confirmed revenue (payouts of approved conversions and corrections), in the base currency.',
    `flagged_delta` Int32 COMMENT 'Change of the number of conversions whose score reached the flag threshold.',
    `beside_goal` Bool COMMENT 'The offer declared which event types count as its conversions, and this one is not among them: it has a count of its own.',
    `confirmed_only` Bool COMMENT 'Money on hold of this conversion is no part of revenue: its network\'s revenue counts once it is confirmed (catalog.networks[].revenue).',
    `block` LowCardinality(String) COMMENT 'ID of the block that its click met; empty for none.',
    `blocked` Bool COMMENT 'Its click was blocked: the visitor came by the block\'s answer. It counts as any other, and is no part of what is counted by click (epc, cr and the like).',
    `event_at` DateTime64(3, 'UTC') COMMENT 'When the conversion happened according to the network, UTC.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the edge accepted the postback, UTC: the time the ledger knew of it. Decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `decided_at` DateTime64(3, 'UTC') DEFAULT received_at COMMENT 'When the processor made the entry, by its clock, UTC. received_at in rows from before there was this column.' CODEC(Delta(8), ZSTD(1)),
    `click_at` DateTime64(3, 'UTC') COMMENT 'When its click happened, UTC; views group by this time.' CODEC(Delta(8), ZSTD(1)),
    `match` LowCardinality(String) COMMENT 'click (its click was found) or click_id (not found within the grace time; campaign and source come from the signed click ID).',
    `foreign` Bool COMMENT 'The click ID is another tracker\'s.',
    `campaign_id` UInt32 COMMENT 'Campaign number of the click.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name of the click.',
    `buyer` LowCardinality(String) COMMENT 'Who bought the traffic, as the campaign had it at the time of the click (catalog.campaigns[].buyer).',
    `team` LowCardinality(String) COMMENT 'Team of the buyer, as the campaign had it at the time of the click (catalog.campaigns[].team).',
    `tags` Array(String) COMMENT 'Tags that the campaign had at the time of the click, sorted (catalog.campaigns[].tags).',
    `source_id` UInt32 COMMENT 'Source number of the click; 0 when undeclared.',
    `source` LowCardinality(String) COMMENT 'Source name of the click.',
    `offer_id` UInt32 COMMENT 'Offer number of the click; 0 when its click was not found.',
    `offer` LowCardinality(String) COMMENT 'Offer name of the click.',
    `landing_id` UInt32 COMMENT 'Landing page number of the click; 0 when it went to the offer directly.',
    `landing` LowCardinality(String) COMMENT 'Landing page the click was sent to; empty when it went to the offer directly.',
    `country` LowCardinality(String) COMMENT 'Country of the click.',
    `city` LowCardinality(String) COMMENT 'City of the click; empty when unknown.',
    `region` LowCardinality(String) COMMENT 'Largest subdivision of the country of the click; empty when unknown.',
    `asn` UInt32 COMMENT 'Number of the autonomous system of the click\'s IP; 0 when unknown.',
    `as_org` LowCardinality(String) COMMENT 'Organisation of that autonomous system.',
    `connection_type` LowCardinality(String) COMMENT 'Connection type of the click, as in clicks.',
    `hosting` Bool COMMENT 'The click\'s IP is a listed hosting or cloud provider\'s.',
    `device` LowCardinality(String) COMMENT 'Device of the click.',
    `os` LowCardinality(String) COMMENT 'Operating system of the click.',
    `os_version` LowCardinality(String) COMMENT 'Version of the operating system of the click.',
    `browser` LowCardinality(String) COMMENT 'Browser of the click.',
    `browser_version` LowCardinality(String) COMMENT 'Version of the browser of the click.',
    `language` LowCardinality(String) COMMENT 'First language of the click.',
    `referrer_domain` LowCardinality(String) COMMENT 'Host of the click\'s referrer, lower case, without "www." and port.',
    `bot` LowCardinality(String) COMMENT 'Name of the listed bot that made the click; empty for none.',
    `bot_class` LowCardinality(String) COMMENT 'Kind of that bot, as in clicks.',
    `subs` Array(String) COMMENT 'sub1…sub20 of the click link in order; trailing empty ones are left out.',
    `zone` LowCardinality(String) COMMENT 'Zone as the source itself calls it, whichever sub it came in (catalog.sources[].names); an ID that stays.',
    `zone_name` LowCardinality(String) COMMENT 'Name of the zone as the source had it at the time of the click; it may change while zone stays.',
    `site` LowCardinality(String) COMMENT 'Site or app the ad was shown on, as the source itself calls it (catalog.sources[].names).',
    `placement` LowCardinality(String) COMMENT 'Placement, as the source itself calls it (catalog.sources[].names).',
    `ad_campaign` LowCardinality(String) COMMENT 'ID of the campaign at the source (catalog.sources[].names); campaign is that of the catalog.',
    `ad_campaign_name` LowCardinality(String) COMMENT 'Name of the campaign at the source at the time of the click; it may change while ad_campaign stays.',
    `adset` LowCardinality(String) COMMENT 'ID of the ad set or ad group at the source (catalog.sources[].names).',
    `adset_name` LowCardinality(String) COMMENT 'Name of the ad set at the time of the click; it may change while adset stays.',
    `ad` LowCardinality(String) COMMENT 'ID of the ad at the source (catalog.sources[].names).',
    `ad_name` LowCardinality(String) COMMENT 'Name of the ad at the time of the click; it may change while ad stays.',
    `external_id` String COMMENT 'The traffic source\'s own ID of the click.' CODEC(ZSTD(1)),
    `keyword` String COMMENT 'Keyword of the click.' CODEC(ZSTD(1)),
    `creative` String COMMENT 'Creative of the click.' CODEC(ZSTD(1)),
    `score` UInt32 COMMENT 'Anomaly score of the conversion, 0 (clean) to 100; flagged from 50.',
    `reason_codes` Array(LowCardinality(String)) COMMENT 'Findings behind the score, strongest family member first as the processor wrote them: signal codes, see the data dictionary.',
    `reason_points` Array(UInt32) COMMENT 'Points each finding gave to the score; same positions as reason_codes.',
    `reason_observed` Array(Float64) COMMENT 'What was observed, in the unit of the signal; same positions as reason_codes.',
    `reason_expected` Array(Float64) COMMENT 'What was expected; same positions as reason_codes.',
    `reason_n` Array(UInt64) COMMENT 'Sample size each finding rests on; same positions as reason_codes.',
    `reason_llr` Array(Float64) COMMENT 'Log-likelihood ratio in nats where the signal accumulates one, else 0; same positions as reason_codes.',
    `reason_baselines` Array(UInt32) COMMENT 'Version of the baseline that the expected value comes from; same positions as reason_codes.',
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    `_archived` UInt64 DEFAULT 0 COMMENT 'Run of `tributary archive` that has summed the row, see archive_months; 0 while none has.' CODEC(ZSTD(1)),
    `sub1` String MATERIALIZED subs[1] COMMENT 'subs[1]: parameter sub1 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub2` String MATERIALIZED subs[2] COMMENT 'subs[2]: parameter sub2 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub3` String MATERIALIZED subs[3] COMMENT 'subs[3]: parameter sub3 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub4` String MATERIALIZED subs[4] COMMENT 'subs[4]: parameter sub4 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub5` String MATERIALIZED subs[5] COMMENT 'subs[5]: parameter sub5 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub6` String MATERIALIZED subs[6] COMMENT 'subs[6]: parameter sub6 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub7` String MATERIALIZED subs[7] COMMENT 'subs[7]: parameter sub7 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub8` String MATERIALIZED subs[8] COMMENT 'subs[8]: parameter sub8 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub9` String MATERIALIZED subs[9] COMMENT 'subs[9]: parameter sub9 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub10` String MATERIALIZED subs[10] COMMENT 'subs[10]: parameter sub10 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub11` String MATERIALIZED subs[11] COMMENT 'subs[11]: parameter sub11 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub12` String MATERIALIZED subs[12] COMMENT 'subs[12]: parameter sub12 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub13` String MATERIALIZED subs[13] COMMENT 'subs[13]: parameter sub13 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub14` String MATERIALIZED subs[14] COMMENT 'subs[14]: parameter sub14 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub15` String MATERIALIZED subs[15] COMMENT 'subs[15]: parameter sub15 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub16` String MATERIALIZED subs[16] COMMENT 'subs[16]: parameter sub16 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub17` String MATERIALIZED subs[17] COMMENT 'subs[17]: parameter sub17 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub18` String MATERIALIZED subs[18] COMMENT 'subs[18]: parameter sub18 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub19` String MATERIALIZED subs[19] COMMENT 'subs[19]: parameter sub19 of the click link, empty when not given.' CODEC(ZSTD(1)),
    `sub20` String MATERIALIZED subs[20] COMMENT 'subs[20]: parameter sub20 of the click link, empty when not given.' CODEC(ZSTD(1)),
    INDEX by_conversion_id conversion_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_click_id click_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_offset _offset TYPE minmax GRANULARITY 1,
    INDEX by_receipt_id receipt_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_time click_at TYPE minmax GRANULARITY 1,
    PROJECTION by_quarter_6f462eb6
    (
        SELECT
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            network,
            event,
            block,
            blocked,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')),
            sum(revenue_hold_delta),
            sum(revenue_confirmed_delta),
            sum(flagged_delta),
            sum(conversions_delta),
            sumIf(revenue_hold_delta, NOT confirmed_only),
            sum(registered_delta),
            sum(pending_delta),
            sum(approved_delta),
            sum(rejected_delta),
            sum(chargeback_delta),
            count(),
            countIf(kind = 'created'),
            sumIf(score, kind = 'created'),
            sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')),
            sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')),
            sumIf(revenue_hold_delta, blocked),
            sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)),
            sumIf(revenue_confirmed_delta, blocked),
            max(click_at)
        GROUP BY
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            network,
            event,
            block,
            blocked,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived
    ),
    PROJECTION by_day_3a040f28
    (
        SELECT
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            network,
            event,
            block,
            blocked,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')),
            sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')),
            sum(revenue_hold_delta),
            sum(revenue_confirmed_delta),
            sum(flagged_delta),
            sum(conversions_delta),
            sumIf(revenue_hold_delta, NOT confirmed_only),
            sum(registered_delta),
            sum(pending_delta),
            sum(approved_delta),
            sum(rejected_delta),
            sum(chargeback_delta),
            count(),
            countIf(kind = 'created'),
            sumIf(score, kind = 'created'),
            sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')),
            sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')),
            sumIf(revenue_hold_delta, blocked),
            sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)),
            sumIf(revenue_confirmed_delta, blocked),
            max(click_at)
        GROUP BY
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            network,
            event,
            block,
            blocked,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived
    ),
    PROJECTION by_traffic_410893ea
    (
        SELECT
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            _archived,
            sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')),
            sum(revenue_confirmed_delta),
            sumIf(revenue_hold_delta, NOT confirmed_only),
            sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)),
            sumIf(revenue_confirmed_delta, blocked),
            count()
        GROUP BY
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            _archived
    ),
    PROJECTION by_visitor_38fdf918
    (
        SELECT
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            country,
            device,
            os,
            browser,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            _archived,
            sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')),
            sum(revenue_confirmed_delta),
            sumIf(revenue_hold_delta, NOT confirmed_only),
            sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)),
            sumIf(revenue_confirmed_delta, blocked),
            count()
        GROUP BY
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            country,
            device,
            os,
            browser,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            _archived
    ),
    PROJECTION by_offer_b9e44b7d
    (
        SELECT
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            offer_id,
            landing_id,
            offer,
            landing,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            _archived,
            sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')),
            sum(revenue_confirmed_delta),
            sumIf(revenue_hold_delta, NOT confirmed_only),
            sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)),
            sumIf(revenue_confirmed_delta, blocked),
            count()
        GROUP BY
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            offer_id,
            landing_id,
            offer,
            landing,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            _archived
    )
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (campaign_id, source_id, received_at, click_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192, lightweight_mutation_projection_mode = 'rebuild'
COMMENT 'The conversion ledger: one row an accepted transition, with signed deltas; never updated. Sums of deltas are the truth; figures as known at time T are the same sums WHERE received_at <= T. Filled from the topic scored.conversions.';

CREATE VIEW tributary.conversions_current
(
    `conversion_id` String COMMENT 'Identity of the conversion: 32 hex digits derived from (click ID, event, txid, correction or not).',
    `click_id` String COMMENT 'Click ID the conversion belongs to.',
    `network` String COMMENT 'Network that sent the postback.',
    `event` String COMMENT 'Event type (goal), lower case: lead, sale, reg, ftd …',
    `txid` String COMMENT 'The network\'s transaction ID; empty when it names none.',
    `match` String COMMENT 'click (its click was found) or click_id (not found within the grace time; campaign and source come from the signed click ID).',
    `foreign` Bool COMMENT 'The click ID is another tracker\'s.',
    `correction` Bool COMMENT 'It is a correction: a payout below 0, which moves revenue and counts as no conversion. Count conversions where it is false.',
    `campaign_id` UInt32 COMMENT 'Campaign number of the click.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number of the click; 0 when undeclared.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `offer_id` UInt32 COMMENT 'Offer number of the click; 0 when its click was not found.',
    `offer` String COMMENT 'Latest name of the offer.',
    `country` String COMMENT 'Country of the click.',
    `device` String COMMENT 'Device of the click.',
    `os` String COMMENT 'Operating system of the click.',
    `browser` String COMMENT 'Browser of the click.',
    `subs` Array(String) COMMENT 'sub1…sub20 of the click link in order; trailing empty ones are left out.',
    `external_id` String COMMENT 'The traffic source\'s own ID of the click.',
    `status` String COMMENT 'Status now.',
    `original_status` String COMMENT 'The network\'s word behind the status now.',
    `payout` Decimal(18, 6) COMMENT 'Payout now, base currency.',
    `payout_original` Decimal(18, 6) COMMENT 'Payout now, in units of currency.',
    `currency` String COMMENT 'ISO 4217 code of payout_original.',
    `transitions` UInt64 COMMENT 'Ledger entries that changed status or payout, the first included.',
    `revenue_hold` Decimal(38, 6) COMMENT 'sum of revenue_hold_delta, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'sum of revenue_confirmed_delta, base currency.',
    `score` UInt32 COMMENT 'Score of the latest entry, 0 to 100.',
    `flagged` Int64 COMMENT '1 when flagged now: sum of flagged_delta.',
    `click_at` DateTime64(3, 'UTC') COMMENT 'When its click happened, UTC.',
    `first_received_at` DateTime64(3, 'UTC') COMMENT 'When its first postback was accepted, UTC.',
    `last_received_at` DateTime64(3, 'UTC') COMMENT 'When its latest postback was accepted, UTC.'
)
COMMENT 'State of each conversion and each correction now, one row each: its ledger entries folded.'
AS WITH
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'offer'
                UNION ALL
                SELECT
                    'offer' AS kind,
                    offer_id AS id,
                    toString(offer) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (offer_id != 0) AND (offer != '')
                GROUP BY
                    offer_id,
                    offer
            )
            GROUP BY id
        )
    ) AS names_of_offer
SELECT * REPLACE (transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(campaign)) AS campaign, transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(source)) AS source, transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(offer)) AS offer)
FROM
(
    SELECT
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
    FROM tributary.conversions AS c
    GROUP BY c.conversion_id
) AS named;

CREATE TABLE tributary.dead_letters
(
    `letter_id` String COMMENT 'Identity of the dead letter; for a postback its receipt ID. A repeated row (the topic is at least once) has the same.' CODEC(ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'What it would have been: click, postback, record (undecodable Kafka record) or row (refused by ClickHouse).',
    `reason` LowCardinality(String) COMMENT 'Reject reason, from the closed list in the data dictionary.',
    `detail` String COMMENT 'What was wrong, in words.' CODEC(ZSTD(1)),
    `place` LowCardinality(String) COMMENT 'Role that refused it: ingest, processor or sink.',
    `stage` LowCardinality(String) COMMENT 'Stage of the processor that could not process the record or timer; empty in all other rows.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it arrived, UTC; decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `decided_at` DateTime64(3, 'UTC') DEFAULT received_at COMMENT 'When the processor refused it, by its clock, UTC; received_at where another role did, and in rows from before there was this column.' CODEC(Delta(8), ZSTD(1)),
    `raw` String COMMENT 'The input as it came: for a request method, path and query, a blank line, the body, cut at 4096 bytes; for a record its value.' CODEC(ZSTD(1)),
    `network` LowCardinality(String) COMMENT 'Network of the postback; empty when unknown.',
    `click_id` String COMMENT 'Click ID as received.' CODEC(ZSTD(1)),
    `event` LowCardinality(String) COMMENT 'Event type as received.',
    `txid` String COMMENT 'Transaction ID as received.' CODEC(ZSTD(1)),
    `original_status` LowCardinality(String) COMMENT 'Status word as received.',
    `payout` Decimal(18, 6) COMMENT 'Payout in the base currency; 0 when it could not be read.',
    `payout_original` Decimal(18, 6) COMMENT 'Payout in units of currency; 0 when it could not be read.',
    `currency` LowCardinality(String) COMMENT 'ISO 4217 code of payout_original.',
    `ip` IPv6 COMMENT 'Sender\'s address; IPv4 as ::ffff:a.b.c.d.' CODEC(ZSTD(1)),
    `source_topic` LowCardinality(String) COMMENT 'Kafka topic the refused record was read from; empty when it came over HTTP.',
    `source_partition` Int32 COMMENT 'Its partition.',
    `source_offset` Int64 COMMENT 'Its offset.',
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1,
    INDEX by_letter_id letter_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (kind, reason, received_at, letter_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'Input that became neither a click nor a ledger entry, kept whole, each with its reason. Filled from the topic dead-letters.';

CREATE VIEW tributary.epc_roi_by_browser
(
    `browser` String COMMENT 'Browser of the click.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by browser, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    browser,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        browser,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY browser
    UNION ALL
    SELECT
        browser,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY browser
    UNION ALL
    SELECT
        browser,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY browser
    UNION ALL
    SELECT
        browser,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY browser
    UNION ALL
    SELECT
        browser,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY browser
    UNION ALL
    SELECT
        browser,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY browser
    UNION ALL
    SELECT
        browser,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY browser
) AS parts
GROUP BY browser;

CREATE VIEW tributary.epc_roi_by_buyer
(
    `buyer` String COMMENT 'Who bought the traffic, as the campaign had it when the click came; empty of what came before there were buyers.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by buyer, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    buyer,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        buyer,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY buyer
    UNION ALL
    SELECT
        buyer,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY buyer
    UNION ALL
    SELECT
        buyer,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY buyer
    UNION ALL
    SELECT
        buyer,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY buyer
    UNION ALL
    SELECT
        '' AS buyer,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    HAVING count() > 0
    UNION ALL
    SELECT
        '' AS buyer,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    HAVING count() > 0
    UNION ALL
    SELECT
        buyer,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY buyer
) AS parts
GROUP BY buyer;

CREATE VIEW tributary.epc_roi_by_campaign
(
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by campaign, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign
SELECT
    campaign_id,
    transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        campaign_id,
        campaign AS said_campaign,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        campaign_id,
        said_campaign
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        campaign_id,
        said_campaign
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        campaign_id,
        said_campaign
) AS parts
GROUP BY
    campaign_id,
    if(campaign_id = 0, toString(said_campaign), '');

CREATE VIEW tributary.epc_roi_by_campaign_day
(
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `day` Date COMMENT 'UTC day on which the clicks happened; revenue is booked on its click\'s day.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by campaign and day, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign
SELECT
    campaign_id,
    transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
    day,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        campaign_id,
        said_campaign,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        campaign_id,
        said_campaign,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        campaign_id,
        said_campaign,
        day
) AS parts
GROUP BY
    campaign_id,
    if(campaign_id = 0, toString(said_campaign), ''),
    day;

CREATE VIEW tributary.epc_roi_by_campaign_source
(
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by campaign and source, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source
SELECT
    campaign_id,
    transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
    source_id,
    transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(argMaxIf(said_source, at, said_source != ''))) AS source,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source
) AS parts
GROUP BY
    campaign_id,
    if(campaign_id = 0, toString(said_campaign), ''),
    source_id,
    if(source_id = 0, toString(said_source), '');

CREATE VIEW tributary.epc_roi_by_campaign_source_day
(
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `day` Date COMMENT 'UTC day on which the clicks happened; revenue is booked on its click\'s day.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by campaign and source and day, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source
SELECT
    campaign_id,
    transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
    source_id,
    transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(argMaxIf(said_source, at, said_source != ''))) AS source,
    day,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        day
) AS parts
GROUP BY
    campaign_id,
    if(campaign_id = 0, toString(said_campaign), ''),
    source_id,
    if(source_id = 0, toString(said_source), ''),
    day;

CREATE VIEW tributary.epc_roi_by_campaign_source_hour
(
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `hour` DateTime('UTC') COMMENT 'UTC hour in which the clicks happened; revenue is booked on its click\'s hour.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by campaign and source and hour, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source
SELECT
    campaign_id,
    transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
    source_id,
    transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(argMaxIf(said_source, at, said_source != ''))) AS source,
    hour,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        hour
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toStartOfHour(toStartOfInterval(click_at, toIntervalMinute(15))) AS hour,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        hour
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        hour
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toStartOfHour(toStartOfInterval(click_at, toIntervalMinute(15))) AS hour,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        hour
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toStartOfHour(quarter) AS hour,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        hour
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toStartOfHour(quarter) AS hour,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        hour
    UNION ALL
    SELECT
        campaign_id,
        campaign AS said_campaign,
        source_id,
        source AS said_source,
        toStartOfHour(quarter) AS hour,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        campaign_id,
        said_campaign,
        source_id,
        said_source,
        hour
) AS parts
GROUP BY
    campaign_id,
    if(campaign_id = 0, toString(said_campaign), ''),
    source_id,
    if(source_id = 0, toString(said_source), ''),
    hour;

CREATE VIEW tributary.epc_roi_by_country
(
    `country` String COMMENT 'Country of the click, ISO 3166-1 alpha-2; empty when unknown.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by country, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    country,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        country,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY country
    UNION ALL
    SELECT
        country,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY country
    UNION ALL
    SELECT
        country,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY country
    UNION ALL
    SELECT
        country,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY country
    UNION ALL
    SELECT
        country,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY country
    UNION ALL
    SELECT
        country,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY country
    UNION ALL
    SELECT
        country,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY country
) AS parts
GROUP BY country;

CREATE VIEW tributary.epc_roi_by_day
(
    `day` Date COMMENT 'UTC day on which the clicks happened; revenue is booked on its click\'s day.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by day, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    day,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY day
    UNION ALL
    SELECT
        toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY day
    UNION ALL
    SELECT
        toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY day
    UNION ALL
    SELECT
        toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY day
    UNION ALL
    SELECT
        toDate(quarter) AS day,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY day
    UNION ALL
    SELECT
        toDate(quarter) AS day,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY day
    UNION ALL
    SELECT
        toDate(quarter) AS day,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY day
) AS parts
GROUP BY day;

CREATE VIEW tributary.epc_roi_by_device
(
    `device` String COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by device, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    device,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        device,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY device
    UNION ALL
    SELECT
        device,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY device
    UNION ALL
    SELECT
        device,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY device
    UNION ALL
    SELECT
        device,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY device
    UNION ALL
    SELECT
        device,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY device
    UNION ALL
    SELECT
        device,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY device
    UNION ALL
    SELECT
        device,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY device
) AS parts
GROUP BY device;

CREATE VIEW tributary.epc_roi_by_hour
(
    `hour` DateTime('UTC') COMMENT 'UTC hour in which the clicks happened; revenue is booked on its click\'s hour.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by hour, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    hour,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY hour
    UNION ALL
    SELECT
        toStartOfHour(toStartOfInterval(click_at, toIntervalMinute(15))) AS hour,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY hour
    UNION ALL
    SELECT
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY hour
    UNION ALL
    SELECT
        toStartOfHour(toStartOfInterval(click_at, toIntervalMinute(15))) AS hour,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY hour
    UNION ALL
    SELECT
        toStartOfHour(quarter) AS hour,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY hour
    UNION ALL
    SELECT
        toStartOfHour(quarter) AS hour,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY hour
    UNION ALL
    SELECT
        toStartOfHour(quarter) AS hour,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY hour
) AS parts
GROUP BY hour;

CREATE VIEW tributary.epc_roi_by_landing
(
    `landing_id` UInt32 COMMENT 'Landing page number of the catalog; 0 when the click went to the offer directly.',
    `landing` String COMMENT 'Latest name of the landing page.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by landing, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'landing'
                UNION ALL
                SELECT
                    'landing' AS kind,
                    landing_id AS id,
                    toString(landing) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (landing_id != 0) AND (landing != '')
                GROUP BY
                    landing_id,
                    landing
            )
            GROUP BY id
        )
    ) AS names_of_landing
SELECT
    landing_id,
    transform(landing_id, tupleElement(names_of_landing, 1), tupleElement(names_of_landing, 2), toString(argMaxIf(said_landing, at, said_landing != ''))) AS landing,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        landing_id,
        landing AS said_landing,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        landing_id,
        said_landing
    UNION ALL
    SELECT
        landing_id,
        landing AS said_landing,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        landing_id,
        said_landing
    UNION ALL
    SELECT
        toUInt32(0) AS landing_id,
        '' AS said_landing,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    HAVING count() > 0
    UNION ALL
    SELECT
        landing_id,
        landing AS said_landing,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        landing_id,
        said_landing
    UNION ALL
    SELECT
        toUInt32(0) AS landing_id,
        '' AS said_landing,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    HAVING count() > 0
    UNION ALL
    SELECT
        toUInt32(0) AS landing_id,
        '' AS said_landing,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    HAVING count() > 0
    UNION ALL
    SELECT
        landing_id,
        landing AS said_landing,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        landing_id,
        said_landing
) AS parts
GROUP BY
    landing_id,
    if(landing_id = 0, toString(said_landing), '');

CREATE VIEW tributary.epc_roi_by_minute
(
    `minute` DateTime('UTC') COMMENT 'UTC minute in which the clicks happened; revenue is booked on its click\'s minute.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by minute, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_minute reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    minute,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        toStartOfMinute(event_at) AS minute,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY minute
    UNION ALL
    SELECT
        toStartOfMinute(click_at) AS minute,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY minute
    UNION ALL
    SELECT
        toStartOfMinute(event_at) AS minute,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY minute
    UNION ALL
    SELECT
        toStartOfMinute(click_at) AS minute,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY minute
    UNION ALL
    SELECT
        minute,
        sum(archive_minute.clicks) AS part_clicks,
        sum(archive_minute.conversions) AS part_conversions,
        sum(archive_minute.registered) AS part_registered,
        sum(archive_minute.pending) AS part_pending,
        sum(archive_minute.approved) AS part_approved,
        sum(archive_minute.rejected) AS part_rejected,
        sum(archive_minute.chargebacks) AS part_chargebacks,
        sum(archive_minute.revenue_hold) AS part_revenue_hold,
        sum(archive_minute.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_minute.cost) AS part_cost,
        sum(archive_minute.flagged) AS part_flagged,
        sum(archive_minute.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_minute.conversions) AS part_events,
        sum(archive_minute.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_minute.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_minute
    GROUP BY minute
    UNION ALL
    SELECT
        minute,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_minute_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_minute_traffic.impressions) AS part_impressions,
        sum(archive_minute_traffic.impression_cost) AS part_impression_cost,
        sum(archive_minute_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_minute_traffic.landing_views) AS part_landing_views,
        sum(archive_minute_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_minute_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_minute_traffic
    GROUP BY minute
    UNION ALL
    SELECT
        quarter AS minute,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY minute
) AS parts
GROUP BY minute;

CREATE VIEW tributary.epc_roi_by_offer
(
    `offer_id` UInt32 COMMENT 'Offer number of the catalog; 0 where the click was not found.',
    `offer` String COMMENT 'Latest name of the offer.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by offer, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'offer'
                UNION ALL
                SELECT
                    'offer' AS kind,
                    offer_id AS id,
                    toString(offer) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (offer_id != 0) AND (offer != '')
                GROUP BY
                    offer_id,
                    offer
            )
            GROUP BY id
        )
    ) AS names_of_offer
SELECT
    offer_id,
    transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(argMaxIf(said_offer, at, said_offer != ''))) AS offer,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        offer_id,
        offer AS said_offer,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        offer_id,
        said_offer
    UNION ALL
    SELECT
        offer_id,
        offer AS said_offer,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        offer_id,
        said_offer
    UNION ALL
    SELECT
        toUInt32(0) AS offer_id,
        '' AS said_offer,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    HAVING count() > 0
    UNION ALL
    SELECT
        offer_id,
        offer AS said_offer,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        offer_id,
        said_offer
    UNION ALL
    SELECT
        offer_id,
        offer AS said_offer,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        offer_id,
        said_offer
    UNION ALL
    SELECT
        offer_id,
        offer AS said_offer,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        offer_id,
        said_offer
    UNION ALL
    SELECT
        offer_id,
        offer AS said_offer,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        offer_id,
        said_offer
) AS parts
GROUP BY
    offer_id,
    if(offer_id = 0, toString(said_offer), '');

CREATE VIEW tributary.epc_roi_by_os
(
    `os` String COMMENT 'Operating system of the click.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by os, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    os,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        os,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY os
    UNION ALL
    SELECT
        os,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY os
    UNION ALL
    SELECT
        os,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY os
    UNION ALL
    SELECT
        os,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY os
    UNION ALL
    SELECT
        os,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY os
    UNION ALL
    SELECT
        os,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY os
    UNION ALL
    SELECT
        os,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY os
) AS parts
GROUP BY os;

CREATE VIEW tributary.epc_roi_by_source
(
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by source, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source
SELECT
    source_id,
    transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(argMaxIf(said_source, at, said_source != ''))) AS source,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        source_id,
        source AS said_source,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        source_id,
        said_source
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        source_id,
        said_source
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        source_id,
        said_source
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        source_id,
        said_source
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        source_id,
        said_source
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        source_id,
        said_source
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        source_id,
        said_source
) AS parts
GROUP BY
    source_id,
    if(source_id = 0, toString(said_source), '');

CREATE VIEW tributary.epc_roi_by_source_day
(
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `day` Date COMMENT 'UTC day on which the clicks happened; revenue is booked on its click\'s day.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by source and day, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source
SELECT
    source_id,
    transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(argMaxIf(said_source, at, said_source != ''))) AS source,
    day,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        source_id,
        source AS said_source,
        toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
        max(event_at) AS at,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
        max(event_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
        max(click_at) AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        source_id,
        said_source,
        day
    UNION ALL
    SELECT
        source_id,
        source AS said_source,
        toDate(quarter) AS day,
        toDateTime64(max(quarter), 3, 'UTC') AS at,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        source_id,
        said_source,
        day
) AS parts
GROUP BY
    source_id,
    if(source_id = 0, toString(said_source), ''),
    day;

CREATE VIEW tributary.epc_roi_by_team
(
    `team` String COMMENT 'Team of the buyer, as the campaign had it when the click came; empty of what came before there were teams.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `conversions` Int64 COMMENT 'Conversions of the offers\' goals that are registered, pending or approved now; of every event type but rebill where the offer declares no goal.',
    `registered` Int64 COMMENT 'Those of conversions in status registered.',
    `pending` Int64 COMMENT 'Those of conversions in status pending.',
    `approved` Int64 COMMENT 'Those of conversions in status approved.',
    `rejected` Int64 COMMENT 'Those of conversions in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of conversions in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of every event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of every event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of every event type, base currency.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks, blocked ones included, and of the impressions, base currency.',
    `profit` Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    `epc` Nullable(Float64) COMMENT 'Earnings per click: (revenue - revenue_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `epc_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `cpc` Nullable(Float64) COMMENT 'Cost per click that counts: cost / clicks, base currency. NULL while the denominator is 0.',
    `cr` Nullable(Float64) COMMENT 'Conversion rate: (conversions - conversions_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `cr_confirmed` Nullable(Float64) COMMENT '(approved - approved_blocked) / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    `roi` Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    `roi_confirmed` Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    `roas` Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    `rpm` Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: epc * 1000. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `impressions` Int64 COMMENT 'Impressions.',
    `impression_cost` Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    `ctr` Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    `cpm` Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    `ecpm` Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    `unique_clicks` Int64 COMMENT 'Those of clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    `uepc` Nullable(Float64) COMMENT 'Earnings per unique click: (revenue - revenue_blocked) / unique_clicks, base currency. NULL while the denominator is 0.',
    `landing_views` Int64 COMMENT 'Clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Presses of landing pages\' buttons.',
    `lp_ctr` Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_pressed / landing_views, a fraction. NULL while the denominator is 0.',
    `landing_pressed` Int64 COMMENT 'Clicks of which a landing page\'s button was pressed, however often; of rows that are gone, every press.',
    `events` Int64 COMMENT 'Conversions of every event type, rebills too, that are registered, pending or approved now.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion: cost / conversions, base currency. NULL while the denominator is 0.',
    `revenue_gross` Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency: money on hold counts in full.',
    `epc_gross` Nullable(Float64) COMMENT '(revenue_gross - revenue_hold_blocked - revenue_confirmed_blocked) / clicks, base currency. NULL while the denominator is 0.',
    `roi_gross` Nullable(Float64) COMMENT '(revenue_gross - cost) / cost, a fraction. NULL while the denominator is 0.',
    `clicks_blocked` Int64 COMMENT 'Clicks that a block kept away (`tributary block`): none of clicks. Of the archive from before there were blocks: 0.',
    `cost_blocked` Decimal(38, 6) COMMENT 'What the clicks_blocked cost, which cost has too: the source has billed it. Base currency.',
    `clicks_shadowed` Int64 COMMENT 'Those of clicks that a shadow block counted: it would have kept them away.',
    `conversions_blocked` Int64 COMMENT 'Those of conversions whose click was blocked: of the fallback offer.',
    `revenue_blocked` Decimal(38, 6) COMMENT 'What of revenue is of clicks that were blocked, base currency: it counts, and is no part of epc.'
)
COMMENT 'Money figures by team, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.'
AS WITH (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived
SELECT
    team,
    sum(part_clicks) AS clicks,
    sum(part_conversions) AS conversions,
    sum(part_registered) AS registered,
    sum(part_pending) AS pending,
    sum(part_approved) AS approved,
    sum(part_rejected) AS rejected,
    sum(part_chargebacks) AS chargebacks,
    sum(part_revenue_hold) AS revenue_hold,
    sum(part_revenue_confirmed) AS revenue_confirmed,
    sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
    sum(part_cost) AS cost,
    revenue - cost AS profit,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(clicks), 0) AS epc,
    toFloat64(revenue_confirmed - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_confirmed,
    toFloat64(cost) / nullIf(toFloat64(clicks), 0) AS cpc,
    toFloat64(conversions - conversions_blocked) / nullIf(toFloat64(clicks), 0) AS cr,
    toFloat64(approved - sum(part_approved_blocked)) / nullIf(toFloat64(clicks), 0) AS cr_confirmed,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue_confirmed - cost) / nullIf(toFloat64(cost), 0) AS roi_confirmed,
    toFloat64(revenue) / nullIf(toFloat64(cost), 0) AS roas,
    toFloat64((revenue - revenue_blocked) * 1000) / nullIf(toFloat64(clicks), 0) AS rpm,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap,
    sum(part_flagged) AS flagged,
    toFloat64(flagged) / nullIf(toFloat64(sum(part_created)), 0) AS flagged_share,
    sum(part_flagged_clicks) AS flagged_clicks,
    toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
    sum(part_impressions) AS impressions,
    sum(part_impression_cost) AS impression_cost,
    toFloat64(clicks) / nullIf(toFloat64(impressions), 0) AS ctr,
    toFloat64(cost * 1000) / nullIf(toFloat64(impressions), 0) AS cpm,
    toFloat64(revenue * 1000) / nullIf(toFloat64(impressions), 0) AS ecpm,
    sum(part_unique_clicks) AS unique_clicks,
    toFloat64(revenue - revenue_blocked) / nullIf(toFloat64(unique_clicks), 0) AS uepc,
    sum(part_landing_views) AS landing_views,
    sum(part_landing_clicks) AS landing_clicks,
    toFloat64(landing_pressed) / nullIf(toFloat64(landing_views), 0) AS lp_ctr,
    sum(part_landing_pressed) AS landing_pressed,
    sum(part_events) AS events,
    toFloat64(cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    revenue_hold + revenue_confirmed AS revenue_gross,
    toFloat64((revenue_gross - sum(part_revenue_hold_blocked)) - sum(part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc_gross,
    toFloat64(revenue_gross - cost) / nullIf(toFloat64(cost), 0) AS roi_gross,
    sum(part_clicks_blocked) AS clicks_blocked,
    sum(part_cost_blocked) AS cost_blocked,
    sum(part_clicks_shadowed) AS clicks_shadowed,
    sum(part_conversions_blocked) AS conversions_blocked,
    sum(part_revenue_hold_counted_blocked) + sum(part_revenue_confirmed_blocked) AS revenue_blocked
FROM
(
    SELECT
        team,
        toInt64(countIf(NOT blocked)) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(clicks.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS part_unique_clicks,
        toInt64(countIf(landing_id != 0)) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(countIf(blocked)) AS part_clicks_blocked,
        sumIf(clicks.cost, blocked) AS part_cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY team
    UNION ALL
    SELECT
        team,
        toInt64(0) AS part_clicks,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_chargebacks,
        sum(revenue_hold_delta) AS part_revenue_hold,
        sum(revenue_confirmed_delta) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        sum(flagged_delta) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(conversions_delta) AS part_events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
        toInt64(countIf(kind = 'created')) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS part_approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS part_revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS part_revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS part_revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY team
    UNION ALL
    SELECT
        team,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(impressions.cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(count()) AS part_impressions,
        sum(impressions.cost) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY team
    UNION ALL
    SELECT
        team,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        toDecimal128(0, 6) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(count()) AS part_landing_clicks,
        toInt64(uniqExact(click_id)) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY team
    UNION ALL
    SELECT
        '' AS team,
        sum(archive_quarter.clicks) AS part_clicks,
        sum(archive_quarter.conversions) AS part_conversions,
        sum(archive_quarter.registered) AS part_registered,
        sum(archive_quarter.pending) AS part_pending,
        sum(archive_quarter.approved) AS part_approved,
        sum(archive_quarter.rejected) AS part_rejected,
        sum(archive_quarter.chargebacks) AS part_chargebacks,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_quarter.cost) AS part_cost,
        sum(archive_quarter.flagged) AS part_flagged,
        sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
        toInt64(0) AS part_impressions,
        toDecimal128(0, 6) AS part_impression_cost,
        toInt64(0) AS part_unique_clicks,
        toInt64(0) AS part_landing_views,
        toInt64(0) AS part_landing_clicks,
        toInt64(0) AS part_landing_pressed,
        sum(archive_quarter.conversions) AS part_events,
        sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
        sum(archive_quarter.created) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter
    HAVING count() > 0
    UNION ALL
    SELECT
        '' AS team,
        toInt64(0) AS part_clicks,
        toInt64(0) AS part_conversions,
        toInt64(0) AS part_registered,
        toInt64(0) AS part_pending,
        toInt64(0) AS part_approved,
        toInt64(0) AS part_rejected,
        toInt64(0) AS part_chargebacks,
        toDecimal128(0, 6) AS part_revenue_hold,
        toDecimal128(0, 6) AS part_revenue_confirmed,
        sum(archive_quarter_traffic.impression_cost) AS part_cost,
        toInt64(0) AS part_flagged,
        toInt64(0) AS part_flagged_clicks,
        sum(archive_quarter_traffic.impressions) AS part_impressions,
        sum(archive_quarter_traffic.impression_cost) AS part_impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS part_unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS part_landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS part_landing_pressed,
        toInt64(0) AS part_events,
        toDecimal128(0, 6) AS part_revenue_hold_counted,
        toInt64(0) AS part_created,
        toInt64(0) AS part_clicks_blocked,
        toDecimal128(0, 6) AS part_cost_blocked,
        toInt64(0) AS part_clicks_shadowed,
        toInt64(0) AS part_conversions_blocked,
        toInt64(0) AS part_approved_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_blocked,
        toDecimal128(0, 6) AS part_revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS part_revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    HAVING count() > 0
    UNION ALL
    SELECT
        team,
        sum(archive_sums.clicks) AS part_clicks,
        sum(archive_sums.conversions) AS part_conversions,
        sum(archive_sums.registered) AS part_registered,
        sum(archive_sums.pending) AS part_pending,
        sum(archive_sums.approved) AS part_approved,
        sum(archive_sums.rejected) AS part_rejected,
        sum(archive_sums.chargebacks) AS part_chargebacks,
        sum(archive_sums.revenue_hold) AS part_revenue_hold,
        sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
        sum(archive_sums.cost) AS part_cost,
        sum(archive_sums.flagged) AS part_flagged,
        sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
        sum(archive_sums.impressions) AS part_impressions,
        sum(archive_sums.impression_cost) AS part_impression_cost,
        sum(archive_sums.unique_clicks) AS part_unique_clicks,
        sum(archive_sums.landing_views) AS part_landing_views,
        sum(archive_sums.landing_clicks) AS part_landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS part_landing_pressed,
        sum(archive_sums.events) AS part_events,
        sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
        sum(archive_sums.created) AS part_created,
        sum(archive_sums.clicks_blocked) AS part_clicks_blocked,
        sum(archive_sums.cost_blocked) AS part_cost_blocked,
        sum(archive_sums.clicks_shadowed) AS part_clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS part_conversions_blocked,
        sum(archive_sums.approved_blocked) AS part_approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS part_revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY team
) AS parts
GROUP BY team;

CREATE VIEW tributary.events_by_campaign
(
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `event` String COMMENT 'Event type of the conversion: lead, sale, reg, ftd …',
    `conversions` Int64 COMMENT 'Conversions of the event type that are registered, pending or approved now.',
    `registered` Int64 COMMENT 'Those of the event type in status registered.',
    `pending` Int64 COMMENT 'Those of the event type in status pending.',
    `approved` Int64 COMMENT 'Those of the event type in status approved.',
    `rejected` Int64 COMMENT 'Those of the event type in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of the event type in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of the event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of the event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of the event type, base currency.',
    `clicks` Int64 COMMENT 'Clicks, of every event type together.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, of every event type together, base currency.',
    `cr` Nullable(Float64) COMMENT 'conversions / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'approved / (approved + rejected + pending), a fraction. NULL while the denominator is 0.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion of the event type: cost / conversions, base currency. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'revenue / conversions of the event type, base currency. NULL while the denominator is 0.'
)
COMMENT 'Each event type\'s conversions by campaign, whether or not the offer\'s goal has it. clicks and cost are those of the campaign, the same for every event type: do not sum them over event types. Reads what totals_by_hour reads.'
AS SELECT
    campaign_id,
    campaign,
    event,
    conversions,
    registered,
    pending,
    approved,
    rejected,
    chargebacks,
    revenue_hold,
    revenue_confirmed,
    revenue,
    all_clicks AS clicks,
    all_cost AS cost,
    toFloat64(conversions) / nullIf(toFloat64(all_clicks), 0) AS cr,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(all_cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap
FROM
(
    SELECT
        *,
        sum(own_clicks) OVER (PARTITION BY campaign_id, campaign) AS all_clicks,
        sum(own_cost) OVER (PARTITION BY campaign_id, campaign) AS all_cost
    FROM
    (
        WITH
            (
                SELECT (groupArray(run), groupArray(attempt))
                FROM tributary.archive_months
            ) AS archived,
            (
                SELECT arraySort(groupArray((id, name)))
                FROM
                (
                    SELECT
                        id,
                        argMax(name, (at, name)) AS name
                    FROM
                    (
                        SELECT
                            toString(kind) AS kind,
                            id,
                            toString(name) AS name,
                            at
                        FROM tributary.names
                        WHERE kind = 'campaign'
                        UNION ALL
                        SELECT
                            'campaign' AS kind,
                            campaign_id AS id,
                            toString(campaign) AS name,
                            max(received_at) AS at
                        FROM tributary.clicks
                        WHERE (campaign_id != 0) AND (campaign != '')
                        GROUP BY
                            campaign_id,
                            campaign
                        UNION ALL
                        SELECT
                            'campaign' AS kind,
                            campaign_id AS id,
                            toString(campaign) AS name,
                            max(received_at) AS at
                        FROM tributary.impressions
                        WHERE (campaign_id != 0) AND (campaign != '')
                        GROUP BY
                            campaign_id,
                            campaign
                    )
                    GROUP BY id
                )
            ) AS names_of_campaign
        SELECT
            campaign_id,
            transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
            event,
            sum(part_events) AS conversions,
            sum(part_events_registered) AS registered,
            sum(part_events_pending) AS pending,
            sum(part_events_approved) AS approved,
            sum(part_events_rejected) AS rejected,
            sum(part_events_chargebacks) AS chargebacks,
            sum(part_revenue_hold) AS revenue_hold,
            sum(part_revenue_confirmed) AS revenue_confirmed,
            sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
            sum(part_clicks) AS own_clicks,
            sum(part_cost) AS own_cost
        FROM
        (
            SELECT
                campaign_id,
                campaign AS said_campaign,
                '' AS event,
                max(event_at) AS at,
                toInt64(countIf(NOT blocked)) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(clicks.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.clicks
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                campaign_id,
                said_campaign
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                event,
                max(click_at) AS at,
                toInt64(0) AS part_clicks,
                sum(revenue_hold_delta) AS part_revenue_hold,
                sum(revenue_confirmed_delta) AS part_revenue_confirmed,
                toDecimal128(0, 6) AS part_cost,
                sum(conversions_delta) AS part_events,
                sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
                sum(registered_delta) AS part_events_registered,
                sum(pending_delta) AS part_events_pending,
                sum(approved_delta) AS part_events_approved,
                sum(rejected_delta) AS part_events_rejected,
                sum(chargeback_delta) AS part_events_chargebacks
            FROM tributary.conversions
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                campaign_id,
                said_campaign,
                event
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                '' AS event,
                max(event_at) AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(impressions.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.impressions
            WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
            GROUP BY
                campaign_id,
                said_campaign
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS part_clicks,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold,
                sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_quarter.cost) AS part_cost,
                sum(archive_quarter.conversions) AS part_events,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
                sum(archive_quarter.registered) AS part_events_registered,
                sum(archive_quarter.pending) AS part_events_pending,
                sum(archive_quarter.approved) AS part_events_approved,
                sum(archive_quarter.rejected) AS part_events_rejected,
                sum(archive_quarter.chargebacks) AS part_events_chargebacks
            FROM tributary.archive_quarter
            GROUP BY
                campaign_id,
                said_campaign
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(archive_quarter_traffic.impression_cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.archive_quarter_traffic
            GROUP BY
                campaign_id,
                said_campaign
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_sums.clicks) AS part_clicks,
                sum(archive_sums.revenue_hold) AS part_revenue_hold,
                sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_sums.cost) AS part_cost,
                sum(archive_sums.events) AS part_events,
                sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
                sum(archive_sums.events_registered) AS part_events_registered,
                sum(archive_sums.events_pending) AS part_events_pending,
                sum(archive_sums.events_approved) AS part_events_approved,
                sum(archive_sums.events_rejected) AS part_events_rejected,
                sum(archive_sums.events_chargebacks) AS part_events_chargebacks
            FROM tributary.archive_sums
            WHERE has(archived.2, attempt)
            GROUP BY
                campaign_id,
                said_campaign,
                event
        ) AS parts
        GROUP BY
            campaign_id,
            if(campaign_id = 0, toString(said_campaign), ''),
            event
    ) AS apart
) AS together
WHERE event != '';

CREATE VIEW tributary.events_by_campaign_day
(
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `day` Date COMMENT 'UTC day on which the clicks happened; revenue is booked on its click\'s day.',
    `event` String COMMENT 'Event type of the conversion: lead, sale, reg, ftd …',
    `conversions` Int64 COMMENT 'Conversions of the event type that are registered, pending or approved now.',
    `registered` Int64 COMMENT 'Those of the event type in status registered.',
    `pending` Int64 COMMENT 'Those of the event type in status pending.',
    `approved` Int64 COMMENT 'Those of the event type in status approved.',
    `rejected` Int64 COMMENT 'Those of the event type in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of the event type in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of the event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of the event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of the event type, base currency.',
    `clicks` Int64 COMMENT 'Clicks, of every event type together.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, of every event type together, base currency.',
    `cr` Nullable(Float64) COMMENT 'conversions / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'approved / (approved + rejected + pending), a fraction. NULL while the denominator is 0.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion of the event type: cost / conversions, base currency. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'revenue / conversions of the event type, base currency. NULL while the denominator is 0.'
)
COMMENT 'Each event type\'s conversions by campaign and day, whether or not the offer\'s goal has it. clicks and cost are those of the campaign and day, the same for every event type: do not sum them over event types. Reads what totals_by_hour reads.'
AS SELECT
    campaign_id,
    campaign,
    day,
    event,
    conversions,
    registered,
    pending,
    approved,
    rejected,
    chargebacks,
    revenue_hold,
    revenue_confirmed,
    revenue,
    all_clicks AS clicks,
    all_cost AS cost,
    toFloat64(conversions) / nullIf(toFloat64(all_clicks), 0) AS cr,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(all_cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap
FROM
(
    SELECT
        *,
        sum(own_clicks) OVER (PARTITION BY campaign_id, campaign, day) AS all_clicks,
        sum(own_cost) OVER (PARTITION BY campaign_id, campaign, day) AS all_cost
    FROM
    (
        WITH
            (
                SELECT (groupArray(run), groupArray(attempt))
                FROM tributary.archive_months
            ) AS archived,
            (
                SELECT arraySort(groupArray((id, name)))
                FROM
                (
                    SELECT
                        id,
                        argMax(name, (at, name)) AS name
                    FROM
                    (
                        SELECT
                            toString(kind) AS kind,
                            id,
                            toString(name) AS name,
                            at
                        FROM tributary.names
                        WHERE kind = 'campaign'
                        UNION ALL
                        SELECT
                            'campaign' AS kind,
                            campaign_id AS id,
                            toString(campaign) AS name,
                            max(received_at) AS at
                        FROM tributary.clicks
                        WHERE (campaign_id != 0) AND (campaign != '')
                        GROUP BY
                            campaign_id,
                            campaign
                        UNION ALL
                        SELECT
                            'campaign' AS kind,
                            campaign_id AS id,
                            toString(campaign) AS name,
                            max(received_at) AS at
                        FROM tributary.impressions
                        WHERE (campaign_id != 0) AND (campaign != '')
                        GROUP BY
                            campaign_id,
                            campaign
                    )
                    GROUP BY id
                )
            ) AS names_of_campaign
        SELECT
            campaign_id,
            transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
            day,
            event,
            sum(part_events) AS conversions,
            sum(part_events_registered) AS registered,
            sum(part_events_pending) AS pending,
            sum(part_events_approved) AS approved,
            sum(part_events_rejected) AS rejected,
            sum(part_events_chargebacks) AS chargebacks,
            sum(part_revenue_hold) AS revenue_hold,
            sum(part_revenue_confirmed) AS revenue_confirmed,
            sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
            sum(part_clicks) AS own_clicks,
            sum(part_cost) AS own_cost
        FROM
        (
            SELECT
                campaign_id,
                campaign AS said_campaign,
                toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
                '' AS event,
                max(event_at) AS at,
                toInt64(countIf(NOT blocked)) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(clicks.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.clicks
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                campaign_id,
                said_campaign,
                day
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                toDate(toStartOfInterval(click_at, toIntervalMinute(15))) AS day,
                event,
                max(click_at) AS at,
                toInt64(0) AS part_clicks,
                sum(revenue_hold_delta) AS part_revenue_hold,
                sum(revenue_confirmed_delta) AS part_revenue_confirmed,
                toDecimal128(0, 6) AS part_cost,
                sum(conversions_delta) AS part_events,
                sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
                sum(registered_delta) AS part_events_registered,
                sum(pending_delta) AS part_events_pending,
                sum(approved_delta) AS part_events_approved,
                sum(rejected_delta) AS part_events_rejected,
                sum(chargeback_delta) AS part_events_chargebacks
            FROM tributary.conversions
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                campaign_id,
                said_campaign,
                day,
                event
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                toDate(toStartOfInterval(event_at, toIntervalMinute(15))) AS day,
                '' AS event,
                max(event_at) AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(impressions.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.impressions
            WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
            GROUP BY
                campaign_id,
                said_campaign,
                day
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                toDate(quarter) AS day,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS part_clicks,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold,
                sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_quarter.cost) AS part_cost,
                sum(archive_quarter.conversions) AS part_events,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
                sum(archive_quarter.registered) AS part_events_registered,
                sum(archive_quarter.pending) AS part_events_pending,
                sum(archive_quarter.approved) AS part_events_approved,
                sum(archive_quarter.rejected) AS part_events_rejected,
                sum(archive_quarter.chargebacks) AS part_events_chargebacks
            FROM tributary.archive_quarter
            GROUP BY
                campaign_id,
                said_campaign,
                day
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                toDate(quarter) AS day,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(archive_quarter_traffic.impression_cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.archive_quarter_traffic
            GROUP BY
                campaign_id,
                said_campaign,
                day
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                toDate(quarter) AS day,
                event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_sums.clicks) AS part_clicks,
                sum(archive_sums.revenue_hold) AS part_revenue_hold,
                sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_sums.cost) AS part_cost,
                sum(archive_sums.events) AS part_events,
                sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
                sum(archive_sums.events_registered) AS part_events_registered,
                sum(archive_sums.events_pending) AS part_events_pending,
                sum(archive_sums.events_approved) AS part_events_approved,
                sum(archive_sums.events_rejected) AS part_events_rejected,
                sum(archive_sums.events_chargebacks) AS part_events_chargebacks
            FROM tributary.archive_sums
            WHERE has(archived.2, attempt)
            GROUP BY
                campaign_id,
                said_campaign,
                day,
                event
        ) AS parts
        GROUP BY
            campaign_id,
            if(campaign_id = 0, toString(said_campaign), ''),
            day,
            event
    ) AS apart
) AS together
WHERE event != '';

CREATE VIEW tributary.events_by_campaign_source
(
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `event` String COMMENT 'Event type of the conversion: lead, sale, reg, ftd …',
    `conversions` Int64 COMMENT 'Conversions of the event type that are registered, pending or approved now.',
    `registered` Int64 COMMENT 'Those of the event type in status registered.',
    `pending` Int64 COMMENT 'Those of the event type in status pending.',
    `approved` Int64 COMMENT 'Those of the event type in status approved.',
    `rejected` Int64 COMMENT 'Those of the event type in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of the event type in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of the event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of the event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of the event type, base currency.',
    `clicks` Int64 COMMENT 'Clicks, of every event type together.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, of every event type together, base currency.',
    `cr` Nullable(Float64) COMMENT 'conversions / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'approved / (approved + rejected + pending), a fraction. NULL while the denominator is 0.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion of the event type: cost / conversions, base currency. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'revenue / conversions of the event type, base currency. NULL while the denominator is 0.'
)
COMMENT 'Each event type\'s conversions by campaign and source, whether or not the offer\'s goal has it. clicks and cost are those of the campaign and source, the same for every event type: do not sum them over event types. Reads what totals_by_hour reads.'
AS SELECT
    campaign_id,
    campaign,
    source_id,
    source,
    event,
    conversions,
    registered,
    pending,
    approved,
    rejected,
    chargebacks,
    revenue_hold,
    revenue_confirmed,
    revenue,
    all_clicks AS clicks,
    all_cost AS cost,
    toFloat64(conversions) / nullIf(toFloat64(all_clicks), 0) AS cr,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(all_cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap
FROM
(
    SELECT
        *,
        sum(own_clicks) OVER (PARTITION BY campaign_id, campaign, source_id, source) AS all_clicks,
        sum(own_cost) OVER (PARTITION BY campaign_id, campaign, source_id, source) AS all_cost
    FROM
    (
        WITH
            (
                SELECT (groupArray(run), groupArray(attempt))
                FROM tributary.archive_months
            ) AS archived,
            (
                SELECT arraySort(groupArray((id, name)))
                FROM
                (
                    SELECT
                        id,
                        argMax(name, (at, name)) AS name
                    FROM
                    (
                        SELECT
                            toString(kind) AS kind,
                            id,
                            toString(name) AS name,
                            at
                        FROM tributary.names
                        WHERE kind = 'campaign'
                        UNION ALL
                        SELECT
                            'campaign' AS kind,
                            campaign_id AS id,
                            toString(campaign) AS name,
                            max(received_at) AS at
                        FROM tributary.clicks
                        WHERE (campaign_id != 0) AND (campaign != '')
                        GROUP BY
                            campaign_id,
                            campaign
                        UNION ALL
                        SELECT
                            'campaign' AS kind,
                            campaign_id AS id,
                            toString(campaign) AS name,
                            max(received_at) AS at
                        FROM tributary.impressions
                        WHERE (campaign_id != 0) AND (campaign != '')
                        GROUP BY
                            campaign_id,
                            campaign
                    )
                    GROUP BY id
                )
            ) AS names_of_campaign,
            (
                SELECT arraySort(groupArray((id, name)))
                FROM
                (
                    SELECT
                        id,
                        argMax(name, (at, name)) AS name
                    FROM
                    (
                        SELECT
                            toString(kind) AS kind,
                            id,
                            toString(name) AS name,
                            at
                        FROM tributary.names
                        WHERE kind = 'source'
                        UNION ALL
                        SELECT
                            'source' AS kind,
                            source_id AS id,
                            toString(source) AS name,
                            max(received_at) AS at
                        FROM tributary.clicks
                        WHERE (source_id != 0) AND (source != '')
                        GROUP BY
                            source_id,
                            source
                        UNION ALL
                        SELECT
                            'source' AS kind,
                            source_id AS id,
                            toString(source) AS name,
                            max(received_at) AS at
                        FROM tributary.impressions
                        WHERE (source_id != 0) AND (source != '')
                        GROUP BY
                            source_id,
                            source
                    )
                    GROUP BY id
                )
            ) AS names_of_source
        SELECT
            campaign_id,
            transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
            source_id,
            transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(argMaxIf(said_source, at, said_source != ''))) AS source,
            event,
            sum(part_events) AS conversions,
            sum(part_events_registered) AS registered,
            sum(part_events_pending) AS pending,
            sum(part_events_approved) AS approved,
            sum(part_events_rejected) AS rejected,
            sum(part_events_chargebacks) AS chargebacks,
            sum(part_revenue_hold) AS revenue_hold,
            sum(part_revenue_confirmed) AS revenue_confirmed,
            sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
            sum(part_clicks) AS own_clicks,
            sum(part_cost) AS own_cost
        FROM
        (
            SELECT
                campaign_id,
                campaign AS said_campaign,
                source_id,
                source AS said_source,
                '' AS event,
                max(event_at) AS at,
                toInt64(countIf(NOT blocked)) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(clicks.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.clicks
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                campaign_id,
                said_campaign,
                source_id,
                said_source
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                source_id,
                source AS said_source,
                event,
                max(click_at) AS at,
                toInt64(0) AS part_clicks,
                sum(revenue_hold_delta) AS part_revenue_hold,
                sum(revenue_confirmed_delta) AS part_revenue_confirmed,
                toDecimal128(0, 6) AS part_cost,
                sum(conversions_delta) AS part_events,
                sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
                sum(registered_delta) AS part_events_registered,
                sum(pending_delta) AS part_events_pending,
                sum(approved_delta) AS part_events_approved,
                sum(rejected_delta) AS part_events_rejected,
                sum(chargeback_delta) AS part_events_chargebacks
            FROM tributary.conversions
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                campaign_id,
                said_campaign,
                source_id,
                said_source,
                event
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                source_id,
                source AS said_source,
                '' AS event,
                max(event_at) AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(impressions.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.impressions
            WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
            GROUP BY
                campaign_id,
                said_campaign,
                source_id,
                said_source
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                source_id,
                source AS said_source,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS part_clicks,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold,
                sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_quarter.cost) AS part_cost,
                sum(archive_quarter.conversions) AS part_events,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
                sum(archive_quarter.registered) AS part_events_registered,
                sum(archive_quarter.pending) AS part_events_pending,
                sum(archive_quarter.approved) AS part_events_approved,
                sum(archive_quarter.rejected) AS part_events_rejected,
                sum(archive_quarter.chargebacks) AS part_events_chargebacks
            FROM tributary.archive_quarter
            GROUP BY
                campaign_id,
                said_campaign,
                source_id,
                said_source
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                source_id,
                source AS said_source,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(archive_quarter_traffic.impression_cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.archive_quarter_traffic
            GROUP BY
                campaign_id,
                said_campaign,
                source_id,
                said_source
            UNION ALL
            SELECT
                campaign_id,
                campaign AS said_campaign,
                source_id,
                source AS said_source,
                event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_sums.clicks) AS part_clicks,
                sum(archive_sums.revenue_hold) AS part_revenue_hold,
                sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_sums.cost) AS part_cost,
                sum(archive_sums.events) AS part_events,
                sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
                sum(archive_sums.events_registered) AS part_events_registered,
                sum(archive_sums.events_pending) AS part_events_pending,
                sum(archive_sums.events_approved) AS part_events_approved,
                sum(archive_sums.events_rejected) AS part_events_rejected,
                sum(archive_sums.events_chargebacks) AS part_events_chargebacks
            FROM tributary.archive_sums
            WHERE has(archived.2, attempt)
            GROUP BY
                campaign_id,
                said_campaign,
                source_id,
                said_source,
                event
        ) AS parts
        GROUP BY
            campaign_id,
            if(campaign_id = 0, toString(said_campaign), ''),
            source_id,
            if(source_id = 0, toString(said_source), ''),
            event
    ) AS apart
) AS together
WHERE event != '';

CREATE VIEW tributary.events_by_offer
(
    `offer_id` UInt32 COMMENT 'Offer number of the catalog; 0 where the click was not found.',
    `offer` String COMMENT 'Latest name of the offer.',
    `event` String COMMENT 'Event type of the conversion: lead, sale, reg, ftd …',
    `conversions` Int64 COMMENT 'Conversions of the event type that are registered, pending or approved now.',
    `registered` Int64 COMMENT 'Those of the event type in status registered.',
    `pending` Int64 COMMENT 'Those of the event type in status pending.',
    `approved` Int64 COMMENT 'Those of the event type in status approved.',
    `rejected` Int64 COMMENT 'Those of the event type in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of the event type in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of the event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of the event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of the event type, base currency.',
    `clicks` Int64 COMMENT 'Clicks, of every event type together.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, of every event type together, base currency.',
    `cr` Nullable(Float64) COMMENT 'conversions / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'approved / (approved + rejected + pending), a fraction. NULL while the denominator is 0.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion of the event type: cost / conversions, base currency. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'revenue / conversions of the event type, base currency. NULL while the denominator is 0.'
)
COMMENT 'Each event type\'s conversions by offer, whether or not the offer\'s goal has it. clicks and cost are those of the offer, the same for every event type: do not sum them over event types. Reads what totals_by_hour reads.'
AS SELECT
    offer_id,
    offer,
    event,
    conversions,
    registered,
    pending,
    approved,
    rejected,
    chargebacks,
    revenue_hold,
    revenue_confirmed,
    revenue,
    all_clicks AS clicks,
    all_cost AS cost,
    toFloat64(conversions) / nullIf(toFloat64(all_clicks), 0) AS cr,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(all_cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap
FROM
(
    SELECT
        *,
        sum(own_clicks) OVER (PARTITION BY offer_id, offer) AS all_clicks,
        sum(own_cost) OVER (PARTITION BY offer_id, offer) AS all_cost
    FROM
    (
        WITH
            (
                SELECT (groupArray(run), groupArray(attempt))
                FROM tributary.archive_months
            ) AS archived,
            (
                SELECT arraySort(groupArray((id, name)))
                FROM
                (
                    SELECT
                        id,
                        argMax(name, (at, name)) AS name
                    FROM
                    (
                        SELECT
                            toString(kind) AS kind,
                            id,
                            toString(name) AS name,
                            at
                        FROM tributary.names
                        WHERE kind = 'offer'
                        UNION ALL
                        SELECT
                            'offer' AS kind,
                            offer_id AS id,
                            toString(offer) AS name,
                            max(received_at) AS at
                        FROM tributary.clicks
                        WHERE (offer_id != 0) AND (offer != '')
                        GROUP BY
                            offer_id,
                            offer
                    )
                    GROUP BY id
                )
            ) AS names_of_offer
        SELECT
            offer_id,
            transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(argMaxIf(said_offer, at, said_offer != ''))) AS offer,
            event,
            sum(part_events) AS conversions,
            sum(part_events_registered) AS registered,
            sum(part_events_pending) AS pending,
            sum(part_events_approved) AS approved,
            sum(part_events_rejected) AS rejected,
            sum(part_events_chargebacks) AS chargebacks,
            sum(part_revenue_hold) AS revenue_hold,
            sum(part_revenue_confirmed) AS revenue_confirmed,
            sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
            sum(part_clicks) AS own_clicks,
            sum(part_cost) AS own_cost
        FROM
        (
            SELECT
                offer_id,
                offer AS said_offer,
                '' AS event,
                max(event_at) AS at,
                toInt64(countIf(NOT blocked)) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(clicks.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.clicks
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                offer_id,
                said_offer
            UNION ALL
            SELECT
                offer_id,
                offer AS said_offer,
                event,
                max(click_at) AS at,
                toInt64(0) AS part_clicks,
                sum(revenue_hold_delta) AS part_revenue_hold,
                sum(revenue_confirmed_delta) AS part_revenue_confirmed,
                toDecimal128(0, 6) AS part_cost,
                sum(conversions_delta) AS part_events,
                sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
                sum(registered_delta) AS part_events_registered,
                sum(pending_delta) AS part_events_pending,
                sum(approved_delta) AS part_events_approved,
                sum(rejected_delta) AS part_events_rejected,
                sum(chargeback_delta) AS part_events_chargebacks
            FROM tributary.conversions
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                offer_id,
                said_offer,
                event
            UNION ALL
            SELECT
                toUInt32(0) AS offer_id,
                '' AS said_offer,
                '' AS event,
                max(event_at) AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(impressions.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.impressions
            WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
            HAVING count() > 0
            UNION ALL
            SELECT
                offer_id,
                offer AS said_offer,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS part_clicks,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold,
                sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_quarter.cost) AS part_cost,
                sum(archive_quarter.conversions) AS part_events,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
                sum(archive_quarter.registered) AS part_events_registered,
                sum(archive_quarter.pending) AS part_events_pending,
                sum(archive_quarter.approved) AS part_events_approved,
                sum(archive_quarter.rejected) AS part_events_rejected,
                sum(archive_quarter.chargebacks) AS part_events_chargebacks
            FROM tributary.archive_quarter
            GROUP BY
                offer_id,
                said_offer
            UNION ALL
            SELECT
                offer_id,
                offer AS said_offer,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(archive_quarter_traffic.impression_cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.archive_quarter_traffic
            GROUP BY
                offer_id,
                said_offer
            UNION ALL
            SELECT
                offer_id,
                offer AS said_offer,
                event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_sums.clicks) AS part_clicks,
                sum(archive_sums.revenue_hold) AS part_revenue_hold,
                sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_sums.cost) AS part_cost,
                sum(archive_sums.events) AS part_events,
                sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
                sum(archive_sums.events_registered) AS part_events_registered,
                sum(archive_sums.events_pending) AS part_events_pending,
                sum(archive_sums.events_approved) AS part_events_approved,
                sum(archive_sums.events_rejected) AS part_events_rejected,
                sum(archive_sums.events_chargebacks) AS part_events_chargebacks
            FROM tributary.archive_sums
            WHERE has(archived.2, attempt)
            GROUP BY
                offer_id,
                said_offer,
                event
        ) AS parts
        GROUP BY
            offer_id,
            if(offer_id = 0, toString(said_offer), ''),
            event
    ) AS apart
) AS together
WHERE event != '';

CREATE VIEW tributary.events_by_source
(
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `event` String COMMENT 'Event type of the conversion: lead, sale, reg, ftd …',
    `conversions` Int64 COMMENT 'Conversions of the event type that are registered, pending or approved now.',
    `registered` Int64 COMMENT 'Those of the event type in status registered.',
    `pending` Int64 COMMENT 'Those of the event type in status pending.',
    `approved` Int64 COMMENT 'Those of the event type in status approved.',
    `rejected` Int64 COMMENT 'Those of the event type in status rejected.',
    `chargebacks` Int64 COMMENT 'Those of the event type in status chargeback.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Payouts of pending conversions of the event type, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Payouts of approved conversions of the event type, base currency.',
    `revenue` Decimal(38, 6) COMMENT 'Of each network what its owner chose (networks[].revenue): revenue_gross, or revenue_confirmed; gross where nothing is chosen. Of the event type, base currency.',
    `clicks` Int64 COMMENT 'Clicks, of every event type together.',
    `cost` Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, of every event type together, base currency.',
    `cr` Nullable(Float64) COMMENT 'conversions / clicks, a fraction. NULL while the denominator is 0.',
    `ar` Nullable(Float64) COMMENT 'approved / (approved + rejected + pending), a fraction. NULL while the denominator is 0.',
    `cpa` Nullable(Float64) COMMENT 'Cost per conversion of the event type: cost / conversions, base currency. NULL while the denominator is 0.',
    `ap` Nullable(Float64) COMMENT 'revenue / conversions of the event type, base currency. NULL while the denominator is 0.'
)
COMMENT 'Each event type\'s conversions by source, whether or not the offer\'s goal has it. clicks and cost are those of the source, the same for every event type: do not sum them over event types. Reads what totals_by_hour reads.'
AS SELECT
    source_id,
    source,
    event,
    conversions,
    registered,
    pending,
    approved,
    rejected,
    chargebacks,
    revenue_hold,
    revenue_confirmed,
    revenue,
    all_clicks AS clicks,
    all_cost AS cost,
    toFloat64(conversions) / nullIf(toFloat64(all_clicks), 0) AS cr,
    toFloat64(approved) / nullIf(toFloat64((approved + rejected) + pending), 0) AS ar,
    toFloat64(all_cost) / nullIf(toFloat64(conversions), 0) AS cpa,
    toFloat64(revenue) / nullIf(toFloat64(conversions), 0) AS ap
FROM
(
    SELECT
        *,
        sum(own_clicks) OVER (PARTITION BY source_id, source) AS all_clicks,
        sum(own_cost) OVER (PARTITION BY source_id, source) AS all_cost
    FROM
    (
        WITH
            (
                SELECT (groupArray(run), groupArray(attempt))
                FROM tributary.archive_months
            ) AS archived,
            (
                SELECT arraySort(groupArray((id, name)))
                FROM
                (
                    SELECT
                        id,
                        argMax(name, (at, name)) AS name
                    FROM
                    (
                        SELECT
                            toString(kind) AS kind,
                            id,
                            toString(name) AS name,
                            at
                        FROM tributary.names
                        WHERE kind = 'source'
                        UNION ALL
                        SELECT
                            'source' AS kind,
                            source_id AS id,
                            toString(source) AS name,
                            max(received_at) AS at
                        FROM tributary.clicks
                        WHERE (source_id != 0) AND (source != '')
                        GROUP BY
                            source_id,
                            source
                        UNION ALL
                        SELECT
                            'source' AS kind,
                            source_id AS id,
                            toString(source) AS name,
                            max(received_at) AS at
                        FROM tributary.impressions
                        WHERE (source_id != 0) AND (source != '')
                        GROUP BY
                            source_id,
                            source
                    )
                    GROUP BY id
                )
            ) AS names_of_source
        SELECT
            source_id,
            transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(argMaxIf(said_source, at, said_source != ''))) AS source,
            event,
            sum(part_events) AS conversions,
            sum(part_events_registered) AS registered,
            sum(part_events_pending) AS pending,
            sum(part_events_approved) AS approved,
            sum(part_events_rejected) AS rejected,
            sum(part_events_chargebacks) AS chargebacks,
            sum(part_revenue_hold) AS revenue_hold,
            sum(part_revenue_confirmed) AS revenue_confirmed,
            sum(part_revenue_hold_counted) + revenue_confirmed AS revenue,
            sum(part_clicks) AS own_clicks,
            sum(part_cost) AS own_cost
        FROM
        (
            SELECT
                source_id,
                source AS said_source,
                '' AS event,
                max(event_at) AS at,
                toInt64(countIf(NOT blocked)) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(clicks.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.clicks
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                source_id,
                said_source
            UNION ALL
            SELECT
                source_id,
                source AS said_source,
                event,
                max(click_at) AS at,
                toInt64(0) AS part_clicks,
                sum(revenue_hold_delta) AS part_revenue_hold,
                sum(revenue_confirmed_delta) AS part_revenue_confirmed,
                toDecimal128(0, 6) AS part_cost,
                sum(conversions_delta) AS part_events,
                sumIf(revenue_hold_delta, NOT confirmed_only) AS part_revenue_hold_counted,
                sum(registered_delta) AS part_events_registered,
                sum(pending_delta) AS part_events_pending,
                sum(approved_delta) AS part_events_approved,
                sum(rejected_delta) AS part_events_rejected,
                sum(chargeback_delta) AS part_events_chargebacks
            FROM tributary.conversions
            WHERE NOT has(archived.1, _archived)
            GROUP BY
                source_id,
                said_source,
                event
            UNION ALL
            SELECT
                source_id,
                source AS said_source,
                '' AS event,
                max(event_at) AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(impressions.cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.impressions
            WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
            GROUP BY
                source_id,
                said_source
            UNION ALL
            SELECT
                source_id,
                source AS said_source,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS part_clicks,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold,
                sum(archive_quarter.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_quarter.cost) AS part_cost,
                sum(archive_quarter.conversions) AS part_events,
                sum(archive_quarter.revenue_hold) AS part_revenue_hold_counted,
                sum(archive_quarter.registered) AS part_events_registered,
                sum(archive_quarter.pending) AS part_events_pending,
                sum(archive_quarter.approved) AS part_events_approved,
                sum(archive_quarter.rejected) AS part_events_rejected,
                sum(archive_quarter.chargebacks) AS part_events_chargebacks
            FROM tributary.archive_quarter
            GROUP BY
                source_id,
                said_source
            UNION ALL
            SELECT
                source_id,
                source AS said_source,
                '' AS event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS part_clicks,
                toDecimal128(0, 6) AS part_revenue_hold,
                toDecimal128(0, 6) AS part_revenue_confirmed,
                sum(archive_quarter_traffic.impression_cost) AS part_cost,
                toInt64(0) AS part_events,
                toDecimal128(0, 6) AS part_revenue_hold_counted,
                toInt64(0) AS part_events_registered,
                toInt64(0) AS part_events_pending,
                toInt64(0) AS part_events_approved,
                toInt64(0) AS part_events_rejected,
                toInt64(0) AS part_events_chargebacks
            FROM tributary.archive_quarter_traffic
            GROUP BY
                source_id,
                said_source
            UNION ALL
            SELECT
                source_id,
                source AS said_source,
                event,
                toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_sums.clicks) AS part_clicks,
                sum(archive_sums.revenue_hold) AS part_revenue_hold,
                sum(archive_sums.revenue_confirmed) AS part_revenue_confirmed,
                sum(archive_sums.cost) AS part_cost,
                sum(archive_sums.events) AS part_events,
                sum(archive_sums.revenue_hold_counted) AS part_revenue_hold_counted,
                sum(archive_sums.events_registered) AS part_events_registered,
                sum(archive_sums.events_pending) AS part_events_pending,
                sum(archive_sums.events_approved) AS part_events_approved,
                sum(archive_sums.events_rejected) AS part_events_rejected,
                sum(archive_sums.events_chargebacks) AS part_events_chargebacks
            FROM tributary.archive_sums
            WHERE has(archived.2, attempt)
            GROUP BY
                source_id,
                said_source,
                event
        ) AS parts
        GROUP BY
            source_id,
            if(source_id = 0, toString(said_source), ''),
            event
    ) AS apart
) AS together
WHERE event != '';

CREATE TABLE tributary.impressions
(
    `impression_id` String COMMENT 'Identity of the impression: 26 characters, sortable by time.' CODEC(ZSTD(1)),
    `event_at` DateTime64(3, 'UTC') COMMENT 'When the ad was shown, UTC.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the edge accepted it, UTC; decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `campaign_id` UInt32 COMMENT 'Campaign number of the catalog.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name at that time.',
    `buyer` LowCardinality(String) COMMENT 'Who bought the traffic, as the campaign had it at the time of the impression (catalog.campaigns[].buyer).',
    `team` LowCardinality(String) COMMENT 'Team of the buyer, as the campaign had it at the time of the impression (catalog.campaigns[].team).',
    `tags` Array(String) COMMENT 'Tags that the campaign had at the time of the impression, sorted (catalog.campaigns[].tags).',
    `source_id` UInt32 COMMENT 'Source number of the catalog; 0 for a source that the catalog does not declare.',
    `source` LowCardinality(String) COMMENT 'Source name; empty when the link names none.',
    `subs` Array(String) COMMENT 'sub1…sub20 of the link in order; trailing empty ones are left out.',
    `zone` LowCardinality(String) COMMENT 'Zone as the source itself calls it, whichever sub it came in (catalog.sources[].names); an ID that stays.',
    `zone_name` LowCardinality(String) COMMENT 'Name of the zone as the source had it at the time of the impression; it may change while zone stays.',
    `site` LowCardinality(String) COMMENT 'Site or app the ad was shown on, as the source itself calls it (catalog.sources[].names).',
    `placement` LowCardinality(String) COMMENT 'Placement, as the source itself calls it (catalog.sources[].names).',
    `ad_campaign` LowCardinality(String) COMMENT 'ID of the campaign at the source (catalog.sources[].names); campaign is that of the catalog.',
    `ad_campaign_name` LowCardinality(String) COMMENT 'Name of the campaign at the source at the time of the impression; it may change while ad_campaign stays.',
    `adset` LowCardinality(String) COMMENT 'ID of the ad set or ad group at the source (catalog.sources[].names).',
    `adset_name` LowCardinality(String) COMMENT 'Name of the ad set at the time of the impression; it may change while adset stays.',
    `ad` LowCardinality(String) COMMENT 'ID of the ad at the source (catalog.sources[].names).',
    `ad_name` LowCardinality(String) COMMENT 'Name of the ad at the time of the impression; it may change while ad stays.',
    `external_id` String COMMENT 'The traffic source\'s own ID of this showing.' CODEC(ZSTD(1)),
    `keyword` String COMMENT 'Keyword as the traffic source reported it.' CODEC(ZSTD(1)),
    `creative` String COMMENT 'Creative as the traffic source reported it.' CODEC(ZSTD(1)),
    `cost` Decimal(18, 6) COMMENT 'What the impression cost, in the base currency at the dated exchange rate in force, rounded to 0.000001.',
    `cost_original` Decimal(18, 6) COMMENT 'What the impression cost, in units of currency.',
    `currency` LowCardinality(String) COMMENT 'ISO 4217 code of cost_original.',
    `ip` IPv6 COMMENT 'Visitor\'s address; IPv4 as ::ffff:a.b.c.d.' CODEC(ZSTD(1)),
    `country` LowCardinality(String) COMMENT 'Country of the IP, ISO 3166-1 alpha-2; empty when unknown.',
    `device` LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown, from the user agent.',
    `os` LowCardinality(String) COMMENT 'Operating system, from the user agent.',
    `browser` LowCardinality(String) COMMENT 'Browser, from the user agent.',
    `bot` LowCardinality(String) COMMENT 'Name of the listed bot that the user agent matches; empty for none.',
    `referrer` String COMMENT 'Referer header.' CODEC(ZSTD(1)),
    `referrer_domain` LowCardinality(String) COMMENT 'Host of the referrer, lower case, without "www." and port; empty for none.',
    `language` LowCardinality(String) COMMENT 'First language of Accept-Language, lower case.',
    `copy` Bool COMMENT 'The topic has this impression before, at a lower offset of the partition: an edge died and could not know that it had been sent. Rollups and views leave copies out.',
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    `_archived` UInt64 DEFAULT 0 COMMENT 'Run of `tributary archive` that has summed the row, see archive_months; 0 while none has.' CODEC(ZSTD(1)),
    `sub1` String MATERIALIZED subs[1] COMMENT 'subs[1]: parameter sub1 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub2` String MATERIALIZED subs[2] COMMENT 'subs[2]: parameter sub2 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub3` String MATERIALIZED subs[3] COMMENT 'subs[3]: parameter sub3 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub4` String MATERIALIZED subs[4] COMMENT 'subs[4]: parameter sub4 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub5` String MATERIALIZED subs[5] COMMENT 'subs[5]: parameter sub5 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub6` String MATERIALIZED subs[6] COMMENT 'subs[6]: parameter sub6 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub7` String MATERIALIZED subs[7] COMMENT 'subs[7]: parameter sub7 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub8` String MATERIALIZED subs[8] COMMENT 'subs[8]: parameter sub8 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub9` String MATERIALIZED subs[9] COMMENT 'subs[9]: parameter sub9 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub10` String MATERIALIZED subs[10] COMMENT 'subs[10]: parameter sub10 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub11` String MATERIALIZED subs[11] COMMENT 'subs[11]: parameter sub11 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub12` String MATERIALIZED subs[12] COMMENT 'subs[12]: parameter sub12 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub13` String MATERIALIZED subs[13] COMMENT 'subs[13]: parameter sub13 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub14` String MATERIALIZED subs[14] COMMENT 'subs[14]: parameter sub14 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub15` String MATERIALIZED subs[15] COMMENT 'subs[15]: parameter sub15 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub16` String MATERIALIZED subs[16] COMMENT 'subs[16]: parameter sub16 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub17` String MATERIALIZED subs[17] COMMENT 'subs[17]: parameter sub17 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub18` String MATERIALIZED subs[18] COMMENT 'subs[18]: parameter sub18 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub19` String MATERIALIZED subs[19] COMMENT 'subs[19]: parameter sub19 of the link, empty when not given.' CODEC(ZSTD(1)),
    `sub20` String MATERIALIZED subs[20] COMMENT 'subs[20]: parameter sub20 of the link, empty when not given.' CODEC(ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1,
    INDEX by_time event_at TYPE minmax GRANULARITY 1,
    PROJECTION by_names
    (
        SELECT
            campaign_id,
            campaign,
            source_id,
            source,
            max(received_at)
        GROUP BY
            campaign_id,
            campaign,
            source_id,
            source
    ),
    PROJECTION by_quarter_b42413b5
    (
        SELECT
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            copy,
            sum(cost),
            count(),
            countIf(bot != ''),
            max(event_at)
        GROUP BY
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            toStartOfInterval(event_at, toIntervalMinute(15)),
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            copy
    ),
    PROJECTION by_day_a5423acf
    (
        SELECT
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            copy,
            sum(cost),
            count(),
            countIf(bot != ''),
            max(event_at)
        GROUP BY
            toDate(toStartOfInterval(event_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            copy
    )
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (campaign_id, source_id, received_at, impression_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192, lightweight_mutation_projection_mode = 'rebuild'
COMMENT 'Accepted impressions, one row a record of the topic impressions: count those that are no copy.';

CREATE TABLE tributary.installation
(
    `name` String COMMENT 'What is tied to the rows of this database: base_currency, topic_prefix (quoted), click_id_key.N (fingerprint) and click_id_key.N.signed_until_ms (Unix ms; 0: never).',
    `value` String COMMENT 'Its value; empty where it holds no longer.',
    `written_at` DateTime64(3, 'UTC') COMMENT 'When it was written, UTC; the newest of a name counts.'
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY name
SETTINGS index_granularity = 8192
COMMENT 'What the rows of this database mean: their base currency, the topics that they came through, the keys of their click IDs. A configuration that says otherwise is refused.';

CREATE TABLE tributary.landing_clicks
(
    `landing_click_id` String COMMENT 'Identity of the press: 26 characters, sortable by time.' CODEC(ZSTD(1)),
    `click_id` String COMMENT 'The click that led to the landing page.' CODEC(ZSTD(1)),
    `event_at` DateTime64(3, 'UTC') COMMENT 'When the button was pressed, UTC.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the edge accepted it, UTC; decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `click_at` DateTime64(3, 'UTC') COMMENT 'When that click happened, from its ID, UTC; views book the press on it.' CODEC(Delta(8), ZSTD(1)),
    `campaign_id` UInt32 COMMENT 'Campaign number, from the click ID.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name at the time of the press.',
    `buyer` LowCardinality(String) COMMENT 'Who bought the traffic, as the campaign had it at the time of the press (catalog.campaigns[].buyer).',
    `team` LowCardinality(String) COMMENT 'Team of the buyer, as the campaign had it at the time of the press (catalog.campaigns[].team).',
    `tags` Array(String) COMMENT 'Tags that the campaign had at the time of the press, sorted (catalog.campaigns[].tags).',
    `source_id` UInt32 COMMENT 'Source number, from the click ID; 0 for a source that the catalog does not declare.',
    `source` LowCardinality(String) COMMENT 'Source name; empty when the catalog does not declare it.',
    `offer_id` UInt32 COMMENT 'Offer number of the catalog.',
    `offer` LowCardinality(String) COMMENT 'Offer the visitor was sent to.',
    `landing_id` UInt32 COMMENT 'Number of the landing page that the campaign shows to this visitor; 0 when it declares none.',
    `landing` LowCardinality(String) COMMENT 'Name of that landing page.',
    `button` UInt32 COMMENT 'Number of the button in the link; 0 when it has none.',
    `ip` IPv6 COMMENT 'Visitor\'s address; IPv4 as ::ffff:a.b.c.d.' CODEC(ZSTD(1)),
    `country` LowCardinality(String) COMMENT 'Country of the IP, ISO 3166-1 alpha-2; empty when unknown.',
    `device` LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown, from the user agent.',
    `os` LowCardinality(String) COMMENT 'Operating system, from the user agent.',
    `browser` LowCardinality(String) COMMENT 'Browser, from the user agent.',
    `bot` LowCardinality(String) COMMENT 'Name of the listed bot that the user agent matches; empty for none.',
    `referrer` String COMMENT 'Referer header.' CODEC(ZSTD(1)),
    `language` LowCardinality(String) COMMENT 'First language of Accept-Language, lower case.',
    `copy` Bool COMMENT 'The topic has this press before, at a lower offset of the partition: an edge died and could not know that it had been sent. Rollups and views leave copies out.',
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    `_archived` UInt64 DEFAULT 0 COMMENT 'Run of `tributary archive` that has summed the row, see archive_months; 0 while none has.' CODEC(ZSTD(1)),
    INDEX by_click_id click_id TYPE minmax GRANULARITY 1,
    INDEX by_offset _offset TYPE minmax GRANULARITY 1,
    INDEX by_time click_at TYPE minmax GRANULARITY 1,
    PROJECTION by_quarter_2a6c3d88
    (
        SELECT
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            copy,
            count(),
            uniqExact(click_id),
            max(click_at)
        GROUP BY
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            toStartOfInterval(click_at, toIntervalMinute(15)),
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            copy
    ),
    PROJECTION by_day_9f30f286
    (
        SELECT
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            copy,
            count(),
            uniqExact(click_id),
            max(click_at)
        GROUP BY
            toDate(toStartOfInterval(click_at, toIntervalMinute(15))),
            campaign_id,
            source_id,
            campaign,
            source,
            buyer,
            team,
            country,
            device,
            os,
            browser,
            offer_id,
            offer,
            landing_id,
            landing,
            toDate(received_at),
            toYYYYMM(received_at),
            _archived,
            copy
    )
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (campaign_id, source_id, received_at, landing_click_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192, lightweight_mutation_projection_mode = 'rebuild'
COMMENT 'Accepted presses of landing pages\' buttons, one row a record of the topic landing-clicks: count those that are no copy. A visitor who presses twice is there twice.';

CREATE VIEW tributary.latest_names
(
    `kind` String COMMENT 'campaign, source, offer or landing.',
    `id` UInt32 COMMENT 'Its number in the catalog.',
    `name` String COMMENT 'Its latest name.'
)
COMMENT 'The latest name of each campaign, source, offer and landing page, one row each: what every view shows beside a number. It reads the projections by_names of clicks and impressions, which are in the same parts as the rows, and names.'
AS SELECT
    kind,
    id,
    argMax(name, (at, name)) AS name
FROM
(
    SELECT
        toString(kind) AS kind,
        id,
        toString(name) AS name,
        at
    FROM tributary.names
    UNION ALL
    SELECT
        'campaign' AS kind,
        campaign_id AS id,
        toString(campaign) AS name,
        max(received_at) AS at
    FROM tributary.clicks
    WHERE (campaign_id != 0) AND (campaign != '')
    GROUP BY
        campaign_id,
        campaign
    UNION ALL
    SELECT
        'source' AS kind,
        source_id AS id,
        toString(source) AS name,
        max(received_at) AS at
    FROM tributary.clicks
    WHERE (source_id != 0) AND (source != '')
    GROUP BY
        source_id,
        source
    UNION ALL
    SELECT
        'offer' AS kind,
        offer_id AS id,
        toString(offer) AS name,
        max(received_at) AS at
    FROM tributary.clicks
    WHERE (offer_id != 0) AND (offer != '')
    GROUP BY
        offer_id,
        offer
    UNION ALL
    SELECT
        'landing' AS kind,
        landing_id AS id,
        toString(landing) AS name,
        max(received_at) AS at
    FROM tributary.clicks
    WHERE (landing_id != 0) AND (landing != '')
    GROUP BY
        landing_id,
        landing
    UNION ALL
    SELECT
        'campaign' AS kind,
        campaign_id AS id,
        toString(campaign) AS name,
        max(received_at) AS at
    FROM tributary.impressions
    WHERE (campaign_id != 0) AND (campaign != '')
    GROUP BY
        campaign_id,
        campaign
    UNION ALL
    SELECT
        'source' AS kind,
        source_id AS id,
        toString(source) AS name,
        max(received_at) AS at
    FROM tributary.impressions
    WHERE (source_id != 0) AND (source != '')
    GROUP BY
        source_id,
        source
) AS named
GROUP BY
    kind,
    id;

CREATE TABLE tributary.names
(
    `kind` LowCardinality(String) COMMENT 'campaign, source, offer or landing.',
    `id` UInt32 COMMENT 'Its number in the catalog.',
    `name` LowCardinality(String) COMMENT 'A name that it has, or had.',
    `at` DateTime64(3, 'UTC') COMMENT 'When it last had this name, UTC: received_at of the newest click or impression that came under it.' CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (kind, id, name)
SETTINGS index_granularity = 8192
COMMENT 'Names by number that are in no row any more: of the archive, and of rows from before their names were kept beside them. Views show the latest (latest_names); rows keep the one of their time.';

CREATE VIEW tributary.offers_without_goal
(
    `offer_id` UInt32 COMMENT 'Offer number of the catalog.',
    `offer` String COMMENT 'Latest name of the offer.',
    `event_types` Array(String) COMMENT 'The event types that count together as its conversions, sorted: cr, ar, ap and cpa are of all of them.',
    `counts` Array(Int64) COMMENT 'How many conversions each of event_types has now, in that order.'
)
COMMENT 'Offers that show several event types and declare no goal (catalog.offers[].goal), so that their conversions, cr, ar, ap and cpa are of several kinds together; empty where no figure mixes event types. An offer is here until its clicks come with a goal. Reads a few columns of all clicks.'
AS SELECT
    offer_id,
    offer,
    arrayMap(one -> (one.1), arraySort(groupArray((event, conversions))) AS each) AS event_types,
    arrayMap(one -> (one.2), each) AS counts
FROM
(
    WITH
        (
            SELECT (groupArray(run), groupArray(attempt))
            FROM tributary.archive_months
        ) AS archived,
        (
            SELECT arraySort(groupArray((id, name)))
            FROM
            (
                SELECT
                    id,
                    argMax(name, (at, name)) AS name
                FROM
                (
                    SELECT
                        toString(kind) AS kind,
                        id,
                        toString(name) AS name,
                        at
                    FROM tributary.names
                    WHERE kind = 'offer'
                    UNION ALL
                    SELECT
                        'offer' AS kind,
                        offer_id AS id,
                        toString(offer) AS name,
                        max(received_at) AS at
                    FROM tributary.clicks
                    WHERE (offer_id != 0) AND (offer != '')
                    GROUP BY
                        offer_id,
                        offer
                )
                GROUP BY id
            )
        ) AS names_of_offer
    SELECT
        offer_id,
        transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(argMaxIf(said_offer, at, said_offer != ''))) AS offer,
        event,
        sum(part_conversions) AS conversions
    FROM
    (
        SELECT
            offer_id,
            offer AS said_offer,
            event,
            max(click_at) AS at,
            sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS part_conversions
        FROM tributary.conversions
        WHERE NOT has(archived.1, _archived)
        GROUP BY
            offer_id,
            said_offer,
            event
        UNION ALL
        SELECT
            offer_id,
            offer AS said_offer,
            '' AS event,
            toDateTime64(max(quarter), 3, 'UTC') AS at,
            sum(archive_quarter.conversions) AS part_conversions
        FROM tributary.archive_quarter
        GROUP BY
            offer_id,
            said_offer
        UNION ALL
        SELECT
            offer_id,
            offer AS said_offer,
            event,
            toDateTime64(max(quarter), 3, 'UTC') AS at,
            sum(archive_sums.conversions) AS part_conversions
        FROM tributary.archive_sums
        WHERE has(archived.2, attempt)
        GROUP BY
            offer_id,
            said_offer,
            event
    ) AS parts
    GROUP BY
        offer_id,
        if(offer_id = 0, toString(said_offer), ''),
        event
) AS counted
WHERE (offer_id != 0) AND (event != '') AND (event != 'rebill') AND (conversions != 0) AND (offer_id NOT IN (
    SELECT offer_id
    FROM tributary.clicks
    GROUP BY offer_id
    HAVING argMax(notEmpty(goals), received_at)
))
GROUP BY
    offer_id,
    offer
HAVING length(event_types) > 1;

CREATE TABLE tributary.outbound_attempts
(
    `request_id` String COMMENT 'What is told, once and for all: the same with each of its tries. A destination sees it where its template sends it.' CODEC(ZSTD(1)),
    `destination` LowCardinality(String) COMMENT 'Whom it is told to, by the catalog\'s name.',
    `conversion_id` String COMMENT 'The conversion, as in conversions.' CODEC(ZSTD(1)),
    `receipt_id` String COMMENT 'Receipt of the postback behind the ledger entry that is told.' CODEC(ZSTD(1)),
    `click_id` String COMMENT 'Click of the conversion.' CODEC(ZSTD(1)),
    `seq` UInt32 COMMENT 'Number of what is told among all that the destination hears of the conversion, from 1.',
    `told` LowCardinality(String) COMMENT 'What is told: created (the first that the destination hears of it), restated (another status or payout) or retracted (it does not count any more).',
    `event` LowCardinality(String) COMMENT 'The event as the destination calls it.',
    `campaign_id` UInt32 COMMENT 'Campaign of the click.',
    `campaign` LowCardinality(String) COMMENT 'Its name.',
    `source_id` UInt32 COMMENT 'Source of the click.',
    `source` LowCardinality(String) COMMENT 'Its name.',
    `amount` Decimal(18, 6) COMMENT 'Amount that is told, in units of currency: after the destination\'s share; 0 where none is told.',
    `currency` LowCardinality(String) COMMENT 'Currency of amount; empty where none is told.',
    `try` UInt32 COMMENT 'Number of the try, from 1. Where nothing was sent, that of the last one before it, or 0.',
    `resend` UInt32 COMMENT 'A person had it sent again: the number of that; 0 otherwise.',
    `outcome` LowCardinality(String) COMMENT 'What became of it: delivered; refused (it will never be taken); again (a later try may succeed); split (its batch was refused for one row, smaller ones follow); paused (the destination refuses us: nothing more is sent to it until a person resumes it); gone (410: as paused); expired (the destination\'s window is over); capped (the destination\'s cap of the day is reached); skipped (see reason).',
    `reason` String COMMENT 'What decided that: the destination\'s words, or why nothing came.' CODEC(ZSTD(1)),
    `final` Bool COMMENT 'Nothing follows by itself.',
    `next_due_at` DateTime64(3, 'UTC') COMMENT 'When the next try is due, UTC; 1970 where none is.' CODEC(Delta(8), ZSTD(1)),
    `status_code` UInt32 COMMENT 'HTTP status of the answer; 0 where none came.',
    `took_ms` UInt32 COMMENT 'From the call to its answer or failure, in milliseconds.',
    `batch` UInt32 COMMENT 'How many requests the call told; 0 where nothing was sent.',
    `method` LowCardinality(String) COMMENT 'HTTP method of the call.',
    `url` String COMMENT 'The called URL, secrets masked.' CODEC(ZSTD(1)),
    `body_sha256` String COMMENT 'SHA-256 of the body that was sent, hex; empty where there was none.' CODEC(ZSTD(1)),
    `answer` String COMMENT 'The answer\'s first 2 KiB; of a batch in its first row only.' CODEC(ZSTD(1)),
    `event_at` DateTime64(3, 'UTC') COMMENT 'When the conversion happened, UTC.' CODEC(Delta(8), ZSTD(1)),
    `decided_at` DateTime64(3, 'UTC') COMMENT 'When it was decided to tell it, UTC.' CODEC(Delta(8), ZSTD(1)),
    `due_at` DateTime64(3, 'UTC') COMMENT 'When this try was due, UTC.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the answer came, or the try failed, UTC; decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `request_offset` Int64 COMMENT 'Offset of what is told in the topic outbound.requests, in partition _partition.',
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_conversion conversion_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_receipt receipt_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_click click_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (destination, received_at, request_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'What became of each try to tell a destination of a conversion, one row a try, and one where something is not told after all. The last row of a request_id says how it stands; it waits for its next try where final is false. Filled from the topic outbound.attempts.';

CREATE TABLE tributary.parked
(
    `receipt_id` String COMMENT 'Receipt of the postback. A postback that the edge sent twice can have two rows.' CODEC(ZSTD(1)),
    `click_id` String COMMENT 'Click it waits for.' CODEC(ZSTD(1)),
    `network` LowCardinality(String) COMMENT 'Network it came from.',
    `event` LowCardinality(String) COMMENT 'Event type (goal).',
    `txid` String COMMENT 'Transaction ID; empty when the network names none.' CODEC(ZSTD(1)),
    `parked_at` DateTime64(3, 'UTC') COMMENT 'When the wait began, UTC.' CODEC(Delta(8), ZSTD(1)),
    `until_at` DateTime64(3, 'UTC') COMMENT 'Until when it waits at most, UTC. Then it counts by its signed click ID, or is an orphan.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the edge accepted the postback, UTC; decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY receipt_id
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'Postbacks that came before their click and had to wait for it, whether they still wait or not: see receipts. Filled from the topic parked.';

CREATE TABLE tributary.postbacks
(
    `receipt_id` String COMMENT 'Receipt the edge gave the postback; begins with the time, so that the table is sorted by it. The topic is at least once: a repeated row has the same, and so has one of a dead letter that was replayed. Count distinct receipt_id.' CODEC(ZSTD(1)),
    `click_id` String COMMENT 'Click it names.' CODEC(ZSTD(1)),
    `network` LowCardinality(String) COMMENT 'Network it came from.',
    `event` LowCardinality(String) COMMENT 'Event type (goal).',
    `txid` String COMMENT 'Transaction ID; empty when the network names none.' CODEC(ZSTD(1)),
    `status` LowCardinality(String) COMMENT 'Status it was read as: registered, pending, approved, rejected, chargeback; unspecified when the network names none.',
    `original_status` LowCardinality(String) COMMENT 'Status word as the network wrote it.',
    `has_payout` Bool COMMENT 'It names a payout; else the one of the offer counts.',
    `payout` Decimal(18, 6) COMMENT 'Payout it names, in the base currency; below 0 it is a correction.',
    `payout_original` Decimal(18, 6) COMMENT 'Payout it names, in units of currency.',
    `currency` LowCardinality(String) COMMENT 'ISO 4217 code of payout_original.',
    `foreign` Bool COMMENT 'The click ID is another tracker\'s.',
    `campaign_id` UInt32 COMMENT 'Campaign number in the signed click ID; 0 when foreign.',
    `campaign` LowCardinality(String) COMMENT 'Campaign name.',
    `source_id` UInt32 COMMENT 'Source number in the signed click ID; 0 when undeclared or foreign.',
    `source` LowCardinality(String) COMMENT 'Source name.',
    `not_taken` Array(String) COMMENT 'Names of parameters that the request had and the edge did not take, 16 at most and "and 3 more"; those that the network\'s configuration ignores are left out. Their values are in the topic.' CODEC(ZSTD(1)),
    `event_at` DateTime64(3, 'UTC') COMMENT 'When the conversion happened, UTC.' CODEC(Delta(8), ZSTD(1)),
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the edge accepted it, UTC; of a replayed dead letter, when it was replayed. Decides the ClickHouse partition.' CODEC(Delta(8), ZSTD(1)),
    `confirmed_only` Bool COMMENT 'The network\'s revenue counted once confirmed when the postback came (catalog.networks[].revenue).',
    `_partition` UInt32 COMMENT 'Partition of the Kafka topic the row was read from.',
    `_offset` UInt64 COMMENT 'Offset of its record in that partition; (_partition, _offset) is unique in the table.' CODEC(Delta(8), ZSTD(1)),
    INDEX by_click_id click_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY receipt_id
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 8192
COMMENT 'Every postback that the edge accepted, one row a Kafka record, whatever became of it: see receipts. Neither the sender\'s address nor the request as it came is here, they are personal data; the topic has them. Filled from the topic postbacks.';

CREATE VIEW tributary.receipt_events
(
    `receipt_id` String COMMENT 'Receipt of a request to the edge.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When the request was accepted or refused, UTC; of a replayed dead letter, when it was replayed. A filter on it makes the look-up of a receipt fast: receipts begin with the time.',
    `step` UInt8 COMMENT 'Order of steps of one request: 0 received, 1 parked, 2 decided.',
    `at` DateTime64(3, 'UTC') COMMENT 'When the step was taken, by the clock of the role that took it, UTC.',
    `state` String COMMENT 'received, parked, joined, duplicate, orphan or rejected.',
    `reason` String COMMENT 'Reject reason of a duplicate, orphan or rejected one, from the closed list in the data dictionary.',
    `detail` String COMMENT 'What was wrong, in words.',
    `place` String COMMENT 'Role that took the step: ingest or processor.',
    `kind` String COMMENT 'What the request was: postback or click.',
    `network` String COMMENT 'Network it came from.',
    `click_id` String COMMENT 'Click it names.',
    `event` String COMMENT 'Event type (goal).',
    `txid` String COMMENT 'Transaction ID.',
    `original_status` String COMMENT 'Status word as the network wrote it.',
    `waits_until` DateTime64(3, 'UTC') COMMENT 'Of a parked one: until when it waits at most, UTC; else 1970.',
    `conversion_id` String COMMENT 'Of a joined one: conversion whose entry it made.',
    `seq` UInt32 COMMENT 'Of a joined one: number of the entry in its conversion.',
    `entry_kind` String COMMENT 'Of a joined one: created, correction, status or payout.',
    `status` String COMMENT 'Of a joined one: status of the conversion after the entry.',
    `match` String COMMENT 'Of a joined one: click when the click was found, click_id when the entry rests on the signed click ID alone.',
    `payout_original` Decimal(18, 6) COMMENT 'Of a joined one: payout of the conversion after the entry; of a refused one: payout it named. In units of currency.',
    `currency` String COMMENT 'ISO 4217 code of payout_original.',
    `not_taken` Array(String) COMMENT 'Of a received one: names of parameters that the request had and nobody took.'
)
COMMENT 'What happened to each request that has a receipt, step by step: received, parked, and what was decided. One row a step.'
AS SELECT
    receipt_id,
    received_at,
    toUInt8(0) AS step,
    received_at AS at,
    'received' AS state,
    '' AS reason,
    '' AS detail,
    'ingest' AS place,
    'postback' AS kind,
    toString(network) AS network,
    click_id,
    toString(event) AS event,
    txid,
    toString(original_status) AS original_status,
    toDateTime64(0, 3, 'UTC') AS waits_until,
    '' AS conversion_id,
    toUInt32(0) AS seq,
    '' AS entry_kind,
    '' AS status,
    '' AS match,
    payout_original,
    toString(currency) AS currency,
    not_taken
FROM tributary.postbacks
UNION ALL
SELECT
    receipt_id,
    received_at,
    1,
    parked_at,
    'parked',
    '',
    '',
    'processor',
    'postback',
    toString(network),
    click_id,
    toString(event),
    txid,
    '',
    until_at,
    '',
    0,
    '',
    '',
    '',
    toDecimal64(0, 6),
    '',
    emptyArrayString()
FROM tributary.parked
UNION ALL
SELECT
    letter_id,
    received_at,
    2,
    decided_at,
    multiIf(reason = 'duplicate_postback', 'duplicate', reason = 'orphan', 'orphan', 'rejected'),
    toString(reason),
    detail,
    toString(place),
    toString(kind),
    toString(network),
    click_id,
    toString(event),
    txid,
    toString(original_status),
    toDateTime64(0, 3, 'UTC'),
    '',
    0,
    '',
    '',
    '',
    payout_original,
    toString(currency),
    emptyArrayString()
FROM tributary.dead_letters
WHERE (kind = 'postback') OR ((kind = 'click') AND (place = 'ingest'))
UNION ALL
SELECT
    receipt_id,
    received_at,
    2,
    decided_at,
    'joined',
    '',
    '',
    'processor',
    'postback',
    toString(network),
    click_id,
    toString(event),
    txid,
    toString(original_status),
    toDateTime64(0, 3, 'UTC'),
    conversion_id,
    seq,
    toString(kind),
    toString(status),
    toString(match),
    payout_original,
    toString(currency),
    emptyArrayString()
FROM tributary.conversions
WHERE kind != 'rescored';

CREATE VIEW tributary.receipts
(
    `receipt_id` String COMMENT 'Receipt of a request to the edge.',
    `first_received_at` DateTime64(3, 'UTC') COMMENT 'When the request first came, UTC.',
    `decided_at` DateTime64(3, 'UTC') COMMENT 'When it came into its state, UTC.',
    `state` String COMMENT 'What became of it: received (nothing is decided yet), parked (it waits for its click), joined (it made an entry of the ledger), duplicate, orphan (no click came) or rejected.',
    `reason` String COMMENT 'Reject reason of a duplicate, orphan or rejected one; the data dictionary says what to do.',
    `detail` String COMMENT 'What was wrong, in words.',
    `place` String COMMENT 'Role that decided: ingest or processor.',
    `kind` String COMMENT 'What the request was: postback or click.',
    `network` String COMMENT 'Network it came from.',
    `click_id` String COMMENT 'Click it names.',
    `event` String COMMENT 'Event type (goal).',
    `txid` String COMMENT 'Transaction ID.',
    `original_status` String COMMENT 'Status word as the network wrote it.',
    `waits_until` DateTime64(3, 'UTC') COMMENT 'Of a parked one: until when it waits at most, UTC; else 1970.',
    `conversion_id` String COMMENT 'Of a joined one: conversion whose entry it made.',
    `seq` UInt32 COMMENT 'Of a joined one: number of the entry in its conversion.',
    `entry_kind` String COMMENT 'Of a joined one: created, correction, status or payout.',
    `status` String COMMENT 'Of a joined one: status of the conversion after the entry.',
    `match` String COMMENT 'Of a joined one: click when the click was found, click_id when the entry rests on the signed click ID alone.',
    `payout_original` Decimal(18, 6) COMMENT 'Of a joined one: payout of the conversion after the entry; else the payout it named. In units of currency.',
    `currency` String COMMENT 'ISO 4217 code of payout_original.',
    `not_taken` Array(String) COMMENT 'Names of parameters that the request had and nobody took.'
)
COMMENT 'What became of each request that has a receipt, one row a receipt; GET /v1/receipts/{id} answers the same. Fast for one receipt and short times only: filter receipt_events by received_at where there is much.'
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
FROM tributary.receipt_events AS e
GROUP BY e.receipt_id;

CREATE VIEW tributary.rejected_postbacks
(
    `receipt_id` String COMMENT 'Receipt ID that the network was given in the answer.',
    `reason` String COMMENT 'Reject reason, from the closed list in the data dictionary.',
    `detail` String COMMENT 'What was wrong, in words.',
    `place` String COMMENT 'Role that refused it: ingest, processor or sink.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it arrived, UTC; decides the ClickHouse partition.',
    `network` String COMMENT 'Network of the postback; empty when unknown.',
    `click_id` String COMMENT 'Click ID as received.',
    `event` String COMMENT 'Event type as received.',
    `txid` String COMMENT 'Transaction ID as received.',
    `original_status` String COMMENT 'Status word as received.',
    `payout` Decimal(18, 6) COMMENT 'Payout in the base currency; 0 when it could not be read.',
    `payout_original` Decimal(18, 6) COMMENT 'Payout in units of currency; 0 when it could not be read.',
    `currency` String COMMENT 'ISO 4217 code of payout_original.',
    `ip` IPv6 COMMENT 'Sender\'s address; IPv4 as ::ffff:a.b.c.d.',
    `raw` String COMMENT 'The input as it came: for a request method, path and query, a blank line, the body; for a record its value. Cut at 4096 bytes.'
)
COMMENT 'Postbacks that became no ledger entry, each receipt once, with the reason, the money they named and the request as it came.'
AS SELECT
    letter_id AS receipt_id,
    reason,
    detail,
    place,
    received_at,
    network,
    click_id,
    event,
    txid,
    original_status,
    payout,
    payout_original,
    currency,
    ip,
    raw
FROM tributary.dead_letters
WHERE kind = 'postback'
ORDER BY received_at ASC
LIMIT 1 BY letter_id;

CREATE VIEW tributary.rollup_hour
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `hour` DateTime('UTC') COMMENT 'UTC hour in which the click happened.',
    `quarter` DateTime('UTC') COMMENT 'UTC quarter of an hour in which the click happened: a filter on it, on the hour or on a day of it is answered from the projections.',
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 when the click was not found.',
    `offer` String COMMENT 'Latest name of the offer.',
    `country` LowCardinality(String) COMMENT 'Country of the click.',
    `device` LowCardinality(String) COMMENT 'Device of the click.',
    `os` LowCardinality(String) COMMENT 'Operating system of the click.',
    `browser` LowCardinality(String) COMMENT 'Browser of the click.',
    `clicks` Int64 COMMENT 'Count of clicks that are not blocked. Rows of one key may not be merged yet: always sum().',
    `flagged_clicks` Int64 COMMENT 'Count of clicks that are not blocked with score >= 50. Rows of one key may not be merged yet: always sum().',
    `bot_clicks` Int64 COMMENT 'Count of clicks of listed bots that are not blocked. Rows of one key may not be merged yet: always sum().',
    `click_score_sum` Int64 COMMENT 'Sum of scores of clicks that are not blocked. Rows of one key may not be merged yet: always sum().',
    `cost` Decimal(38, 6) COMMENT 'Sum of cost, base currency. Rows of one key may not be merged yet: always sum().',
    `entries` Int64 COMMENT 'Count of ledger entries. Rows of one key may not be merged yet: always sum().',
    `conversions` Int64 COMMENT 'Sum of conversions_delta of entries that count: see conversions.beside_goal; never of rebills. Rows of one key may not be merged yet: always sum().',
    `registered` Int64 COMMENT 'Sum of registered_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `pending` Int64 COMMENT 'Sum of pending_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `approved` Int64 COMMENT 'Sum of approved_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `rejected` Int64 COMMENT 'Sum of rejected_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `chargebacks` Int64 COMMENT 'Sum of chargeback_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `revenue_hold` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency. Rows of one key may not be merged yet: always sum().',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency. Rows of one key may not be merged yet: always sum().',
    `flagged` Int64 COMMENT 'Sum of flagged_delta. Rows of one key may not be merged yet: always sum().',
    `created` Int64 COMMENT 'Count of first ledger entries. Rows of one key may not be merged yet: always sum().',
    `created_score_sum` Int64 COMMENT 'Sum of scores in first ledger entries. Rows of one key may not be merged yet: always sum().'
)
COMMENT 'Sums of clicks and of the conversion ledger by hour and quarter of an hour, by click time, to be summed. A view: it reads the projections by_quarter of clicks and conversions, which are in the same parts as the rows, archive_quarter and archive_sums.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'offer'
                UNION ALL
                SELECT
                    'offer' AS kind,
                    offer_id AS id,
                    toString(offer) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (offer_id != 0) AND (offer != '')
                GROUP BY
                    offer_id,
                    offer
            )
            GROUP BY id
        )
    ) AS names_of_offer
SELECT * REPLACE (transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(campaign)) AS campaign, transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(source)) AS source, transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(offer)) AS offer)
FROM
(
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(event_at, toIntervalMinute(15)) AS quarter,
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
        toInt64(countIf(NOT blocked)) AS clicks,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS flagged_clicks,
        toInt64(countIf((bot != '') AND (NOT blocked))) AS bot_clicks,
        toInt64(sumIf(score, NOT blocked)) AS click_score_sum,
        sum(clicks.cost) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(click_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(click_at, toIntervalMinute(15)) AS quarter,
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
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        toDecimal128(0, 6) AS cost,
        toInt64(count()) AS entries,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS chargebacks,
        sum(revenue_hold_delta) AS revenue_hold,
        sum(revenue_confirmed_delta) AS revenue_confirmed,
        sum(flagged_delta) AS flagged,
        toInt64(countIf(kind = 'created')) AS created,
        toInt64(sumIf(score, kind = 'created')) AS created_score_sum
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        ledger_day,
        toStartOfHour(quarter) AS hour,
        quarter,
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
        sum(archive_quarter.clicks) AS clicks,
        sum(archive_quarter.flagged_clicks) AS flagged_clicks,
        sum(archive_quarter.bot_clicks) AS bot_clicks,
        sum(archive_quarter.click_score_sum) AS click_score_sum,
        sum(archive_quarter.cost) AS cost,
        sum(archive_quarter.entries) AS entries,
        sum(archive_quarter.conversions) AS conversions,
        sum(archive_quarter.registered) AS registered,
        sum(archive_quarter.pending) AS pending,
        sum(archive_quarter.approved) AS approved,
        sum(archive_quarter.rejected) AS rejected,
        sum(archive_quarter.chargebacks) AS chargebacks,
        sum(archive_quarter.revenue_hold) AS revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS revenue_confirmed,
        sum(archive_quarter.flagged) AS flagged,
        sum(archive_quarter.created) AS created,
        sum(archive_quarter.created_score_sum) AS created_score_sum
    FROM tributary.archive_quarter
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        ledger_day,
        toStartOfHour(quarter) AS hour,
        quarter,
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
        sum(archive_sums.clicks) AS clicks,
        sum(archive_sums.flagged_clicks) AS flagged_clicks,
        sum(archive_sums.bot_clicks) AS bot_clicks,
        sum(archive_sums.click_score_sum) AS click_score_sum,
        sum(archive_sums.cost) AS cost,
        sum(archive_sums.entries) AS entries,
        sum(archive_sums.conversions) AS conversions,
        sum(archive_sums.registered) AS registered,
        sum(archive_sums.pending) AS pending,
        sum(archive_sums.approved) AS approved,
        sum(archive_sums.rejected) AS rejected,
        sum(archive_sums.chargebacks) AS chargebacks,
        sum(archive_sums.revenue_hold) AS revenue_hold,
        sum(archive_sums.revenue_confirmed) AS revenue_confirmed,
        sum(archive_sums.flagged) AS flagged,
        sum(archive_sums.created) AS created,
        sum(archive_sums.created_score_sum) AS created_score_sum
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt) AND (base IN ('clicks', 'conversions'))
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
) AS parts;

CREATE VIEW tributary.rollup_hour_traffic
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `hour` DateTime('UTC') COMMENT 'UTC hour in which the impression or the click happened.',
    `quarter` DateTime('UTC') COMMENT 'UTC quarter of an hour in which the impression or the click happened: a filter on it, on the hour or on a day of it is answered from the projections.',
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 for impressions.',
    `offer` String COMMENT 'Latest name of the offer.',
    `country` LowCardinality(String) COMMENT 'Country of the visitor.',
    `device` LowCardinality(String) COMMENT 'Device of the visitor.',
    `os` LowCardinality(String) COMMENT 'Operating system of the visitor.',
    `browser` LowCardinality(String) COMMENT 'Browser of the visitor.',
    `impressions` Int64 COMMENT 'Count of impressions. Rows of one key may not be merged yet: always sum().',
    `bot_impressions` Int64 COMMENT 'Count of impressions by listed bots. Rows of one key may not be merged yet: always sum().',
    `impression_cost` Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency. Rows of one key may not be merged yet: always sum().',
    `clicks` Int64 COMMENT 'Count of clicks that are not blocked and that loaders from version 1 on wrote. Rows of one key may not be merged yet: always sum().',
    `unique_clicks` Int64 COMMENT 'Count of unique clicks that are not blocked. Rows of one key may not be merged yet: always sum().',
    `landing_views` Int64 COMMENT 'Count of clicks that were sent to a landing page. Rows of one key may not be merged yet: always sum().',
    `landing_clicks` Int64 COMMENT 'Count of presses of landing pages\' buttons. Rows of one key may not be merged yet: always sum().'
)
COMMENT 'Sums of impressions, of unique clicks and of landing pages by hour and quarter of an hour, of impressions by their own time, of the others by click time, to be summed. A view: it reads the projections by_quarter of impressions, landing_clicks and clicks, which are in the same parts as the rows, archive_quarter_traffic and archive_sums.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'offer'
                UNION ALL
                SELECT
                    'offer' AS kind,
                    offer_id AS id,
                    toString(offer) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (offer_id != 0) AND (offer != '')
                GROUP BY
                    offer_id,
                    offer
            )
            GROUP BY id
        )
    ) AS names_of_offer
SELECT * REPLACE (transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(campaign)) AS campaign, transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(source)) AS source, transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(offer)) AS offer)
FROM
(
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(event_at, toIntervalMinute(15)) AS quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        toUInt32(0) AS offer_id,
        '' AS offer,
        country,
        device,
        os,
        browser,
        toInt64(count()) AS impressions,
        toInt64(countIf(bot != '')) AS bot_impressions,
        sum(impressions.cost) AS impression_cost,
        toInt64(0) AS clicks,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(0) AS landing_clicks
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(click_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(click_at, toIntervalMinute(15)) AS quarter,
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
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(0) AS clicks,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(count()) AS landing_clicks
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(event_at, toIntervalMinute(15)) AS quarter,
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
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(countIf(NOT blocked)) AS clicks,
        toInt64(countIf(unique AND (NOT blocked))) AS unique_clicks,
        toInt64(countIf(landing_id != 0)) AS landing_views,
        toInt64(0) AS landing_clicks
    FROM tributary.clicks
    WHERE (NOT has(archived.1, _archived)) AND (_layout >= 1)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        ledger_day,
        toStartOfHour(quarter) AS hour,
        quarter,
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
        sum(archive_quarter_traffic.impressions) AS impressions,
        sum(archive_quarter_traffic.bot_impressions) AS bot_impressions,
        sum(archive_quarter_traffic.impression_cost) AS impression_cost,
        sum(archive_quarter_traffic.clicks) AS clicks,
        sum(archive_quarter_traffic.unique_clicks) AS unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
    FROM tributary.archive_quarter_traffic
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        ledger_day,
        toStartOfHour(quarter) AS hour,
        quarter,
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
        sum(archive_sums.impressions) AS impressions,
        sum(archive_sums.bot_impressions) AS bot_impressions,
        sum(archive_sums.impression_cost) AS impression_cost,
        sum(archive_sums.clicks) AS clicks,
        sum(archive_sums.unique_clicks) AS unique_clicks,
        sum(archive_sums.landing_views) AS landing_views,
        sum(archive_sums.landing_clicks) AS landing_clicks
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt) AND ((base IN ('impressions', 'landing_clicks')) OR ((base = 'clicks') AND layout))
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
) AS parts;

CREATE VIEW tributary.rollup_minute
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `minute` DateTime('UTC') COMMENT 'UTC minute in which the click happened.',
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 when the click was not found.',
    `offer` String COMMENT 'Latest name of the offer.',
    `country` LowCardinality(String) COMMENT 'Country of the click.',
    `device` LowCardinality(String) COMMENT 'Device of the click.',
    `clicks` Int64 COMMENT 'Count of clicks that are not blocked. Rows of one key may not be merged yet: always sum().',
    `flagged_clicks` Int64 COMMENT 'Count of clicks that are not blocked with score >= 50. Rows of one key may not be merged yet: always sum().',
    `bot_clicks` Int64 COMMENT 'Count of clicks of listed bots that are not blocked. Rows of one key may not be merged yet: always sum().',
    `click_score_sum` Int64 COMMENT 'Sum of scores of clicks that are not blocked. Rows of one key may not be merged yet: always sum().',
    `cost` Decimal(38, 6) COMMENT 'Sum of cost, base currency. Rows of one key may not be merged yet: always sum().',
    `entries` Int64 COMMENT 'Count of ledger entries. Rows of one key may not be merged yet: always sum().',
    `conversions` Int64 COMMENT 'Sum of conversions_delta of entries that count: see conversions.beside_goal; never of rebills. Rows of one key may not be merged yet: always sum().',
    `registered` Int64 COMMENT 'Sum of registered_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `pending` Int64 COMMENT 'Sum of pending_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `approved` Int64 COMMENT 'Sum of approved_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `rejected` Int64 COMMENT 'Sum of rejected_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `chargebacks` Int64 COMMENT 'Sum of chargeback_delta of entries that count. Rows of one key may not be merged yet: always sum().',
    `revenue_hold` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency. Rows of one key may not be merged yet: always sum().',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency. Rows of one key may not be merged yet: always sum().',
    `flagged` Int64 COMMENT 'Sum of flagged_delta. Rows of one key may not be merged yet: always sum().',
    `created` Int64 COMMENT 'Count of first ledger entries. Rows of one key may not be merged yet: always sum().',
    `created_score_sum` Int64 COMMENT 'Sum of scores in first ledger entries. Rows of one key may not be merged yet: always sum().'
)
COMMENT 'Sums of clicks and of the conversion ledger by minute, by click time, to be summed. A view: it reads the rows of clicks and conversions, archive_minute and archive_sums.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'offer'
                UNION ALL
                SELECT
                    'offer' AS kind,
                    offer_id AS id,
                    toString(offer) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (offer_id != 0) AND (offer != '')
                GROUP BY
                    offer_id,
                    offer
            )
            GROUP BY id
        )
    ) AS names_of_offer
SELECT * REPLACE (transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(campaign)) AS campaign, transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(source)) AS source, transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(offer)) AS offer)
FROM
(
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(event_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        toInt64(countIf(NOT blocked)) AS clicks,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS flagged_clicks,
        toInt64(countIf((bot != '') AND (NOT blocked))) AS bot_clicks,
        toInt64(sumIf(score, NOT blocked)) AS click_score_sum,
        sum(clicks.cost) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(click_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        toDecimal128(0, 6) AS cost,
        toInt64(count()) AS entries,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS chargebacks,
        sum(revenue_hold_delta) AS revenue_hold,
        sum(revenue_confirmed_delta) AS revenue_confirmed,
        sum(flagged_delta) AS flagged,
        toInt64(countIf(kind = 'created')) AS created,
        toInt64(sumIf(score, kind = 'created')) AS created_score_sum
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        sum(archive_minute.clicks) AS clicks,
        sum(archive_minute.flagged_clicks) AS flagged_clicks,
        sum(archive_minute.bot_clicks) AS bot_clicks,
        sum(archive_minute.click_score_sum) AS click_score_sum,
        sum(archive_minute.cost) AS cost,
        sum(archive_minute.entries) AS entries,
        sum(archive_minute.conversions) AS conversions,
        sum(archive_minute.registered) AS registered,
        sum(archive_minute.pending) AS pending,
        sum(archive_minute.approved) AS approved,
        sum(archive_minute.rejected) AS rejected,
        sum(archive_minute.chargebacks) AS chargebacks,
        sum(archive_minute.revenue_hold) AS revenue_hold,
        sum(archive_minute.revenue_confirmed) AS revenue_confirmed,
        sum(archive_minute.flagged) AS flagged,
        sum(archive_minute.created) AS created,
        sum(archive_minute.created_score_sum) AS created_score_sum
    FROM tributary.archive_minute
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        ledger_day,
        quarter AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        sum(archive_sums.clicks) AS clicks,
        sum(archive_sums.flagged_clicks) AS flagged_clicks,
        sum(archive_sums.bot_clicks) AS bot_clicks,
        sum(archive_sums.click_score_sum) AS click_score_sum,
        sum(archive_sums.cost) AS cost,
        sum(archive_sums.entries) AS entries,
        sum(archive_sums.conversions) AS conversions,
        sum(archive_sums.registered) AS registered,
        sum(archive_sums.pending) AS pending,
        sum(archive_sums.approved) AS approved,
        sum(archive_sums.rejected) AS rejected,
        sum(archive_sums.chargebacks) AS chargebacks,
        sum(archive_sums.revenue_hold) AS revenue_hold,
        sum(archive_sums.revenue_confirmed) AS revenue_confirmed,
        sum(archive_sums.flagged) AS flagged,
        sum(archive_sums.created) AS created,
        sum(archive_sums.created_score_sum) AS created_score_sum
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt) AND (base IN ('clicks', 'conversions'))
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
) AS parts;

CREATE VIEW tributary.rollup_minute_traffic
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `minute` DateTime('UTC') COMMENT 'UTC minute in which the impression or the click happened.',
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 for impressions.',
    `offer` String COMMENT 'Latest name of the offer.',
    `country` LowCardinality(String) COMMENT 'Country of the visitor.',
    `device` LowCardinality(String) COMMENT 'Device of the visitor.',
    `impressions` Int64 COMMENT 'Count of impressions. Rows of one key may not be merged yet: always sum().',
    `bot_impressions` Int64 COMMENT 'Count of impressions by listed bots. Rows of one key may not be merged yet: always sum().',
    `impression_cost` Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency. Rows of one key may not be merged yet: always sum().',
    `clicks` Int64 COMMENT 'Count of clicks that are not blocked and that loaders from version 1 on wrote. Rows of one key may not be merged yet: always sum().',
    `unique_clicks` Int64 COMMENT 'Count of unique clicks that are not blocked. Rows of one key may not be merged yet: always sum().',
    `landing_views` Int64 COMMENT 'Count of clicks that were sent to a landing page. Rows of one key may not be merged yet: always sum().',
    `landing_clicks` Int64 COMMENT 'Count of presses of landing pages\' buttons. Rows of one key may not be merged yet: always sum().'
)
COMMENT 'Sums of impressions, of unique clicks and of landing pages by minute, of impressions by their own time, of the others by click time, to be summed. A view: it reads the rows of impressions, landing_clicks and clicks, archive_minute_traffic and archive_sums.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'offer'
                UNION ALL
                SELECT
                    'offer' AS kind,
                    offer_id AS id,
                    toString(offer) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (offer_id != 0) AND (offer != '')
                GROUP BY
                    offer_id,
                    offer
            )
            GROUP BY id
        )
    ) AS names_of_offer
SELECT * REPLACE (transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(campaign)) AS campaign, transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(source)) AS source, transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(offer)) AS offer)
FROM
(
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(event_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        toUInt32(0) AS offer_id,
        '' AS offer,
        country,
        device,
        toInt64(count()) AS impressions,
        toInt64(countIf(bot != '')) AS bot_impressions,
        sum(impressions.cost) AS impression_cost,
        toInt64(0) AS clicks,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(0) AS landing_clicks
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        country,
        device
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(click_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(0) AS clicks,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(count()) AS landing_clicks
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(event_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(countIf(NOT blocked)) AS clicks,
        toInt64(countIf(unique AND (NOT blocked))) AS unique_clicks,
        toInt64(countIf(landing_id != 0)) AS landing_views,
        toInt64(0) AS landing_clicks
    FROM tributary.clicks
    WHERE (NOT has(archived.1, _archived)) AND (_layout >= 1)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        sum(archive_minute_traffic.impressions) AS impressions,
        sum(archive_minute_traffic.bot_impressions) AS bot_impressions,
        sum(archive_minute_traffic.impression_cost) AS impression_cost,
        sum(archive_minute_traffic.clicks) AS clicks,
        sum(archive_minute_traffic.unique_clicks) AS unique_clicks,
        sum(archive_minute_traffic.landing_views) AS landing_views,
        sum(archive_minute_traffic.landing_clicks) AS landing_clicks
    FROM tributary.archive_minute_traffic
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        ledger_day,
        quarter AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        sum(archive_sums.impressions) AS impressions,
        sum(archive_sums.bot_impressions) AS bot_impressions,
        sum(archive_sums.impression_cost) AS impression_cost,
        sum(archive_sums.clicks) AS clicks,
        sum(archive_sums.unique_clicks) AS unique_clicks,
        sum(archive_sums.landing_views) AS landing_views,
        sum(archive_sums.landing_clicks) AS landing_clicks
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt) AND ((base IN ('impressions', 'landing_clicks')) OR ((base = 'clicks') AND layout))
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
) AS parts;

CREATE TABLE tributary.schema_fills
(
    `name` String COMMENT 'What was filled: dimensions (of ledger entries, from their clicks).',
    `month` UInt32 COMMENT 'Month of received_at, UTC, as YYYYMM; 0 when all of it is done and is never looked at again.',
    `rows` UInt64 COMMENT 'How many rows were filled.',
    `gone` UInt64 COMMENT 'How many rows keep empty values, for their click is not there any more.',
    `done_at` DateTime64(3, 'UTC') COMMENT 'When it was first done, UTC.'
)
ENGINE = MergeTree
ORDER BY (name, month, done_at)
SETTINGS index_granularity = 8192
COMMENT 'What rows of before got that newer ones have from the start. Written by the migration runner.';

CREATE TABLE tributary.schema_migrations
(
    `version` UInt32 COMMENT 'Number of the migration.',
    `name` String COMMENT 'Name of its file, without number and ending.',
    `checksum` String COMMENT 'SHA-256 of its file, hex.',
    `applied_at` DateTime64(3, 'UTC') COMMENT 'When it was applied, UTC.'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version
SETTINGS index_granularity = 8192
COMMENT 'Which migrations this database has had. Written by the migration runner only.';

CREATE TABLE tributary.schema_views
(
    `name` String COMMENT 'Name of the view.',
    `checksum` String COMMENT 'SHA-256 of the statement that made it, hex.',
    `generation` UInt32 COMMENT 'Generation of the program\'s views, which goes up when one changes.',
    `applied_at` DateTime64(3, 'UTC') COMMENT 'When it was made, UTC; the newest of a name counts.'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY name
SETTINGS index_granularity = 8192
COMMENT 'Which text each view was made with; one that is the same is not made again. Written by the migration runner.';

CREATE VIEW tributary.source_quality
(
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `clicks` Int64 COMMENT 'Clicks that no block kept away.',
    `flagged_clicks` Int64 COMMENT 'Those of clicks whose score is 50 or more.',
    `flagged_clicks_share` Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    `bot_clicks` Int64 COMMENT 'Those of clicks that listed bots made.',
    `mean_click_score` Nullable(Float64) COMMENT 'sum of click scores / clicks, 0 to 100. NULL while the denominator is 0.',
    `conversions_created` Int64 COMMENT 'Conversions ever created (first ledger entries).',
    `flagged` Int64 COMMENT 'Conversions whose score is 50 or more.',
    `flagged_share` Nullable(Float64) COMMENT 'flagged / conversions_created, a fraction. NULL while the denominator is 0.',
    `mean_conversion_score` Nullable(Float64) COMMENT 'sum of scores of first ledger entries / conversions_created, 0 to 100. NULL while the denominator is 0.',
    `signals` Map(String, UInt64) COMMENT 'Findings by signal code: distinct anomaly_id in anomalies.'
)
COMMENT 'How trustworthy each source of each campaign is: shares of flagged clicks and conversions, mean scores, findings by signal.'
AS SELECT
    r.campaign_id AS campaign_id,
    r.campaign AS campaign,
    r.source_id AS source_id,
    r.source AS source,
    r.clicks AS clicks,
    r.flagged_clicks AS flagged_clicks,
    r.flagged_clicks_share AS flagged_clicks_share,
    r.bot_clicks AS bot_clicks,
    r.mean_click_score AS mean_click_score,
    r.conversions_created AS conversions_created,
    r.flagged AS flagged,
    r.flagged_share AS flagged_share,
    r.mean_conversion_score AS mean_conversion_score,
    a.signals AS signals
FROM
(
    WITH
        (
            SELECT (groupArray(run), groupArray(attempt))
            FROM tributary.archive_months
        ) AS archived,
        (
            SELECT arraySort(groupArray((id, name)))
            FROM
            (
                SELECT
                    id,
                    argMax(name, (at, name)) AS name
                FROM
                (
                    SELECT
                        toString(kind) AS kind,
                        id,
                        toString(name) AS name,
                        at
                    FROM tributary.names
                    WHERE kind = 'campaign'
                    UNION ALL
                    SELECT
                        'campaign' AS kind,
                        campaign_id AS id,
                        toString(campaign) AS name,
                        max(received_at) AS at
                    FROM tributary.clicks
                    WHERE (campaign_id != 0) AND (campaign != '')
                    GROUP BY
                        campaign_id,
                        campaign
                    UNION ALL
                    SELECT
                        'campaign' AS kind,
                        campaign_id AS id,
                        toString(campaign) AS name,
                        max(received_at) AS at
                    FROM tributary.impressions
                    WHERE (campaign_id != 0) AND (campaign != '')
                    GROUP BY
                        campaign_id,
                        campaign
                )
                GROUP BY id
            )
        ) AS names_of_campaign,
        (
            SELECT arraySort(groupArray((id, name)))
            FROM
            (
                SELECT
                    id,
                    argMax(name, (at, name)) AS name
                FROM
                (
                    SELECT
                        toString(kind) AS kind,
                        id,
                        toString(name) AS name,
                        at
                    FROM tributary.names
                    WHERE kind = 'source'
                    UNION ALL
                    SELECT
                        'source' AS kind,
                        source_id AS id,
                        toString(source) AS name,
                        max(received_at) AS at
                    FROM tributary.clicks
                    WHERE (source_id != 0) AND (source != '')
                    GROUP BY
                        source_id,
                        source
                    UNION ALL
                    SELECT
                        'source' AS kind,
                        source_id AS id,
                        toString(source) AS name,
                        max(received_at) AS at
                    FROM tributary.impressions
                    WHERE (source_id != 0) AND (source != '')
                    GROUP BY
                        source_id,
                        source
                )
                GROUP BY id
            )
        ) AS names_of_source
    SELECT
        campaign_id,
        transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(argMaxIf(said_campaign, at, said_campaign != ''))) AS campaign,
        source_id,
        transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(argMaxIf(said_source, at, said_source != ''))) AS source,
        if(source_id = 0, toString(said_source), '') AS undeclared,
        sum(part_clicks) AS clicks,
        sum(part_flagged_clicks) AS flagged_clicks,
        toFloat64(flagged_clicks) / nullIf(toFloat64(clicks), 0) AS flagged_clicks_share,
        sum(part_bot_clicks) AS bot_clicks,
        toFloat64(sum(part_click_score_sum)) / nullIf(toFloat64(clicks), 0) AS mean_click_score,
        sum(part_created) AS conversions_created,
        sum(part_flagged) AS flagged,
        toFloat64(flagged) / nullIf(toFloat64(conversions_created), 0) AS flagged_share,
        toFloat64(sum(part_created_score_sum)) / nullIf(toFloat64(conversions_created), 0) AS mean_conversion_score
    FROM
    (
        SELECT
            campaign_id,
            campaign AS said_campaign,
            source_id,
            source AS said_source,
            max(event_at) AS at,
            toInt64(countIf(NOT blocked)) AS part_clicks,
            toInt64(0) AS part_flagged,
            toInt64(countIf((score >= 50) AND (NOT blocked))) AS part_flagged_clicks,
            toInt64(0) AS part_created,
            toInt64(0) AS part_created_score_sum,
            toInt64(countIf((bot != '') AND (NOT blocked))) AS part_bot_clicks,
            toInt64(sumIf(score, NOT blocked)) AS part_click_score_sum
        FROM tributary.clicks
        WHERE NOT has(archived.1, _archived)
        GROUP BY
            campaign_id,
            said_campaign,
            source_id,
            said_source
        UNION ALL
        SELECT
            campaign_id,
            campaign AS said_campaign,
            source_id,
            source AS said_source,
            max(click_at) AS at,
            toInt64(0) AS part_clicks,
            sum(flagged_delta) AS part_flagged,
            toInt64(0) AS part_flagged_clicks,
            toInt64(countIf(kind = 'created')) AS part_created,
            toInt64(sumIf(score, kind = 'created')) AS part_created_score_sum,
            toInt64(0) AS part_bot_clicks,
            toInt64(0) AS part_click_score_sum
        FROM tributary.conversions
        WHERE NOT has(archived.1, _archived)
        GROUP BY
            campaign_id,
            said_campaign,
            source_id,
            said_source
        UNION ALL
        SELECT
            campaign_id,
            campaign AS said_campaign,
            source_id,
            source AS said_source,
            toDateTime64(max(quarter), 3, 'UTC') AS at,
            sum(archive_quarter.clicks) AS part_clicks,
            sum(archive_quarter.flagged) AS part_flagged,
            sum(archive_quarter.flagged_clicks) AS part_flagged_clicks,
            sum(archive_quarter.created) AS part_created,
            sum(archive_quarter.created_score_sum) AS part_created_score_sum,
            sum(archive_quarter.bot_clicks) AS part_bot_clicks,
            sum(archive_quarter.click_score_sum) AS part_click_score_sum
        FROM tributary.archive_quarter
        GROUP BY
            campaign_id,
            said_campaign,
            source_id,
            said_source
        UNION ALL
        SELECT
            campaign_id,
            campaign AS said_campaign,
            source_id,
            source AS said_source,
            toDateTime64(max(quarter), 3, 'UTC') AS at,
            sum(archive_sums.clicks) AS part_clicks,
            sum(archive_sums.flagged) AS part_flagged,
            sum(archive_sums.flagged_clicks) AS part_flagged_clicks,
            sum(archive_sums.created) AS part_created,
            sum(archive_sums.created_score_sum) AS part_created_score_sum,
            sum(archive_sums.bot_clicks) AS part_bot_clicks,
            sum(archive_sums.click_score_sum) AS part_click_score_sum
        FROM tributary.archive_sums
        WHERE has(archived.2, attempt)
        GROUP BY
            campaign_id,
            said_campaign,
            source_id,
            said_source
    ) AS parts
    GROUP BY
        campaign_id,
        source_id,
        if(source_id = 0, toString(said_source), '')
) AS r
LEFT JOIN
(
    SELECT
        campaign_id,
        source_id,
        undeclared,
        CAST((groupArray(signal), groupArray(findings)), 'Map(String, UInt64)') AS signals
    FROM
    (
        SELECT
            campaign_id,
            source_id,
            if(source_id = 0, toString(source), '') AS undeclared,
            toString(code) AS signal,
            uniqExact(anomaly_id) AS findings
        FROM tributary.anomalies
        GROUP BY
            campaign_id,
            source_id,
            undeclared,
            signal
        ORDER BY signal ASC
    )
    GROUP BY
        campaign_id,
        source_id,
        undeclared
) AS a ON (r.campaign_id = a.campaign_id) AND (r.source_id = a.source_id) AND (r.undeclared = a.undeclared);

CREATE VIEW tributary.totals_by_hour
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `hour` DateTime('UTC') COMMENT 'UTC hour in which the impression or the click happened.',
    `quarter` DateTime('UTC') COMMENT 'UTC quarter of an hour in which the impression or the click happened: a filter on it, on the hour or on a day of it is answered from the projections.',
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 for impressions.',
    `offer` String COMMENT 'Latest name of the offer.',
    `country` LowCardinality(String) COMMENT 'Country of the visitor.',
    `device` LowCardinality(String) COMMENT 'Device of the visitor.',
    `os` LowCardinality(String) COMMENT 'Operating system of the visitor.',
    `browser` LowCardinality(String) COMMENT 'Browser of the visitor.',
    `clicks` Int64 COMMENT 'Count of clicks that are not blocked.',
    `flagged_clicks` Int64 COMMENT 'Count of clicks that are not blocked with score >= 50.',
    `bot_clicks` Int64 COMMENT 'Count of clicks of listed bots that are not blocked.',
    `click_score_sum` Int64 COMMENT 'Sum of scores of clicks that are not blocked.',
    `cost` Decimal(38, 6) COMMENT 'Sum of cost of clicks and impressions, base currency.',
    `entries` Int64 COMMENT 'Count of ledger entries.',
    `conversions` Int64 COMMENT 'Sum of conversions_delta of entries that count: see conversions.beside_goal; never of rebills.',
    `registered` Int64 COMMENT 'Sum of registered_delta of entries that count.',
    `pending` Int64 COMMENT 'Sum of pending_delta of entries that count.',
    `approved` Int64 COMMENT 'Sum of approved_delta of entries that count.',
    `rejected` Int64 COMMENT 'Sum of rejected_delta of entries that count.',
    `chargebacks` Int64 COMMENT 'Sum of chargeback_delta of entries that count.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency.',
    `flagged` Int64 COMMENT 'Sum of flagged_delta.',
    `created` Int64 COMMENT 'Count of first ledger entries.',
    `created_score_sum` Int64 COMMENT 'Sum of scores in first ledger entries.',
    `impressions` Int64 COMMENT 'Count of impressions.',
    `bot_impressions` Int64 COMMENT 'Count of impressions by listed bots.',
    `impression_cost` Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency.',
    `unique_clicks` Int64 COMMENT 'Count of unique clicks that are not blocked.',
    `landing_views` Int64 COMMENT 'Count of clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Count of presses of landing pages\' buttons.',
    `landing_pressed` Int64 COMMENT 'Count of different clicks of which a button was pressed: those of several rows may be the same.',
    `events` Int64 COMMENT 'Sum of conversions_delta of all entries.',
    `revenue_hold_counted` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries that are not confirmed_only, base currency.',
    `events_registered` Int64 COMMENT 'Sum of registered_delta of all entries.',
    `events_pending` Int64 COMMENT 'Sum of pending_delta of all entries.',
    `events_approved` Int64 COMMENT 'Sum of approved_delta of all entries.',
    `events_rejected` Int64 COMMENT 'Sum of rejected_delta of all entries.',
    `events_chargebacks` Int64 COMMENT 'Sum of chargeback_delta of all entries.',
    `clicks_blocked` Int64 COMMENT 'Count of blocked clicks.',
    `cost_blocked` Decimal(38, 6) COMMENT 'Sum of cost of blocked clicks, base currency.',
    `clicks_shadowed` Int64 COMMENT 'Count of clicks that met a block and are not blocked.',
    `conversions_blocked` Int64 COMMENT 'Sum of conversions_delta of entries that count and whose click was blocked.',
    `approved_blocked` Int64 COMMENT 'Sum of approved_delta of entries that count and whose click was blocked.',
    `revenue_hold_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries whose click was blocked, base currency.',
    `revenue_hold_counted_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries that are not confirmed_only and whose click was blocked, base currency.',
    `revenue_confirmed_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta of entries whose click was blocked, base currency.'
)
COMMENT 'Every count and amount by quarter of an hour and all dimensions, to be summed: of the projections by_quarter of clicks, conversions, impressions and landing_clicks, and of archive_quarter, archive_quarter_traffic and archive_sums.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'offer'
                UNION ALL
                SELECT
                    'offer' AS kind,
                    offer_id AS id,
                    toString(offer) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (offer_id != 0) AND (offer != '')
                GROUP BY
                    offer_id,
                    offer
            )
            GROUP BY id
        )
    ) AS names_of_offer
SELECT * REPLACE (transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(campaign)) AS campaign, transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(source)) AS source, transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(offer)) AS offer)
FROM
(
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(event_at, toIntervalMinute(15)) AS quarter,
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
        toInt64(countIf(NOT blocked)) AS clicks,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS flagged_clicks,
        toInt64(countIf((bot != '') AND (NOT blocked))) AS bot_clicks,
        toInt64(sumIf(score, NOT blocked)) AS click_score_sum,
        sum(clicks.cost) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS unique_clicks,
        toInt64(countIf(landing_id != 0)) AS landing_views,
        toInt64(0) AS landing_clicks,
        toInt64(0) AS landing_pressed,
        toInt64(0) AS events,
        toDecimal128(0, 6) AS revenue_hold_counted,
        toInt64(0) AS events_registered,
        toInt64(0) AS events_pending,
        toInt64(0) AS events_approved,
        toInt64(0) AS events_rejected,
        toInt64(0) AS events_chargebacks,
        toInt64(countIf(blocked)) AS clicks_blocked,
        sumIf(clicks.cost, blocked) AS cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(click_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(click_at, toIntervalMinute(15)) AS quarter,
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
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        toDecimal128(0, 6) AS cost,
        toInt64(count()) AS entries,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS chargebacks,
        sum(revenue_hold_delta) AS revenue_hold,
        sum(revenue_confirmed_delta) AS revenue_confirmed,
        sum(flagged_delta) AS flagged,
        toInt64(countIf(kind = 'created')) AS created,
        toInt64(sumIf(score, kind = 'created')) AS created_score_sum,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(0) AS landing_clicks,
        toInt64(0) AS landing_pressed,
        sum(conversions_delta) AS events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS revenue_hold_counted,
        sum(registered_delta) AS events_registered,
        sum(pending_delta) AS events_pending,
        sum(approved_delta) AS events_approved,
        sum(rejected_delta) AS events_rejected,
        sum(chargeback_delta) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(event_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(event_at, toIntervalMinute(15)) AS quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        toUInt32(0) AS offer_id,
        '' AS offer,
        country,
        device,
        os,
        browser,
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        sum(impressions.cost) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum,
        toInt64(count()) AS impressions,
        toInt64(countIf(bot != '')) AS bot_impressions,
        sum(impressions.cost) AS impression_cost,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(0) AS landing_clicks,
        toInt64(0) AS landing_pressed,
        toInt64(0) AS events,
        toDecimal128(0, 6) AS revenue_hold_counted,
        toInt64(0) AS events_registered,
        toInt64(0) AS events_pending,
        toInt64(0) AS events_approved,
        toInt64(0) AS events_rejected,
        toInt64(0) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfHour(toStartOfInterval(click_at, toIntervalMinute(15))) AS hour,
        toStartOfInterval(click_at, toIntervalMinute(15)) AS quarter,
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
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        toDecimal128(0, 6) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(count()) AS landing_clicks,
        toInt64(uniqExact(click_id)) AS landing_pressed,
        toInt64(0) AS events,
        toDecimal128(0, 6) AS revenue_hold_counted,
        toInt64(0) AS events_registered,
        toInt64(0) AS events_pending,
        toInt64(0) AS events_approved,
        toInt64(0) AS events_rejected,
        toInt64(0) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        ledger_day,
        toStartOfHour(quarter) AS hour,
        quarter,
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
        sum(archive_quarter.clicks) AS clicks,
        sum(archive_quarter.flagged_clicks) AS flagged_clicks,
        sum(archive_quarter.bot_clicks) AS bot_clicks,
        sum(archive_quarter.click_score_sum) AS click_score_sum,
        sum(archive_quarter.cost) AS cost,
        sum(archive_quarter.entries) AS entries,
        sum(archive_quarter.conversions) AS conversions,
        sum(archive_quarter.registered) AS registered,
        sum(archive_quarter.pending) AS pending,
        sum(archive_quarter.approved) AS approved,
        sum(archive_quarter.rejected) AS rejected,
        sum(archive_quarter.chargebacks) AS chargebacks,
        sum(archive_quarter.revenue_hold) AS revenue_hold,
        sum(archive_quarter.revenue_confirmed) AS revenue_confirmed,
        sum(archive_quarter.flagged) AS flagged,
        sum(archive_quarter.created) AS created,
        sum(archive_quarter.created_score_sum) AS created_score_sum,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(0) AS landing_clicks,
        toInt64(0) AS landing_pressed,
        sum(archive_quarter.conversions) AS events,
        sum(archive_quarter.revenue_hold) AS revenue_hold_counted,
        sum(archive_quarter.registered) AS events_registered,
        sum(archive_quarter.pending) AS events_pending,
        sum(archive_quarter.approved) AS events_approved,
        sum(archive_quarter.rejected) AS events_rejected,
        sum(archive_quarter.chargebacks) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.archive_quarter
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        ledger_day,
        toStartOfHour(quarter) AS hour,
        quarter,
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
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        sum(archive_quarter_traffic.impression_cost) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum,
        sum(archive_quarter_traffic.impressions) AS impressions,
        sum(archive_quarter_traffic.bot_impressions) AS bot_impressions,
        sum(archive_quarter_traffic.impression_cost) AS impression_cost,
        sum(archive_quarter_traffic.unique_clicks) AS unique_clicks,
        sum(archive_quarter_traffic.landing_views) AS landing_views,
        sum(archive_quarter_traffic.landing_clicks) AS landing_clicks,
        sum(archive_quarter_traffic.landing_clicks) AS landing_pressed,
        toInt64(0) AS events,
        toDecimal128(0, 6) AS revenue_hold_counted,
        toInt64(0) AS events_registered,
        toInt64(0) AS events_pending,
        toInt64(0) AS events_approved,
        toInt64(0) AS events_rejected,
        toInt64(0) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.archive_quarter_traffic
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
    UNION ALL
    SELECT
        ledger_day,
        toStartOfHour(quarter) AS hour,
        quarter,
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
        sum(archive_sums.clicks) AS clicks,
        sum(archive_sums.flagged_clicks) AS flagged_clicks,
        sum(archive_sums.bot_clicks) AS bot_clicks,
        sum(archive_sums.click_score_sum) AS click_score_sum,
        sum(archive_sums.cost) AS cost,
        sum(archive_sums.entries) AS entries,
        sum(archive_sums.conversions) AS conversions,
        sum(archive_sums.registered) AS registered,
        sum(archive_sums.pending) AS pending,
        sum(archive_sums.approved) AS approved,
        sum(archive_sums.rejected) AS rejected,
        sum(archive_sums.chargebacks) AS chargebacks,
        sum(archive_sums.revenue_hold) AS revenue_hold,
        sum(archive_sums.revenue_confirmed) AS revenue_confirmed,
        sum(archive_sums.flagged) AS flagged,
        sum(archive_sums.created) AS created,
        sum(archive_sums.created_score_sum) AS created_score_sum,
        sum(archive_sums.impressions) AS impressions,
        sum(archive_sums.bot_impressions) AS bot_impressions,
        sum(archive_sums.impression_cost) AS impression_cost,
        sum(archive_sums.unique_clicks) AS unique_clicks,
        sum(archive_sums.landing_views) AS landing_views,
        sum(archive_sums.landing_clicks) AS landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS landing_pressed,
        sum(archive_sums.events) AS events,
        sum(archive_sums.revenue_hold_counted) AS revenue_hold_counted,
        sum(archive_sums.events_registered) AS events_registered,
        sum(archive_sums.events_pending) AS events_pending,
        sum(archive_sums.events_approved) AS events_approved,
        sum(archive_sums.events_rejected) AS events_rejected,
        sum(archive_sums.events_chargebacks) AS events_chargebacks,
        sum(archive_sums.clicks_blocked) AS clicks_blocked,
        sum(archive_sums.cost_blocked) AS cost_blocked,
        sum(archive_sums.clicks_shadowed) AS clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS conversions_blocked,
        sum(archive_sums.approved_blocked) AS approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        ledger_day,
        hour,
        quarter,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        os,
        browser
) AS parts;

CREATE VIEW tributary.totals_by_minute
(
    `ledger_day` Date COMMENT 'UTC day of received_at of the rows behind it.',
    `minute` DateTime('UTC') COMMENT 'UTC minute in which the impression or the click happened.',
    `campaign_id` UInt32 COMMENT 'Campaign number.',
    `campaign` String COMMENT 'Latest name of the campaign.',
    `source_id` UInt32 COMMENT 'Source number; 0 when undeclared.',
    `source` String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    `offer_id` UInt32 COMMENT 'Offer number; 0 for impressions.',
    `offer` String COMMENT 'Latest name of the offer.',
    `country` LowCardinality(String) COMMENT 'Country of the visitor.',
    `device` LowCardinality(String) COMMENT 'Device of the visitor.',
    `clicks` Int64 COMMENT 'Count of clicks that are not blocked.',
    `flagged_clicks` Int64 COMMENT 'Count of clicks that are not blocked with score >= 50.',
    `bot_clicks` Int64 COMMENT 'Count of clicks of listed bots that are not blocked.',
    `click_score_sum` Int64 COMMENT 'Sum of scores of clicks that are not blocked.',
    `cost` Decimal(38, 6) COMMENT 'Sum of cost of clicks and impressions, base currency.',
    `entries` Int64 COMMENT 'Count of ledger entries.',
    `conversions` Int64 COMMENT 'Sum of conversions_delta of entries that count: see conversions.beside_goal; never of rebills.',
    `registered` Int64 COMMENT 'Sum of registered_delta of entries that count.',
    `pending` Int64 COMMENT 'Sum of pending_delta of entries that count.',
    `approved` Int64 COMMENT 'Sum of approved_delta of entries that count.',
    `rejected` Int64 COMMENT 'Sum of rejected_delta of entries that count.',
    `chargebacks` Int64 COMMENT 'Sum of chargeback_delta of entries that count.',
    `revenue_hold` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta, base currency.',
    `revenue_confirmed` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta, base currency.',
    `flagged` Int64 COMMENT 'Sum of flagged_delta.',
    `created` Int64 COMMENT 'Count of first ledger entries.',
    `created_score_sum` Int64 COMMENT 'Sum of scores in first ledger entries.',
    `impressions` Int64 COMMENT 'Count of impressions.',
    `bot_impressions` Int64 COMMENT 'Count of impressions by listed bots.',
    `impression_cost` Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency.',
    `unique_clicks` Int64 COMMENT 'Count of unique clicks that are not blocked.',
    `landing_views` Int64 COMMENT 'Count of clicks that were sent to a landing page.',
    `landing_clicks` Int64 COMMENT 'Count of presses of landing pages\' buttons.',
    `landing_pressed` Int64 COMMENT 'Count of different clicks of which a button was pressed: those of several rows may be the same.',
    `events` Int64 COMMENT 'Sum of conversions_delta of all entries.',
    `revenue_hold_counted` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries that are not confirmed_only, base currency.',
    `events_registered` Int64 COMMENT 'Sum of registered_delta of all entries.',
    `events_pending` Int64 COMMENT 'Sum of pending_delta of all entries.',
    `events_approved` Int64 COMMENT 'Sum of approved_delta of all entries.',
    `events_rejected` Int64 COMMENT 'Sum of rejected_delta of all entries.',
    `events_chargebacks` Int64 COMMENT 'Sum of chargeback_delta of all entries.',
    `clicks_blocked` Int64 COMMENT 'Count of blocked clicks.',
    `cost_blocked` Decimal(38, 6) COMMENT 'Sum of cost of blocked clicks, base currency.',
    `clicks_shadowed` Int64 COMMENT 'Count of clicks that met a block and are not blocked.',
    `conversions_blocked` Int64 COMMENT 'Sum of conversions_delta of entries that count and whose click was blocked.',
    `approved_blocked` Int64 COMMENT 'Sum of approved_delta of entries that count and whose click was blocked.',
    `revenue_hold_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries whose click was blocked, base currency.',
    `revenue_hold_counted_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_hold_delta of entries that are not confirmed_only and whose click was blocked, base currency.',
    `revenue_confirmed_blocked` Decimal(38, 6) COMMENT 'Sum of revenue_confirmed_delta of entries whose click was blocked, base currency.'
)
COMMENT 'Every count and amount by minute and all dimensions, to be summed: of the rows of clicks, conversions, impressions and landing_clicks, and of archive_minute, archive_minute_traffic and archive_sums.'
AS WITH
    (
        SELECT (groupArray(run), groupArray(attempt))
        FROM tributary.archive_months
    ) AS archived,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'campaign'
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
                UNION ALL
                SELECT
                    'campaign' AS kind,
                    campaign_id AS id,
                    toString(campaign) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (campaign_id != 0) AND (campaign != '')
                GROUP BY
                    campaign_id,
                    campaign
            )
            GROUP BY id
        )
    ) AS names_of_campaign,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'source'
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
                UNION ALL
                SELECT
                    'source' AS kind,
                    source_id AS id,
                    toString(source) AS name,
                    max(received_at) AS at
                FROM tributary.impressions
                WHERE (source_id != 0) AND (source != '')
                GROUP BY
                    source_id,
                    source
            )
            GROUP BY id
        )
    ) AS names_of_source,
    (
        SELECT arraySort(groupArray((id, name)))
        FROM
        (
            SELECT
                id,
                argMax(name, (at, name)) AS name
            FROM
            (
                SELECT
                    toString(kind) AS kind,
                    id,
                    toString(name) AS name,
                    at
                FROM tributary.names
                WHERE kind = 'offer'
                UNION ALL
                SELECT
                    'offer' AS kind,
                    offer_id AS id,
                    toString(offer) AS name,
                    max(received_at) AS at
                FROM tributary.clicks
                WHERE (offer_id != 0) AND (offer != '')
                GROUP BY
                    offer_id,
                    offer
            )
            GROUP BY id
        )
    ) AS names_of_offer
SELECT * REPLACE (transform(campaign_id, tupleElement(names_of_campaign, 1), tupleElement(names_of_campaign, 2), toString(campaign)) AS campaign, transform(source_id, tupleElement(names_of_source, 1), tupleElement(names_of_source, 2), toString(source)) AS source, transform(offer_id, tupleElement(names_of_offer, 1), tupleElement(names_of_offer, 2), toString(offer)) AS offer)
FROM
(
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(event_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        toInt64(countIf(NOT blocked)) AS clicks,
        toInt64(countIf((score >= 50) AND (NOT blocked))) AS flagged_clicks,
        toInt64(countIf((bot != '') AND (NOT blocked))) AS bot_clicks,
        toInt64(sumIf(score, NOT blocked)) AS click_score_sum,
        sum(clicks.cost) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(countIf(unique AND (NOT blocked))) AS unique_clicks,
        toInt64(countIf(landing_id != 0)) AS landing_views,
        toInt64(0) AS landing_clicks,
        toInt64(0) AS landing_pressed,
        toInt64(0) AS events,
        toDecimal128(0, 6) AS revenue_hold_counted,
        toInt64(0) AS events_registered,
        toInt64(0) AS events_pending,
        toInt64(0) AS events_approved,
        toInt64(0) AS events_rejected,
        toInt64(0) AS events_chargebacks,
        toInt64(countIf(blocked)) AS clicks_blocked,
        sumIf(clicks.cost, blocked) AS cost_blocked,
        toInt64(countIf((block != '') AND (NOT blocked))) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.clicks
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(click_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        toDecimal128(0, 6) AS cost,
        toInt64(count()) AS entries,
        sumIf(conversions_delta, (NOT beside_goal) AND (event != 'rebill')) AS conversions,
        sumIf(registered_delta, (NOT beside_goal) AND (event != 'rebill')) AS registered,
        sumIf(pending_delta, (NOT beside_goal) AND (event != 'rebill')) AS pending,
        sumIf(approved_delta, (NOT beside_goal) AND (event != 'rebill')) AS approved,
        sumIf(rejected_delta, (NOT beside_goal) AND (event != 'rebill')) AS rejected,
        sumIf(chargeback_delta, (NOT beside_goal) AND (event != 'rebill')) AS chargebacks,
        sum(revenue_hold_delta) AS revenue_hold,
        sum(revenue_confirmed_delta) AS revenue_confirmed,
        sum(flagged_delta) AS flagged,
        toInt64(countIf(kind = 'created')) AS created,
        toInt64(sumIf(score, kind = 'created')) AS created_score_sum,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(0) AS landing_clicks,
        toInt64(0) AS landing_pressed,
        sum(conversions_delta) AS events,
        sumIf(revenue_hold_delta, NOT confirmed_only) AS revenue_hold_counted,
        sum(registered_delta) AS events_registered,
        sum(pending_delta) AS events_pending,
        sum(approved_delta) AS events_approved,
        sum(rejected_delta) AS events_rejected,
        sum(chargeback_delta) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        sumIf(conversions_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS conversions_blocked,
        sumIf(approved_delta, blocked AND (NOT beside_goal) AND (event != 'rebill')) AS approved_blocked,
        sumIf(revenue_hold_delta, blocked) AS revenue_hold_blocked,
        sumIf(revenue_hold_delta, blocked AND (NOT confirmed_only)) AS revenue_hold_counted_blocked,
        sumIf(revenue_confirmed_delta, blocked) AS revenue_confirmed_blocked
    FROM tributary.conversions
    WHERE NOT has(archived.1, _archived)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(event_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        toUInt32(0) AS offer_id,
        '' AS offer,
        country,
        device,
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        sum(impressions.cost) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum,
        toInt64(count()) AS impressions,
        toInt64(countIf(bot != '')) AS bot_impressions,
        sum(impressions.cost) AS impression_cost,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(0) AS landing_clicks,
        toInt64(0) AS landing_pressed,
        toInt64(0) AS events,
        toDecimal128(0, 6) AS revenue_hold_counted,
        toInt64(0) AS events_registered,
        toInt64(0) AS events_pending,
        toInt64(0) AS events_approved,
        toInt64(0) AS events_rejected,
        toInt64(0) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.impressions
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        country,
        device
    UNION ALL
    SELECT
        toDate(received_at) AS ledger_day,
        toStartOfMinute(click_at) AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        toDecimal128(0, 6) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(count()) AS landing_clicks,
        toInt64(uniqExact(click_id)) AS landing_pressed,
        toInt64(0) AS events,
        toDecimal128(0, 6) AS revenue_hold_counted,
        toInt64(0) AS events_registered,
        toInt64(0) AS events_pending,
        toInt64(0) AS events_approved,
        toInt64(0) AS events_rejected,
        toInt64(0) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.landing_clicks
    WHERE (NOT has(archived.1, _archived)) AND (NOT copy)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        sum(archive_minute.clicks) AS clicks,
        sum(archive_minute.flagged_clicks) AS flagged_clicks,
        sum(archive_minute.bot_clicks) AS bot_clicks,
        sum(archive_minute.click_score_sum) AS click_score_sum,
        sum(archive_minute.cost) AS cost,
        sum(archive_minute.entries) AS entries,
        sum(archive_minute.conversions) AS conversions,
        sum(archive_minute.registered) AS registered,
        sum(archive_minute.pending) AS pending,
        sum(archive_minute.approved) AS approved,
        sum(archive_minute.rejected) AS rejected,
        sum(archive_minute.chargebacks) AS chargebacks,
        sum(archive_minute.revenue_hold) AS revenue_hold,
        sum(archive_minute.revenue_confirmed) AS revenue_confirmed,
        sum(archive_minute.flagged) AS flagged,
        sum(archive_minute.created) AS created,
        sum(archive_minute.created_score_sum) AS created_score_sum,
        toInt64(0) AS impressions,
        toInt64(0) AS bot_impressions,
        toDecimal128(0, 6) AS impression_cost,
        toInt64(0) AS unique_clicks,
        toInt64(0) AS landing_views,
        toInt64(0) AS landing_clicks,
        toInt64(0) AS landing_pressed,
        sum(archive_minute.conversions) AS events,
        sum(archive_minute.revenue_hold) AS revenue_hold_counted,
        sum(archive_minute.registered) AS events_registered,
        sum(archive_minute.pending) AS events_pending,
        sum(archive_minute.approved) AS events_approved,
        sum(archive_minute.rejected) AS events_rejected,
        sum(archive_minute.chargebacks) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.archive_minute
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        toInt64(0) AS clicks,
        toInt64(0) AS flagged_clicks,
        toInt64(0) AS bot_clicks,
        toInt64(0) AS click_score_sum,
        sum(archive_minute_traffic.impression_cost) AS cost,
        toInt64(0) AS entries,
        toInt64(0) AS conversions,
        toInt64(0) AS registered,
        toInt64(0) AS pending,
        toInt64(0) AS approved,
        toInt64(0) AS rejected,
        toInt64(0) AS chargebacks,
        toDecimal128(0, 6) AS revenue_hold,
        toDecimal128(0, 6) AS revenue_confirmed,
        toInt64(0) AS flagged,
        toInt64(0) AS created,
        toInt64(0) AS created_score_sum,
        sum(archive_minute_traffic.impressions) AS impressions,
        sum(archive_minute_traffic.bot_impressions) AS bot_impressions,
        sum(archive_minute_traffic.impression_cost) AS impression_cost,
        sum(archive_minute_traffic.unique_clicks) AS unique_clicks,
        sum(archive_minute_traffic.landing_views) AS landing_views,
        sum(archive_minute_traffic.landing_clicks) AS landing_clicks,
        sum(archive_minute_traffic.landing_clicks) AS landing_pressed,
        toInt64(0) AS events,
        toDecimal128(0, 6) AS revenue_hold_counted,
        toInt64(0) AS events_registered,
        toInt64(0) AS events_pending,
        toInt64(0) AS events_approved,
        toInt64(0) AS events_rejected,
        toInt64(0) AS events_chargebacks,
        toInt64(0) AS clicks_blocked,
        toDecimal128(0, 6) AS cost_blocked,
        toInt64(0) AS clicks_shadowed,
        toInt64(0) AS conversions_blocked,
        toInt64(0) AS approved_blocked,
        toDecimal128(0, 6) AS revenue_hold_blocked,
        toDecimal128(0, 6) AS revenue_hold_counted_blocked,
        toDecimal128(0, 6) AS revenue_confirmed_blocked
    FROM tributary.archive_minute_traffic
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
    UNION ALL
    SELECT
        ledger_day,
        quarter AS minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device,
        sum(archive_sums.clicks) AS clicks,
        sum(archive_sums.flagged_clicks) AS flagged_clicks,
        sum(archive_sums.bot_clicks) AS bot_clicks,
        sum(archive_sums.click_score_sum) AS click_score_sum,
        sum(archive_sums.cost) AS cost,
        sum(archive_sums.entries) AS entries,
        sum(archive_sums.conversions) AS conversions,
        sum(archive_sums.registered) AS registered,
        sum(archive_sums.pending) AS pending,
        sum(archive_sums.approved) AS approved,
        sum(archive_sums.rejected) AS rejected,
        sum(archive_sums.chargebacks) AS chargebacks,
        sum(archive_sums.revenue_hold) AS revenue_hold,
        sum(archive_sums.revenue_confirmed) AS revenue_confirmed,
        sum(archive_sums.flagged) AS flagged,
        sum(archive_sums.created) AS created,
        sum(archive_sums.created_score_sum) AS created_score_sum,
        sum(archive_sums.impressions) AS impressions,
        sum(archive_sums.bot_impressions) AS bot_impressions,
        sum(archive_sums.impression_cost) AS impression_cost,
        sum(archive_sums.unique_clicks) AS unique_clicks,
        sum(archive_sums.landing_views) AS landing_views,
        sum(archive_sums.landing_clicks) AS landing_clicks,
        toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS landing_pressed,
        sum(archive_sums.events) AS events,
        sum(archive_sums.revenue_hold_counted) AS revenue_hold_counted,
        sum(archive_sums.events_registered) AS events_registered,
        sum(archive_sums.events_pending) AS events_pending,
        sum(archive_sums.events_approved) AS events_approved,
        sum(archive_sums.events_rejected) AS events_rejected,
        sum(archive_sums.events_chargebacks) AS events_chargebacks,
        sum(archive_sums.clicks_blocked) AS clicks_blocked,
        sum(archive_sums.cost_blocked) AS cost_blocked,
        sum(archive_sums.clicks_shadowed) AS clicks_shadowed,
        sum(archive_sums.conversions_blocked) AS conversions_blocked,
        sum(archive_sums.approved_blocked) AS approved_blocked,
        sum(archive_sums.revenue_hold_blocked) AS revenue_hold_blocked,
        sum(archive_sums.revenue_hold_counted_blocked) AS revenue_hold_counted_blocked,
        sum(archive_sums.revenue_confirmed_blocked) AS revenue_confirmed_blocked
    FROM tributary.archive_sums
    WHERE has(archived.2, attempt)
    GROUP BY
        ledger_day,
        minute,
        campaign_id,
        campaign,
        source_id,
        source,
        offer_id,
        offer,
        country,
        device
) AS parts;

