CREATE TABLE IF NOT EXISTS {database}.names
(
    kind LowCardinality(String) COMMENT 'campaign, source, offer or landing.',
    id UInt32 COMMENT 'Its number in the catalog.',
    name LowCardinality(String) COMMENT 'A name that it has, or had.',
    at DateTime64(3, 'UTC') COMMENT 'When it last had this name, UTC: received_at of the newest click or impression that came under it.' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (kind, id, name)
COMMENT 'Names by number: all that campaigns, sources, offers and landing pages have had. Views show the latest (latest_names); rows keep the one of their time.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.names_from_clicks TO {database}.names
(
    kind LowCardinality(String) COMMENT 'campaign, source, offer or landing.',
    id UInt32 COMMENT 'Its number in the catalog.',
    name LowCardinality(String) COMMENT 'Its name.',
    at DateTime64(3, 'UTC') COMMENT 'When it last had this name, UTC.'
)
AS SELECT
    named.1 AS kind,
    named.2 AS id,
    named.3 AS name,
    max(newest) AS at
FROM
(
    SELECT campaign_id, campaign, source_id, source, offer_id, offer, landing_id, landing, max(received_at) AS newest
    FROM {database}.clicks
    GROUP BY campaign_id, campaign, source_id, source, offer_id, offer, landing_id, landing
) AS groups
ARRAY JOIN [('campaign', campaign_id, toString(campaign)), ('source', source_id, toString(source)), ('offer', offer_id, toString(offer)), ('landing', landing_id, toString(landing))] AS named
WHERE named.2 != 0 AND named.3 != ''
GROUP BY kind, id, name
COMMENT 'Feeds names from every insert into clicks; holds no data of its own. A block that comes twice changes nothing.';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.names_from_impressions TO {database}.names
(
    kind LowCardinality(String) COMMENT 'campaign, source, offer or landing.',
    id UInt32 COMMENT 'Its number in the catalog.',
    name LowCardinality(String) COMMENT 'Its name.',
    at DateTime64(3, 'UTC') COMMENT 'When it last had this name, UTC.'
)
AS SELECT
    named.1 AS kind,
    named.2 AS id,
    named.3 AS name,
    max(newest) AS at
FROM
(
    SELECT campaign_id, campaign, source_id, source, max(received_at) AS newest
    FROM {database}.impressions
    GROUP BY campaign_id, campaign, source_id, source
) AS groups
ARRAY JOIN [('campaign', campaign_id, toString(campaign)), ('source', source_id, toString(source))] AS named
WHERE named.2 != 0 AND named.3 != ''
GROUP BY kind, id, name
COMMENT 'Feeds names from every insert into impressions; holds no data of its own. A block that comes twice changes nothing.';

INSERT INTO {database}.names (kind, id, name, at) SETTINGS async_insert = 0 SELECT
    named.1 AS kind,
    named.2 AS id,
    named.3 AS name,
    max(newest) AS at
FROM
(
    SELECT campaign_id, campaign, source_id, source, offer_id, offer, landing_id, landing, max(received_at) AS newest
    FROM {database}.clicks
    GROUP BY campaign_id, campaign, source_id, source, offer_id, offer, landing_id, landing
) AS groups
ARRAY JOIN [('campaign', campaign_id, toString(campaign)), ('source', source_id, toString(source)), ('offer', offer_id, toString(offer)), ('landing', landing_id, toString(landing))] AS named
WHERE named.2 != 0 AND named.3 != ''
GROUP BY kind, id, name;

INSERT INTO {database}.names (kind, id, name, at) SETTINGS async_insert = 0 SELECT
    named.1 AS kind,
    named.2 AS id,
    named.3 AS name,
    max(newest) AS at
FROM
(
    SELECT campaign_id, campaign, source_id, source, max(received_at) AS newest
    FROM {database}.impressions
    GROUP BY campaign_id, campaign, source_id, source
) AS groups
ARRAY JOIN [('campaign', campaign_id, toString(campaign)), ('source', source_id, toString(source))] AS named
WHERE named.2 != 0 AND named.3 != ''
GROUP BY kind, id, name;

INSERT INTO {database}.names (kind, id, name, at) SETTINGS async_insert = 0 SELECT
    named.1 AS kind,
    named.2 AS id,
    named.3 AS name,
    max(newest) AS at
FROM
(
    SELECT campaign_id, campaign, source_id, source, offer_id, offer, toDateTime64(max(quarter), 3) AS newest
    FROM {database}.archive_quarter
    GROUP BY campaign_id, campaign, source_id, source, offer_id, offer
) AS groups
ARRAY JOIN [('campaign', campaign_id, toString(campaign)), ('source', source_id, toString(source)), ('offer', offer_id, toString(offer))] AS named
WHERE named.2 != 0 AND named.3 != ''
GROUP BY kind, id, name;

INSERT INTO {database}.names (kind, id, name, at) SETTINGS async_insert = 0 SELECT
    named.1 AS kind,
    named.2 AS id,
    named.3 AS name,
    max(newest) AS at
FROM
(
    SELECT campaign_id, campaign, source_id, source, offer_id, offer, toDateTime64(max(quarter), 3) AS newest
    FROM {database}.archive_quarter_traffic
    GROUP BY campaign_id, campaign, source_id, source, offer_id, offer
) AS groups
ARRAY JOIN [('campaign', campaign_id, toString(campaign)), ('source', source_id, toString(source)), ('offer', offer_id, toString(offer))] AS named
WHERE named.2 != 0 AND named.3 != ''
GROUP BY kind, id, name;

CREATE OR REPLACE VIEW {database}.latest_names
(
    kind String COMMENT 'campaign, source, offer or landing.',
    id UInt32 COMMENT 'Its number in the catalog.',
    name String COMMENT 'Its latest name.'
)
AS SELECT
    kind,
    id,
    argMax(name, (at, name)) AS name
FROM {database}.names
GROUP BY kind, id
COMMENT 'The latest name of each campaign, source, offer and landing page, one row each: what every view shows beside a number.';

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
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number of the click; 0 when undeclared.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    offer_id UInt32 COMMENT 'Offer number of the click; 0 when its click was not found.',
    offer String COMMENT 'Latest name of the offer.',
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
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source,
    transform(offer_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 2), toString(offer)) AS offer)
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
    FROM {database}.conversions AS c
    GROUP BY c.conversion_id
) AS named
COMMENT 'State of each conversion and each correction now, one row each: its ledger entries folded.';

CREATE OR REPLACE VIEW {database}.totals_by_minute
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    minute DateTime('UTC') COMMENT 'UTC minute in which the impression or the click happened.',
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    offer_id UInt32 COMMENT 'Offer number; 0 for impressions.',
    offer String COMMENT 'Latest name of the offer.',
    country LowCardinality(String) COMMENT 'Country of the visitor.',
    device LowCardinality(String) COMMENT 'Device of the visitor.',
    clicks Int64 COMMENT 'Count of clicks.',
    flagged_clicks Int64 COMMENT 'Count of clicks with score >= 50.',
    bot_clicks Int64 COMMENT 'Count of clicks of listed bots.',
    click_score_sum Int64 COMMENT 'Sum of scores of clicks.',
    cost Decimal(38, 6) COMMENT 'Sum of cost of clicks and impressions, base currency.',
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
    created_score_sum Int64 COMMENT 'Sum of scores in first ledger entries.',
    impressions Int64 COMMENT 'Count of impressions.',
    bot_impressions Int64 COMMENT 'Count of impressions by listed bots.',
    impression_cost Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency.',
    unique_clicks Int64 COMMENT 'Count of unique clicks.',
    landing_views Int64 COMMENT 'Count of clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Count of presses of landing pages\' buttons.'
)
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source,
    transform(offer_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 2), toString(offer)) AS offer)
FROM
(
    SELECT *
    FROM
    (
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(event_at) AS minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            toInt64(count()) AS clicks, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(countIf(bot != '')) AS bot_clicks, toInt64(sum(score)) AS click_score_sum, sum(clicks.cost) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum, toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.clicks
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(click_at) AS minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, toDecimal128(0, 6) AS cost, toInt64(count()) AS entries, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, sum(flagged_delta) AS flagged, toInt64(countIf(kind = 'created')) AS created, toInt64(sumIf(score, kind = 'created')) AS created_score_sum, toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.conversions
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(event_at) AS minute, campaign_id, campaign, source_id, source, toUInt32(0) AS offer_id, '' AS offer, country, device,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, sum(impressions.cost) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum, toInt64(count()) AS impressions, toInt64(countIf(bot != '')) AS bot_impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.impressions
        WHERE NOT copy
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, country, device
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(click_at) AS minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, toDecimal128(0, 6) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum, toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
        FROM {database}.landing_clicks
        WHERE NOT copy
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
        UNION ALL
        SELECT
            ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            sum(archive_minute.clicks) AS clicks, sum(archive_minute.flagged_clicks) AS flagged_clicks, sum(archive_minute.bot_clicks) AS bot_clicks, sum(archive_minute.click_score_sum) AS click_score_sum, sum(archive_minute.cost) AS cost, sum(archive_minute.entries) AS entries, sum(archive_minute.conversions) AS conversions, sum(archive_minute.registered) AS registered, sum(archive_minute.pending) AS pending, sum(archive_minute.approved) AS approved, sum(archive_minute.rejected) AS rejected, sum(archive_minute.chargebacks) AS chargebacks, sum(archive_minute.revenue_hold) AS revenue_hold, sum(archive_minute.revenue_confirmed) AS revenue_confirmed, sum(archive_minute.flagged) AS flagged, sum(archive_minute.created) AS created, sum(archive_minute.created_score_sum) AS created_score_sum, toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.archive_minute
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
        UNION ALL
        SELECT
            ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, sum(archive_minute_traffic.impression_cost) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum, sum(archive_minute_traffic.impressions) AS impressions, sum(archive_minute_traffic.bot_impressions) AS bot_impressions, sum(archive_minute_traffic.impression_cost) AS impression_cost, sum(archive_minute_traffic.unique_clicks) AS unique_clicks, sum(archive_minute_traffic.landing_views) AS landing_views, sum(archive_minute_traffic.landing_clicks) AS landing_clicks
        FROM {database}.archive_minute_traffic
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
    ) AS parts
) AS named
COMMENT 'Every count and amount by minute and all dimensions, to be summed: of the rows of clicks, conversions, impressions and landing_clicks, and of archive_minute and archive_minute_traffic.';

CREATE OR REPLACE VIEW {database}.totals_by_hour
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    hour DateTime('UTC') COMMENT 'UTC hour in which the impression or the click happened.',
    quarter DateTime('UTC') COMMENT 'UTC quarter of an hour in which the impression or the click happened: a filter on it, on the hour or on a day of it is answered from the projections.',
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    offer_id UInt32 COMMENT 'Offer number; 0 for impressions.',
    offer String COMMENT 'Latest name of the offer.',
    country LowCardinality(String) COMMENT 'Country of the visitor.',
    device LowCardinality(String) COMMENT 'Device of the visitor.',
    os LowCardinality(String) COMMENT 'Operating system of the visitor.',
    browser LowCardinality(String) COMMENT 'Browser of the visitor.',
    clicks Int64 COMMENT 'Count of clicks.',
    flagged_clicks Int64 COMMENT 'Count of clicks with score >= 50.',
    bot_clicks Int64 COMMENT 'Count of clicks of listed bots.',
    click_score_sum Int64 COMMENT 'Sum of scores of clicks.',
    cost Decimal(38, 6) COMMENT 'Sum of cost of clicks and impressions, base currency.',
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
    created_score_sum Int64 COMMENT 'Sum of scores in first ledger entries.',
    impressions Int64 COMMENT 'Count of impressions.',
    bot_impressions Int64 COMMENT 'Count of impressions by listed bots.',
    impression_cost Decimal(38, 6) COMMENT 'Sum of cost of impressions, base currency.',
    unique_clicks Int64 COMMENT 'Count of unique clicks.',
    landing_views Int64 COMMENT 'Count of clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Count of presses of landing pages\' buttons.'
)
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source,
    transform(offer_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 2), toString(offer)) AS offer)
FROM
(
    SELECT *
    FROM
    (
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(event_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            toInt64(count()) AS clicks, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(countIf(bot != '')) AS bot_clicks, toInt64(sum(score)) AS click_score_sum, sum(clicks.cost) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum, toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.clicks
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(click_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, toDecimal128(0, 6) AS cost, toInt64(count()) AS entries, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, sum(flagged_delta) AS flagged, toInt64(countIf(kind = 'created')) AS created, toInt64(sumIf(score, kind = 'created')) AS created_score_sum, toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.conversions
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(event_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, toUInt32(0) AS offer_id, '' AS offer, country, device, os, browser,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, sum(impressions.cost) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum, toInt64(count()) AS impressions, toInt64(countIf(bot != '')) AS bot_impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.impressions
        WHERE NOT copy
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, country, device, os, browser
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(click_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, toDecimal128(0, 6) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum, toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
        FROM {database}.landing_clicks
        WHERE NOT copy
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
        UNION ALL
        SELECT
            ledger_day, toStartOfHour(quarter) AS hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.bot_clicks) AS bot_clicks, sum(archive_quarter.click_score_sum) AS click_score_sum, sum(archive_quarter.cost) AS cost, sum(archive_quarter.entries) AS entries, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.created) AS created, sum(archive_quarter.created_score_sum) AS created_score_sum, toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.archive_quarter
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
        UNION ALL
        SELECT
            ledger_day, toStartOfHour(quarter) AS hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.bot_impressions) AS bot_impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
        FROM {database}.archive_quarter_traffic
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
    ) AS parts
) AS named
COMMENT 'Every count and amount by quarter of an hour and all dimensions, to be summed: of the projections by_quarter of clicks, conversions, impressions and landing_clicks, and of archive_quarter and archive_quarter_traffic.';

CREATE OR REPLACE VIEW {database}.epc_roi_by_campaign
(
    campaign_id UInt32 COMMENT 'Campaign number of the catalog.',
    campaign String COMMENT 'Latest name of the campaign.',
    clicks Int64 COMMENT 'Clicks.',
    conversions Int64 COMMENT 'Conversions that are registered, pending or approved now.',
    registered Int64 COMMENT 'Conversions in status registered.',
    pending Int64 COMMENT 'Conversions in status pending.',
    approved Int64 COMMENT 'Conversions in status approved.',
    rejected Int64 COMMENT 'Conversions in status rejected.',
    chargebacks Int64 COMMENT 'Conversions in status chargeback.',
    revenue_hold Decimal(38, 6) COMMENT 'Payouts of pending conversions, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'Payouts of approved conversions, base currency.',
    revenue Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency.',
    cost Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, base currency.',
    profit Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    epc Nullable(Float64) COMMENT 'Earnings per click: (revenue_hold + revenue_confirmed) / clicks, base currency. NULL while the denominator is 0.',
    epc_confirmed Nullable(Float64) COMMENT 'revenue_confirmed / clicks, base currency. NULL while the denominator is 0.',
    cpc Nullable(Float64) COMMENT 'Cost per click: cost / clicks, base currency. NULL while the denominator is 0.',
    cr Nullable(Float64) COMMENT 'Conversion rate: conversions / clicks, a fraction. NULL while the denominator is 0.',
    cr_confirmed Nullable(Float64) COMMENT 'approved / clicks, a fraction. NULL while the denominator is 0.',
    ar Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    roi Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    roi_confirmed Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    roas Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    rpm Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: revenue / clicks * 1000. NULL while the denominator is 0.',
    ap Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    impressions Int64 COMMENT 'Impressions.',
    impression_cost Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    ctr Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    cpm Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    ecpm Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    unique_clicks Int64 COMMENT 'Clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    uepc Nullable(Float64) COMMENT 'Earnings per unique click: revenue / unique_clicks, base currency. NULL while the denominator is 0.',
    landing_views Int64 COMMENT 'Clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Presses of landing pages\' buttons.',
    lp_ctr Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_clicks / landing_views, a fraction. NULL while the denominator is 0.'
)
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign)
FROM
(
    SELECT
        d_campaign_id AS campaign_id,
        d_campaign AS campaign,
        s_clicks AS clicks,
        s_conversions AS conversions,
        s_registered AS registered,
        s_pending AS pending,
        s_approved AS approved,
        s_rejected AS rejected,
        s_chargebacks AS chargebacks,
        s_revenue_hold AS revenue_hold,
        s_revenue_confirmed AS revenue_confirmed,
        s_revenue_hold + s_revenue_confirmed AS revenue,
        s_cost AS cost,
        s_revenue_hold + s_revenue_confirmed - s_cost AS profit,
        if(s_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_clicks)) AS epc,
        if(s_clicks = 0, NULL, toFloat64(s_revenue_confirmed) / toFloat64(s_clicks)) AS epc_confirmed,
        if(s_clicks = 0, NULL, toFloat64(s_cost) / toFloat64(s_clicks)) AS cpc,
        if(s_clicks = 0, NULL, toFloat64(s_conversions) / toFloat64(s_clicks)) AS cr,
        if(s_clicks = 0, NULL, toFloat64(s_approved) / toFloat64(s_clicks)) AS cr_confirmed,
        if((s_approved + s_rejected + s_pending) = 0, NULL, toFloat64(s_approved) / toFloat64((s_approved + s_rejected + s_pending))) AS ar,
        if(s_cost = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) - s_cost)) / toFloat64(s_cost)) AS roi,
        if(s_cost = 0, NULL, toFloat64((s_revenue_confirmed - s_cost)) / toFloat64(s_cost)) AS roi_confirmed,
        if(s_cost = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_cost)) AS roas,
        if(s_clicks = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_clicks)) AS rpm,
        if(s_conversions = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_conversions)) AS ap,
        s_flagged AS flagged,
        if(s_created = 0, NULL, toFloat64(s_flagged) / toFloat64(s_created)) AS flagged_share,
        s_flagged_clicks AS flagged_clicks,
        if(s_clicks = 0, NULL, toFloat64(s_flagged_clicks) / toFloat64(s_clicks)) AS flagged_clicks_share,
        s_impressions AS impressions,
        s_impression_cost AS impression_cost,
        if(s_impressions = 0, NULL, toFloat64(s_clicks) / toFloat64(s_impressions)) AS ctr,
        if(s_impressions = 0, NULL, toFloat64((s_cost * 1000)) / toFloat64(s_impressions)) AS cpm,
        if(s_impressions = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_impressions)) AS ecpm,
        s_unique_clicks AS unique_clicks,
        if(s_unique_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_unique_clicks)) AS uepc,
        s_landing_views AS landing_views,
        s_landing_clicks AS landing_clicks,
        if(s_landing_views = 0, NULL, toFloat64(s_landing_clicks) / toFloat64(s_landing_views)) AS lp_ctr
    FROM
    (
        SELECT
            campaign_id AS d_campaign_id,
            argMaxIf(campaign, at, campaign != '') AS d_campaign,
            sum(clicks) AS s_clicks,
            sum(conversions) AS s_conversions,
            sum(registered) AS s_registered,
            sum(pending) AS s_pending,
            sum(approved) AS s_approved,
            sum(rejected) AS s_rejected,
            sum(chargebacks) AS s_chargebacks,
            sum(revenue_hold) AS s_revenue_hold,
            sum(revenue_confirmed) AS s_revenue_confirmed,
            sum(cost) AS s_cost,
            sum(flagged) AS s_flagged,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(created) AS s_created,
            sum(impressions) AS s_impressions,
            sum(impression_cost) AS s_impression_cost,
            sum(unique_clicks) AS s_unique_clicks,
            sum(landing_views) AS s_landing_views,
            sum(landing_clicks) AS s_landing_clicks
        FROM
        (
            SELECT
                campaign_id, campaign, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(clicks.cost) AS cost, toInt64(0) AS flagged, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.clicks
            GROUP BY campaign_id, campaign
            UNION ALL
            SELECT
                campaign_id, campaign, max(click_at) AS at,
                toInt64(0) AS clicks, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, toDecimal128(0, 6) AS cost, sum(flagged_delta) AS flagged, toInt64(0) AS flagged_clicks, toInt64(countIf(kind = 'created')) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.conversions
            GROUP BY campaign_id, campaign
            UNION ALL
            SELECT
                campaign_id, campaign, max(event_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(impressions.cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(count()) AS impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.impressions
            WHERE NOT copy
            GROUP BY campaign_id, campaign
            UNION ALL
            SELECT
                campaign_id, campaign, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toDecimal128(0, 6) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
            FROM {database}.landing_clicks
            WHERE NOT copy
            GROUP BY campaign_id, campaign
            UNION ALL
            SELECT
                campaign_id, campaign, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.cost) AS cost, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.created) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.archive_quarter
            GROUP BY campaign_id, campaign
            UNION ALL
            SELECT
                campaign_id, campaign, toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
            FROM {database}.archive_quarter_traffic
            GROUP BY campaign_id, campaign
        ) AS parts
        GROUP BY campaign_id, if(campaign_id = 0, toString(campaign), '')
    ) AS totals
) AS named
COMMENT 'Money figures by campaign, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.';

CREATE OR REPLACE VIEW {database}.epc_roi_by_source
(
    source_id UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    clicks Int64 COMMENT 'Clicks.',
    conversions Int64 COMMENT 'Conversions that are registered, pending or approved now.',
    registered Int64 COMMENT 'Conversions in status registered.',
    pending Int64 COMMENT 'Conversions in status pending.',
    approved Int64 COMMENT 'Conversions in status approved.',
    rejected Int64 COMMENT 'Conversions in status rejected.',
    chargebacks Int64 COMMENT 'Conversions in status chargeback.',
    revenue_hold Decimal(38, 6) COMMENT 'Payouts of pending conversions, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'Payouts of approved conversions, base currency.',
    revenue Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency.',
    cost Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, base currency.',
    profit Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    epc Nullable(Float64) COMMENT 'Earnings per click: (revenue_hold + revenue_confirmed) / clicks, base currency. NULL while the denominator is 0.',
    epc_confirmed Nullable(Float64) COMMENT 'revenue_confirmed / clicks, base currency. NULL while the denominator is 0.',
    cpc Nullable(Float64) COMMENT 'Cost per click: cost / clicks, base currency. NULL while the denominator is 0.',
    cr Nullable(Float64) COMMENT 'Conversion rate: conversions / clicks, a fraction. NULL while the denominator is 0.',
    cr_confirmed Nullable(Float64) COMMENT 'approved / clicks, a fraction. NULL while the denominator is 0.',
    ar Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    roi Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    roi_confirmed Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    roas Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    rpm Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: revenue / clicks * 1000. NULL while the denominator is 0.',
    ap Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    impressions Int64 COMMENT 'Impressions.',
    impression_cost Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    ctr Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    cpm Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    ecpm Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    unique_clicks Int64 COMMENT 'Clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    uepc Nullable(Float64) COMMENT 'Earnings per unique click: revenue / unique_clicks, base currency. NULL while the denominator is 0.',
    landing_views Int64 COMMENT 'Clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Presses of landing pages\' buttons.',
    lp_ctr Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_clicks / landing_views, a fraction. NULL while the denominator is 0.'
)
AS SELECT * REPLACE (
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source)
FROM
(
    SELECT
        d_source_id AS source_id,
        d_source AS source,
        s_clicks AS clicks,
        s_conversions AS conversions,
        s_registered AS registered,
        s_pending AS pending,
        s_approved AS approved,
        s_rejected AS rejected,
        s_chargebacks AS chargebacks,
        s_revenue_hold AS revenue_hold,
        s_revenue_confirmed AS revenue_confirmed,
        s_revenue_hold + s_revenue_confirmed AS revenue,
        s_cost AS cost,
        s_revenue_hold + s_revenue_confirmed - s_cost AS profit,
        if(s_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_clicks)) AS epc,
        if(s_clicks = 0, NULL, toFloat64(s_revenue_confirmed) / toFloat64(s_clicks)) AS epc_confirmed,
        if(s_clicks = 0, NULL, toFloat64(s_cost) / toFloat64(s_clicks)) AS cpc,
        if(s_clicks = 0, NULL, toFloat64(s_conversions) / toFloat64(s_clicks)) AS cr,
        if(s_clicks = 0, NULL, toFloat64(s_approved) / toFloat64(s_clicks)) AS cr_confirmed,
        if((s_approved + s_rejected + s_pending) = 0, NULL, toFloat64(s_approved) / toFloat64((s_approved + s_rejected + s_pending))) AS ar,
        if(s_cost = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) - s_cost)) / toFloat64(s_cost)) AS roi,
        if(s_cost = 0, NULL, toFloat64((s_revenue_confirmed - s_cost)) / toFloat64(s_cost)) AS roi_confirmed,
        if(s_cost = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_cost)) AS roas,
        if(s_clicks = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_clicks)) AS rpm,
        if(s_conversions = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_conversions)) AS ap,
        s_flagged AS flagged,
        if(s_created = 0, NULL, toFloat64(s_flagged) / toFloat64(s_created)) AS flagged_share,
        s_flagged_clicks AS flagged_clicks,
        if(s_clicks = 0, NULL, toFloat64(s_flagged_clicks) / toFloat64(s_clicks)) AS flagged_clicks_share,
        s_impressions AS impressions,
        s_impression_cost AS impression_cost,
        if(s_impressions = 0, NULL, toFloat64(s_clicks) / toFloat64(s_impressions)) AS ctr,
        if(s_impressions = 0, NULL, toFloat64((s_cost * 1000)) / toFloat64(s_impressions)) AS cpm,
        if(s_impressions = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_impressions)) AS ecpm,
        s_unique_clicks AS unique_clicks,
        if(s_unique_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_unique_clicks)) AS uepc,
        s_landing_views AS landing_views,
        s_landing_clicks AS landing_clicks,
        if(s_landing_views = 0, NULL, toFloat64(s_landing_clicks) / toFloat64(s_landing_views)) AS lp_ctr
    FROM
    (
        SELECT
            source_id AS d_source_id,
            argMaxIf(source, at, source != '') AS d_source,
            sum(clicks) AS s_clicks,
            sum(conversions) AS s_conversions,
            sum(registered) AS s_registered,
            sum(pending) AS s_pending,
            sum(approved) AS s_approved,
            sum(rejected) AS s_rejected,
            sum(chargebacks) AS s_chargebacks,
            sum(revenue_hold) AS s_revenue_hold,
            sum(revenue_confirmed) AS s_revenue_confirmed,
            sum(cost) AS s_cost,
            sum(flagged) AS s_flagged,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(created) AS s_created,
            sum(impressions) AS s_impressions,
            sum(impression_cost) AS s_impression_cost,
            sum(unique_clicks) AS s_unique_clicks,
            sum(landing_views) AS s_landing_views,
            sum(landing_clicks) AS s_landing_clicks
        FROM
        (
            SELECT
                source_id, source, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(clicks.cost) AS cost, toInt64(0) AS flagged, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.clicks
            GROUP BY source_id, source
            UNION ALL
            SELECT
                source_id, source, max(click_at) AS at,
                toInt64(0) AS clicks, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, toDecimal128(0, 6) AS cost, sum(flagged_delta) AS flagged, toInt64(0) AS flagged_clicks, toInt64(countIf(kind = 'created')) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.conversions
            GROUP BY source_id, source
            UNION ALL
            SELECT
                source_id, source, max(event_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(impressions.cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(count()) AS impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.impressions
            WHERE NOT copy
            GROUP BY source_id, source
            UNION ALL
            SELECT
                source_id, source, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toDecimal128(0, 6) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
            FROM {database}.landing_clicks
            WHERE NOT copy
            GROUP BY source_id, source
            UNION ALL
            SELECT
                source_id, source, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.cost) AS cost, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.created) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.archive_quarter
            GROUP BY source_id, source
            UNION ALL
            SELECT
                source_id, source, toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
            FROM {database}.archive_quarter_traffic
            GROUP BY source_id, source
        ) AS parts
        GROUP BY source_id, if(source_id = 0, toString(source), '')
    ) AS totals
) AS named
COMMENT 'Money figures by source, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.';

CREATE OR REPLACE VIEW {database}.epc_roi_by_campaign_source
(
    campaign_id UInt32 COMMENT 'Campaign number of the catalog.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    clicks Int64 COMMENT 'Clicks.',
    conversions Int64 COMMENT 'Conversions that are registered, pending or approved now.',
    registered Int64 COMMENT 'Conversions in status registered.',
    pending Int64 COMMENT 'Conversions in status pending.',
    approved Int64 COMMENT 'Conversions in status approved.',
    rejected Int64 COMMENT 'Conversions in status rejected.',
    chargebacks Int64 COMMENT 'Conversions in status chargeback.',
    revenue_hold Decimal(38, 6) COMMENT 'Payouts of pending conversions, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'Payouts of approved conversions, base currency.',
    revenue Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency.',
    cost Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, base currency.',
    profit Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    epc Nullable(Float64) COMMENT 'Earnings per click: (revenue_hold + revenue_confirmed) / clicks, base currency. NULL while the denominator is 0.',
    epc_confirmed Nullable(Float64) COMMENT 'revenue_confirmed / clicks, base currency. NULL while the denominator is 0.',
    cpc Nullable(Float64) COMMENT 'Cost per click: cost / clicks, base currency. NULL while the denominator is 0.',
    cr Nullable(Float64) COMMENT 'Conversion rate: conversions / clicks, a fraction. NULL while the denominator is 0.',
    cr_confirmed Nullable(Float64) COMMENT 'approved / clicks, a fraction. NULL while the denominator is 0.',
    ar Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    roi Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    roi_confirmed Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    roas Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    rpm Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: revenue / clicks * 1000. NULL while the denominator is 0.',
    ap Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    impressions Int64 COMMENT 'Impressions.',
    impression_cost Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    ctr Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    cpm Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    ecpm Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    unique_clicks Int64 COMMENT 'Clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    uepc Nullable(Float64) COMMENT 'Earnings per unique click: revenue / unique_clicks, base currency. NULL while the denominator is 0.',
    landing_views Int64 COMMENT 'Clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Presses of landing pages\' buttons.',
    lp_ctr Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_clicks / landing_views, a fraction. NULL while the denominator is 0.'
)
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source)
FROM
(
    SELECT
        d_campaign_id AS campaign_id,
        d_campaign AS campaign,
        d_source_id AS source_id,
        d_source AS source,
        s_clicks AS clicks,
        s_conversions AS conversions,
        s_registered AS registered,
        s_pending AS pending,
        s_approved AS approved,
        s_rejected AS rejected,
        s_chargebacks AS chargebacks,
        s_revenue_hold AS revenue_hold,
        s_revenue_confirmed AS revenue_confirmed,
        s_revenue_hold + s_revenue_confirmed AS revenue,
        s_cost AS cost,
        s_revenue_hold + s_revenue_confirmed - s_cost AS profit,
        if(s_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_clicks)) AS epc,
        if(s_clicks = 0, NULL, toFloat64(s_revenue_confirmed) / toFloat64(s_clicks)) AS epc_confirmed,
        if(s_clicks = 0, NULL, toFloat64(s_cost) / toFloat64(s_clicks)) AS cpc,
        if(s_clicks = 0, NULL, toFloat64(s_conversions) / toFloat64(s_clicks)) AS cr,
        if(s_clicks = 0, NULL, toFloat64(s_approved) / toFloat64(s_clicks)) AS cr_confirmed,
        if((s_approved + s_rejected + s_pending) = 0, NULL, toFloat64(s_approved) / toFloat64((s_approved + s_rejected + s_pending))) AS ar,
        if(s_cost = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) - s_cost)) / toFloat64(s_cost)) AS roi,
        if(s_cost = 0, NULL, toFloat64((s_revenue_confirmed - s_cost)) / toFloat64(s_cost)) AS roi_confirmed,
        if(s_cost = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_cost)) AS roas,
        if(s_clicks = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_clicks)) AS rpm,
        if(s_conversions = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_conversions)) AS ap,
        s_flagged AS flagged,
        if(s_created = 0, NULL, toFloat64(s_flagged) / toFloat64(s_created)) AS flagged_share,
        s_flagged_clicks AS flagged_clicks,
        if(s_clicks = 0, NULL, toFloat64(s_flagged_clicks) / toFloat64(s_clicks)) AS flagged_clicks_share,
        s_impressions AS impressions,
        s_impression_cost AS impression_cost,
        if(s_impressions = 0, NULL, toFloat64(s_clicks) / toFloat64(s_impressions)) AS ctr,
        if(s_impressions = 0, NULL, toFloat64((s_cost * 1000)) / toFloat64(s_impressions)) AS cpm,
        if(s_impressions = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_impressions)) AS ecpm,
        s_unique_clicks AS unique_clicks,
        if(s_unique_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_unique_clicks)) AS uepc,
        s_landing_views AS landing_views,
        s_landing_clicks AS landing_clicks,
        if(s_landing_views = 0, NULL, toFloat64(s_landing_clicks) / toFloat64(s_landing_views)) AS lp_ctr
    FROM
    (
        SELECT
            campaign_id AS d_campaign_id,
            argMaxIf(campaign, at, campaign != '') AS d_campaign,
            source_id AS d_source_id,
            argMaxIf(source, at, source != '') AS d_source,
            sum(clicks) AS s_clicks,
            sum(conversions) AS s_conversions,
            sum(registered) AS s_registered,
            sum(pending) AS s_pending,
            sum(approved) AS s_approved,
            sum(rejected) AS s_rejected,
            sum(chargebacks) AS s_chargebacks,
            sum(revenue_hold) AS s_revenue_hold,
            sum(revenue_confirmed) AS s_revenue_confirmed,
            sum(cost) AS s_cost,
            sum(flagged) AS s_flagged,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(created) AS s_created,
            sum(impressions) AS s_impressions,
            sum(impression_cost) AS s_impression_cost,
            sum(unique_clicks) AS s_unique_clicks,
            sum(landing_views) AS s_landing_views,
            sum(landing_clicks) AS s_landing_clicks
        FROM
        (
            SELECT
                campaign_id, campaign, source_id, source, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(clicks.cost) AS cost, toInt64(0) AS flagged, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.clicks
            GROUP BY campaign_id, campaign, source_id, source
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, max(click_at) AS at,
                toInt64(0) AS clicks, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, toDecimal128(0, 6) AS cost, sum(flagged_delta) AS flagged, toInt64(0) AS flagged_clicks, toInt64(countIf(kind = 'created')) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.conversions
            GROUP BY campaign_id, campaign, source_id, source
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, max(event_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(impressions.cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(count()) AS impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.impressions
            WHERE NOT copy
            GROUP BY campaign_id, campaign, source_id, source
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toDecimal128(0, 6) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
            FROM {database}.landing_clicks
            WHERE NOT copy
            GROUP BY campaign_id, campaign, source_id, source
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.cost) AS cost, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.created) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.archive_quarter
            GROUP BY campaign_id, campaign, source_id, source
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
            FROM {database}.archive_quarter_traffic
            GROUP BY campaign_id, campaign, source_id, source
        ) AS parts
        GROUP BY campaign_id, if(campaign_id = 0, toString(campaign), ''), source_id, if(source_id = 0, toString(source), '')
    ) AS totals
) AS named
COMMENT 'Money figures by campaign and source, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.';

CREATE OR REPLACE VIEW {database}.epc_roi_by_offer
(
    offer_id UInt32 COMMENT 'Offer number of the catalog; 0 where the click was not found.',
    offer String COMMENT 'Latest name of the offer.',
    clicks Int64 COMMENT 'Clicks.',
    conversions Int64 COMMENT 'Conversions that are registered, pending or approved now.',
    registered Int64 COMMENT 'Conversions in status registered.',
    pending Int64 COMMENT 'Conversions in status pending.',
    approved Int64 COMMENT 'Conversions in status approved.',
    rejected Int64 COMMENT 'Conversions in status rejected.',
    chargebacks Int64 COMMENT 'Conversions in status chargeback.',
    revenue_hold Decimal(38, 6) COMMENT 'Payouts of pending conversions, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'Payouts of approved conversions, base currency.',
    revenue Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency.',
    cost Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, base currency.',
    profit Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    epc Nullable(Float64) COMMENT 'Earnings per click: (revenue_hold + revenue_confirmed) / clicks, base currency. NULL while the denominator is 0.',
    epc_confirmed Nullable(Float64) COMMENT 'revenue_confirmed / clicks, base currency. NULL while the denominator is 0.',
    cpc Nullable(Float64) COMMENT 'Cost per click: cost / clicks, base currency. NULL while the denominator is 0.',
    cr Nullable(Float64) COMMENT 'Conversion rate: conversions / clicks, a fraction. NULL while the denominator is 0.',
    cr_confirmed Nullable(Float64) COMMENT 'approved / clicks, a fraction. NULL while the denominator is 0.',
    ar Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    roi Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    roi_confirmed Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    roas Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    rpm Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: revenue / clicks * 1000. NULL while the denominator is 0.',
    ap Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    impressions Int64 COMMENT 'Impressions.',
    impression_cost Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    ctr Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    cpm Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    ecpm Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    unique_clicks Int64 COMMENT 'Clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    uepc Nullable(Float64) COMMENT 'Earnings per unique click: revenue / unique_clicks, base currency. NULL while the denominator is 0.',
    landing_views Int64 COMMENT 'Clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Presses of landing pages\' buttons.',
    lp_ctr Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_clicks / landing_views, a fraction. NULL while the denominator is 0.'
)
AS SELECT * REPLACE (
    transform(offer_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 2), toString(offer)) AS offer)
FROM
(
    SELECT
        d_offer_id AS offer_id,
        d_offer AS offer,
        s_clicks AS clicks,
        s_conversions AS conversions,
        s_registered AS registered,
        s_pending AS pending,
        s_approved AS approved,
        s_rejected AS rejected,
        s_chargebacks AS chargebacks,
        s_revenue_hold AS revenue_hold,
        s_revenue_confirmed AS revenue_confirmed,
        s_revenue_hold + s_revenue_confirmed AS revenue,
        s_cost AS cost,
        s_revenue_hold + s_revenue_confirmed - s_cost AS profit,
        if(s_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_clicks)) AS epc,
        if(s_clicks = 0, NULL, toFloat64(s_revenue_confirmed) / toFloat64(s_clicks)) AS epc_confirmed,
        if(s_clicks = 0, NULL, toFloat64(s_cost) / toFloat64(s_clicks)) AS cpc,
        if(s_clicks = 0, NULL, toFloat64(s_conversions) / toFloat64(s_clicks)) AS cr,
        if(s_clicks = 0, NULL, toFloat64(s_approved) / toFloat64(s_clicks)) AS cr_confirmed,
        if((s_approved + s_rejected + s_pending) = 0, NULL, toFloat64(s_approved) / toFloat64((s_approved + s_rejected + s_pending))) AS ar,
        if(s_cost = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) - s_cost)) / toFloat64(s_cost)) AS roi,
        if(s_cost = 0, NULL, toFloat64((s_revenue_confirmed - s_cost)) / toFloat64(s_cost)) AS roi_confirmed,
        if(s_cost = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_cost)) AS roas,
        if(s_clicks = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_clicks)) AS rpm,
        if(s_conversions = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_conversions)) AS ap,
        s_flagged AS flagged,
        if(s_created = 0, NULL, toFloat64(s_flagged) / toFloat64(s_created)) AS flagged_share,
        s_flagged_clicks AS flagged_clicks,
        if(s_clicks = 0, NULL, toFloat64(s_flagged_clicks) / toFloat64(s_clicks)) AS flagged_clicks_share,
        s_impressions AS impressions,
        s_impression_cost AS impression_cost,
        if(s_impressions = 0, NULL, toFloat64(s_clicks) / toFloat64(s_impressions)) AS ctr,
        if(s_impressions = 0, NULL, toFloat64((s_cost * 1000)) / toFloat64(s_impressions)) AS cpm,
        if(s_impressions = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_impressions)) AS ecpm,
        s_unique_clicks AS unique_clicks,
        if(s_unique_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_unique_clicks)) AS uepc,
        s_landing_views AS landing_views,
        s_landing_clicks AS landing_clicks,
        if(s_landing_views = 0, NULL, toFloat64(s_landing_clicks) / toFloat64(s_landing_views)) AS lp_ctr
    FROM
    (
        SELECT
            offer_id AS d_offer_id,
            argMaxIf(offer, at, offer != '') AS d_offer,
            sum(clicks) AS s_clicks,
            sum(conversions) AS s_conversions,
            sum(registered) AS s_registered,
            sum(pending) AS s_pending,
            sum(approved) AS s_approved,
            sum(rejected) AS s_rejected,
            sum(chargebacks) AS s_chargebacks,
            sum(revenue_hold) AS s_revenue_hold,
            sum(revenue_confirmed) AS s_revenue_confirmed,
            sum(cost) AS s_cost,
            sum(flagged) AS s_flagged,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(created) AS s_created,
            sum(impressions) AS s_impressions,
            sum(impression_cost) AS s_impression_cost,
            sum(unique_clicks) AS s_unique_clicks,
            sum(landing_views) AS s_landing_views,
            sum(landing_clicks) AS s_landing_clicks
        FROM
        (
            SELECT
                offer_id, offer, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(clicks.cost) AS cost, toInt64(0) AS flagged, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.clicks
            GROUP BY offer_id, offer
            UNION ALL
            SELECT
                offer_id, offer, max(click_at) AS at,
                toInt64(0) AS clicks, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, toDecimal128(0, 6) AS cost, sum(flagged_delta) AS flagged, toInt64(0) AS flagged_clicks, toInt64(countIf(kind = 'created')) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.conversions
            GROUP BY offer_id, offer
            UNION ALL
            SELECT
                toUInt32(0) AS offer_id, '' AS offer, max(event_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(impressions.cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(count()) AS impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.impressions
            WHERE NOT copy
            HAVING count() > 0
            UNION ALL
            SELECT
                offer_id, offer, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toDecimal128(0, 6) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
            FROM {database}.landing_clicks
            WHERE NOT copy
            GROUP BY offer_id, offer
            UNION ALL
            SELECT
                offer_id, offer, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.cost) AS cost, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.created) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.archive_quarter
            GROUP BY offer_id, offer
            UNION ALL
            SELECT
                offer_id, offer, toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
            FROM {database}.archive_quarter_traffic
            GROUP BY offer_id, offer
        ) AS parts
        GROUP BY offer_id, if(offer_id = 0, toString(offer), '')
    ) AS totals
) AS named
COMMENT 'Money figures by offer, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.';

CREATE OR REPLACE VIEW {database}.epc_roi_by_campaign_day
(
    campaign_id UInt32 COMMENT 'Campaign number of the catalog.',
    campaign String COMMENT 'Latest name of the campaign.',
    day Date COMMENT 'UTC day on which the clicks happened; revenue is booked on its click\'s day.',
    clicks Int64 COMMENT 'Clicks.',
    conversions Int64 COMMENT 'Conversions that are registered, pending or approved now.',
    registered Int64 COMMENT 'Conversions in status registered.',
    pending Int64 COMMENT 'Conversions in status pending.',
    approved Int64 COMMENT 'Conversions in status approved.',
    rejected Int64 COMMENT 'Conversions in status rejected.',
    chargebacks Int64 COMMENT 'Conversions in status chargeback.',
    revenue_hold Decimal(38, 6) COMMENT 'Payouts of pending conversions, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'Payouts of approved conversions, base currency.',
    revenue Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency.',
    cost Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, base currency.',
    profit Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    epc Nullable(Float64) COMMENT 'Earnings per click: (revenue_hold + revenue_confirmed) / clicks, base currency. NULL while the denominator is 0.',
    epc_confirmed Nullable(Float64) COMMENT 'revenue_confirmed / clicks, base currency. NULL while the denominator is 0.',
    cpc Nullable(Float64) COMMENT 'Cost per click: cost / clicks, base currency. NULL while the denominator is 0.',
    cr Nullable(Float64) COMMENT 'Conversion rate: conversions / clicks, a fraction. NULL while the denominator is 0.',
    cr_confirmed Nullable(Float64) COMMENT 'approved / clicks, a fraction. NULL while the denominator is 0.',
    ar Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    roi Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    roi_confirmed Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    roas Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    rpm Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: revenue / clicks * 1000. NULL while the denominator is 0.',
    ap Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    impressions Int64 COMMENT 'Impressions.',
    impression_cost Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    ctr Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    cpm Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    ecpm Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    unique_clicks Int64 COMMENT 'Clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    uepc Nullable(Float64) COMMENT 'Earnings per unique click: revenue / unique_clicks, base currency. NULL while the denominator is 0.',
    landing_views Int64 COMMENT 'Clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Presses of landing pages\' buttons.',
    lp_ctr Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_clicks / landing_views, a fraction. NULL while the denominator is 0.'
)
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign)
FROM
(
    SELECT
        d_campaign_id AS campaign_id,
        d_campaign AS campaign,
        d_day AS day,
        s_clicks AS clicks,
        s_conversions AS conversions,
        s_registered AS registered,
        s_pending AS pending,
        s_approved AS approved,
        s_rejected AS rejected,
        s_chargebacks AS chargebacks,
        s_revenue_hold AS revenue_hold,
        s_revenue_confirmed AS revenue_confirmed,
        s_revenue_hold + s_revenue_confirmed AS revenue,
        s_cost AS cost,
        s_revenue_hold + s_revenue_confirmed - s_cost AS profit,
        if(s_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_clicks)) AS epc,
        if(s_clicks = 0, NULL, toFloat64(s_revenue_confirmed) / toFloat64(s_clicks)) AS epc_confirmed,
        if(s_clicks = 0, NULL, toFloat64(s_cost) / toFloat64(s_clicks)) AS cpc,
        if(s_clicks = 0, NULL, toFloat64(s_conversions) / toFloat64(s_clicks)) AS cr,
        if(s_clicks = 0, NULL, toFloat64(s_approved) / toFloat64(s_clicks)) AS cr_confirmed,
        if((s_approved + s_rejected + s_pending) = 0, NULL, toFloat64(s_approved) / toFloat64((s_approved + s_rejected + s_pending))) AS ar,
        if(s_cost = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) - s_cost)) / toFloat64(s_cost)) AS roi,
        if(s_cost = 0, NULL, toFloat64((s_revenue_confirmed - s_cost)) / toFloat64(s_cost)) AS roi_confirmed,
        if(s_cost = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_cost)) AS roas,
        if(s_clicks = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_clicks)) AS rpm,
        if(s_conversions = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_conversions)) AS ap,
        s_flagged AS flagged,
        if(s_created = 0, NULL, toFloat64(s_flagged) / toFloat64(s_created)) AS flagged_share,
        s_flagged_clicks AS flagged_clicks,
        if(s_clicks = 0, NULL, toFloat64(s_flagged_clicks) / toFloat64(s_clicks)) AS flagged_clicks_share,
        s_impressions AS impressions,
        s_impression_cost AS impression_cost,
        if(s_impressions = 0, NULL, toFloat64(s_clicks) / toFloat64(s_impressions)) AS ctr,
        if(s_impressions = 0, NULL, toFloat64((s_cost * 1000)) / toFloat64(s_impressions)) AS cpm,
        if(s_impressions = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_impressions)) AS ecpm,
        s_unique_clicks AS unique_clicks,
        if(s_unique_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_unique_clicks)) AS uepc,
        s_landing_views AS landing_views,
        s_landing_clicks AS landing_clicks,
        if(s_landing_views = 0, NULL, toFloat64(s_landing_clicks) / toFloat64(s_landing_views)) AS lp_ctr
    FROM
    (
        SELECT
            campaign_id AS d_campaign_id,
            argMaxIf(campaign, at, campaign != '') AS d_campaign,
            day AS d_day,
            sum(clicks) AS s_clicks,
            sum(conversions) AS s_conversions,
            sum(registered) AS s_registered,
            sum(pending) AS s_pending,
            sum(approved) AS s_approved,
            sum(rejected) AS s_rejected,
            sum(chargebacks) AS s_chargebacks,
            sum(revenue_hold) AS s_revenue_hold,
            sum(revenue_confirmed) AS s_revenue_confirmed,
            sum(cost) AS s_cost,
            sum(flagged) AS s_flagged,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(created) AS s_created,
            sum(impressions) AS s_impressions,
            sum(impression_cost) AS s_impression_cost,
            sum(unique_clicks) AS s_unique_clicks,
            sum(landing_views) AS s_landing_views,
            sum(landing_clicks) AS s_landing_clicks
        FROM
        (
            SELECT
                campaign_id, campaign, toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS day, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(clicks.cost) AS cost, toInt64(0) AS flagged, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.clicks
            GROUP BY campaign_id, campaign, day
            UNION ALL
            SELECT
                campaign_id, campaign, toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS day, max(click_at) AS at,
                toInt64(0) AS clicks, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, toDecimal128(0, 6) AS cost, sum(flagged_delta) AS flagged, toInt64(0) AS flagged_clicks, toInt64(countIf(kind = 'created')) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.conversions
            GROUP BY campaign_id, campaign, day
            UNION ALL
            SELECT
                campaign_id, campaign, toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS day, max(event_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(impressions.cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(count()) AS impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.impressions
            WHERE NOT copy
            GROUP BY campaign_id, campaign, day
            UNION ALL
            SELECT
                campaign_id, campaign, toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS day, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toDecimal128(0, 6) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
            FROM {database}.landing_clicks
            WHERE NOT copy
            GROUP BY campaign_id, campaign, day
            UNION ALL
            SELECT
                campaign_id, campaign, toDate(quarter) AS day, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.cost) AS cost, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.created) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.archive_quarter
            GROUP BY campaign_id, campaign, day
            UNION ALL
            SELECT
                campaign_id, campaign, toDate(quarter) AS day, toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
            FROM {database}.archive_quarter_traffic
            GROUP BY campaign_id, campaign, day
        ) AS parts
        GROUP BY campaign_id, if(campaign_id = 0, toString(campaign), ''), day
    ) AS totals
) AS named
COMMENT 'Money figures by campaign and day, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.';

CREATE OR REPLACE VIEW {database}.epc_roi_by_source_day
(
    source_id UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    day Date COMMENT 'UTC day on which the clicks happened; revenue is booked on its click\'s day.',
    clicks Int64 COMMENT 'Clicks.',
    conversions Int64 COMMENT 'Conversions that are registered, pending or approved now.',
    registered Int64 COMMENT 'Conversions in status registered.',
    pending Int64 COMMENT 'Conversions in status pending.',
    approved Int64 COMMENT 'Conversions in status approved.',
    rejected Int64 COMMENT 'Conversions in status rejected.',
    chargebacks Int64 COMMENT 'Conversions in status chargeback.',
    revenue_hold Decimal(38, 6) COMMENT 'Payouts of pending conversions, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'Payouts of approved conversions, base currency.',
    revenue Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency.',
    cost Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, base currency.',
    profit Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    epc Nullable(Float64) COMMENT 'Earnings per click: (revenue_hold + revenue_confirmed) / clicks, base currency. NULL while the denominator is 0.',
    epc_confirmed Nullable(Float64) COMMENT 'revenue_confirmed / clicks, base currency. NULL while the denominator is 0.',
    cpc Nullable(Float64) COMMENT 'Cost per click: cost / clicks, base currency. NULL while the denominator is 0.',
    cr Nullable(Float64) COMMENT 'Conversion rate: conversions / clicks, a fraction. NULL while the denominator is 0.',
    cr_confirmed Nullable(Float64) COMMENT 'approved / clicks, a fraction. NULL while the denominator is 0.',
    ar Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    roi Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    roi_confirmed Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    roas Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    rpm Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: revenue / clicks * 1000. NULL while the denominator is 0.',
    ap Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    impressions Int64 COMMENT 'Impressions.',
    impression_cost Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    ctr Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    cpm Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    ecpm Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    unique_clicks Int64 COMMENT 'Clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    uepc Nullable(Float64) COMMENT 'Earnings per unique click: revenue / unique_clicks, base currency. NULL while the denominator is 0.',
    landing_views Int64 COMMENT 'Clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Presses of landing pages\' buttons.',
    lp_ctr Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_clicks / landing_views, a fraction. NULL while the denominator is 0.'
)
AS SELECT * REPLACE (
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source)
FROM
(
    SELECT
        d_source_id AS source_id,
        d_source AS source,
        d_day AS day,
        s_clicks AS clicks,
        s_conversions AS conversions,
        s_registered AS registered,
        s_pending AS pending,
        s_approved AS approved,
        s_rejected AS rejected,
        s_chargebacks AS chargebacks,
        s_revenue_hold AS revenue_hold,
        s_revenue_confirmed AS revenue_confirmed,
        s_revenue_hold + s_revenue_confirmed AS revenue,
        s_cost AS cost,
        s_revenue_hold + s_revenue_confirmed - s_cost AS profit,
        if(s_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_clicks)) AS epc,
        if(s_clicks = 0, NULL, toFloat64(s_revenue_confirmed) / toFloat64(s_clicks)) AS epc_confirmed,
        if(s_clicks = 0, NULL, toFloat64(s_cost) / toFloat64(s_clicks)) AS cpc,
        if(s_clicks = 0, NULL, toFloat64(s_conversions) / toFloat64(s_clicks)) AS cr,
        if(s_clicks = 0, NULL, toFloat64(s_approved) / toFloat64(s_clicks)) AS cr_confirmed,
        if((s_approved + s_rejected + s_pending) = 0, NULL, toFloat64(s_approved) / toFloat64((s_approved + s_rejected + s_pending))) AS ar,
        if(s_cost = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) - s_cost)) / toFloat64(s_cost)) AS roi,
        if(s_cost = 0, NULL, toFloat64((s_revenue_confirmed - s_cost)) / toFloat64(s_cost)) AS roi_confirmed,
        if(s_cost = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_cost)) AS roas,
        if(s_clicks = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_clicks)) AS rpm,
        if(s_conversions = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_conversions)) AS ap,
        s_flagged AS flagged,
        if(s_created = 0, NULL, toFloat64(s_flagged) / toFloat64(s_created)) AS flagged_share,
        s_flagged_clicks AS flagged_clicks,
        if(s_clicks = 0, NULL, toFloat64(s_flagged_clicks) / toFloat64(s_clicks)) AS flagged_clicks_share,
        s_impressions AS impressions,
        s_impression_cost AS impression_cost,
        if(s_impressions = 0, NULL, toFloat64(s_clicks) / toFloat64(s_impressions)) AS ctr,
        if(s_impressions = 0, NULL, toFloat64((s_cost * 1000)) / toFloat64(s_impressions)) AS cpm,
        if(s_impressions = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_impressions)) AS ecpm,
        s_unique_clicks AS unique_clicks,
        if(s_unique_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_unique_clicks)) AS uepc,
        s_landing_views AS landing_views,
        s_landing_clicks AS landing_clicks,
        if(s_landing_views = 0, NULL, toFloat64(s_landing_clicks) / toFloat64(s_landing_views)) AS lp_ctr
    FROM
    (
        SELECT
            source_id AS d_source_id,
            argMaxIf(source, at, source != '') AS d_source,
            day AS d_day,
            sum(clicks) AS s_clicks,
            sum(conversions) AS s_conversions,
            sum(registered) AS s_registered,
            sum(pending) AS s_pending,
            sum(approved) AS s_approved,
            sum(rejected) AS s_rejected,
            sum(chargebacks) AS s_chargebacks,
            sum(revenue_hold) AS s_revenue_hold,
            sum(revenue_confirmed) AS s_revenue_confirmed,
            sum(cost) AS s_cost,
            sum(flagged) AS s_flagged,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(created) AS s_created,
            sum(impressions) AS s_impressions,
            sum(impression_cost) AS s_impression_cost,
            sum(unique_clicks) AS s_unique_clicks,
            sum(landing_views) AS s_landing_views,
            sum(landing_clicks) AS s_landing_clicks
        FROM
        (
            SELECT
                source_id, source, toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS day, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(clicks.cost) AS cost, toInt64(0) AS flagged, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.clicks
            GROUP BY source_id, source, day
            UNION ALL
            SELECT
                source_id, source, toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS day, max(click_at) AS at,
                toInt64(0) AS clicks, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, toDecimal128(0, 6) AS cost, sum(flagged_delta) AS flagged, toInt64(0) AS flagged_clicks, toInt64(countIf(kind = 'created')) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.conversions
            GROUP BY source_id, source, day
            UNION ALL
            SELECT
                source_id, source, toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS day, max(event_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(impressions.cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(count()) AS impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.impressions
            WHERE NOT copy
            GROUP BY source_id, source, day
            UNION ALL
            SELECT
                source_id, source, toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS day, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toDecimal128(0, 6) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
            FROM {database}.landing_clicks
            WHERE NOT copy
            GROUP BY source_id, source, day
            UNION ALL
            SELECT
                source_id, source, toDate(quarter) AS day, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.cost) AS cost, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.created) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.archive_quarter
            GROUP BY source_id, source, day
            UNION ALL
            SELECT
                source_id, source, toDate(quarter) AS day, toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
            FROM {database}.archive_quarter_traffic
            GROUP BY source_id, source, day
        ) AS parts
        GROUP BY source_id, if(source_id = 0, toString(source), ''), day
    ) AS totals
) AS named
COMMENT 'Money figures by source and day, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.';

CREATE OR REPLACE VIEW {database}.epc_roi_by_campaign_source_day
(
    campaign_id UInt32 COMMENT 'Campaign number of the catalog.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    day Date COMMENT 'UTC day on which the clicks happened; revenue is booked on its click\'s day.',
    clicks Int64 COMMENT 'Clicks.',
    conversions Int64 COMMENT 'Conversions that are registered, pending or approved now.',
    registered Int64 COMMENT 'Conversions in status registered.',
    pending Int64 COMMENT 'Conversions in status pending.',
    approved Int64 COMMENT 'Conversions in status approved.',
    rejected Int64 COMMENT 'Conversions in status rejected.',
    chargebacks Int64 COMMENT 'Conversions in status chargeback.',
    revenue_hold Decimal(38, 6) COMMENT 'Payouts of pending conversions, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'Payouts of approved conversions, base currency.',
    revenue Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency.',
    cost Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, base currency.',
    profit Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    epc Nullable(Float64) COMMENT 'Earnings per click: (revenue_hold + revenue_confirmed) / clicks, base currency. NULL while the denominator is 0.',
    epc_confirmed Nullable(Float64) COMMENT 'revenue_confirmed / clicks, base currency. NULL while the denominator is 0.',
    cpc Nullable(Float64) COMMENT 'Cost per click: cost / clicks, base currency. NULL while the denominator is 0.',
    cr Nullable(Float64) COMMENT 'Conversion rate: conversions / clicks, a fraction. NULL while the denominator is 0.',
    cr_confirmed Nullable(Float64) COMMENT 'approved / clicks, a fraction. NULL while the denominator is 0.',
    ar Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    roi Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    roi_confirmed Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    roas Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    rpm Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: revenue / clicks * 1000. NULL while the denominator is 0.',
    ap Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    impressions Int64 COMMENT 'Impressions.',
    impression_cost Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    ctr Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    cpm Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    ecpm Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    unique_clicks Int64 COMMENT 'Clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    uepc Nullable(Float64) COMMENT 'Earnings per unique click: revenue / unique_clicks, base currency. NULL while the denominator is 0.',
    landing_views Int64 COMMENT 'Clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Presses of landing pages\' buttons.',
    lp_ctr Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_clicks / landing_views, a fraction. NULL while the denominator is 0.'
)
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source)
FROM
(
    SELECT
        d_campaign_id AS campaign_id,
        d_campaign AS campaign,
        d_source_id AS source_id,
        d_source AS source,
        d_day AS day,
        s_clicks AS clicks,
        s_conversions AS conversions,
        s_registered AS registered,
        s_pending AS pending,
        s_approved AS approved,
        s_rejected AS rejected,
        s_chargebacks AS chargebacks,
        s_revenue_hold AS revenue_hold,
        s_revenue_confirmed AS revenue_confirmed,
        s_revenue_hold + s_revenue_confirmed AS revenue,
        s_cost AS cost,
        s_revenue_hold + s_revenue_confirmed - s_cost AS profit,
        if(s_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_clicks)) AS epc,
        if(s_clicks = 0, NULL, toFloat64(s_revenue_confirmed) / toFloat64(s_clicks)) AS epc_confirmed,
        if(s_clicks = 0, NULL, toFloat64(s_cost) / toFloat64(s_clicks)) AS cpc,
        if(s_clicks = 0, NULL, toFloat64(s_conversions) / toFloat64(s_clicks)) AS cr,
        if(s_clicks = 0, NULL, toFloat64(s_approved) / toFloat64(s_clicks)) AS cr_confirmed,
        if((s_approved + s_rejected + s_pending) = 0, NULL, toFloat64(s_approved) / toFloat64((s_approved + s_rejected + s_pending))) AS ar,
        if(s_cost = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) - s_cost)) / toFloat64(s_cost)) AS roi,
        if(s_cost = 0, NULL, toFloat64((s_revenue_confirmed - s_cost)) / toFloat64(s_cost)) AS roi_confirmed,
        if(s_cost = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_cost)) AS roas,
        if(s_clicks = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_clicks)) AS rpm,
        if(s_conversions = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_conversions)) AS ap,
        s_flagged AS flagged,
        if(s_created = 0, NULL, toFloat64(s_flagged) / toFloat64(s_created)) AS flagged_share,
        s_flagged_clicks AS flagged_clicks,
        if(s_clicks = 0, NULL, toFloat64(s_flagged_clicks) / toFloat64(s_clicks)) AS flagged_clicks_share,
        s_impressions AS impressions,
        s_impression_cost AS impression_cost,
        if(s_impressions = 0, NULL, toFloat64(s_clicks) / toFloat64(s_impressions)) AS ctr,
        if(s_impressions = 0, NULL, toFloat64((s_cost * 1000)) / toFloat64(s_impressions)) AS cpm,
        if(s_impressions = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_impressions)) AS ecpm,
        s_unique_clicks AS unique_clicks,
        if(s_unique_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_unique_clicks)) AS uepc,
        s_landing_views AS landing_views,
        s_landing_clicks AS landing_clicks,
        if(s_landing_views = 0, NULL, toFloat64(s_landing_clicks) / toFloat64(s_landing_views)) AS lp_ctr
    FROM
    (
        SELECT
            campaign_id AS d_campaign_id,
            argMaxIf(campaign, at, campaign != '') AS d_campaign,
            source_id AS d_source_id,
            argMaxIf(source, at, source != '') AS d_source,
            day AS d_day,
            sum(clicks) AS s_clicks,
            sum(conversions) AS s_conversions,
            sum(registered) AS s_registered,
            sum(pending) AS s_pending,
            sum(approved) AS s_approved,
            sum(rejected) AS s_rejected,
            sum(chargebacks) AS s_chargebacks,
            sum(revenue_hold) AS s_revenue_hold,
            sum(revenue_confirmed) AS s_revenue_confirmed,
            sum(cost) AS s_cost,
            sum(flagged) AS s_flagged,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(created) AS s_created,
            sum(impressions) AS s_impressions,
            sum(impression_cost) AS s_impression_cost,
            sum(unique_clicks) AS s_unique_clicks,
            sum(landing_views) AS s_landing_views,
            sum(landing_clicks) AS s_landing_clicks
        FROM
        (
            SELECT
                campaign_id, campaign, source_id, source, toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS day, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(clicks.cost) AS cost, toInt64(0) AS flagged, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.clicks
            GROUP BY campaign_id, campaign, source_id, source, day
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS day, max(click_at) AS at,
                toInt64(0) AS clicks, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, toDecimal128(0, 6) AS cost, sum(flagged_delta) AS flagged, toInt64(0) AS flagged_clicks, toInt64(countIf(kind = 'created')) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.conversions
            GROUP BY campaign_id, campaign, source_id, source, day
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS day, max(event_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(impressions.cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(count()) AS impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.impressions
            WHERE NOT copy
            GROUP BY campaign_id, campaign, source_id, source, day
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS day, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toDecimal128(0, 6) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
            FROM {database}.landing_clicks
            WHERE NOT copy
            GROUP BY campaign_id, campaign, source_id, source, day
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toDate(quarter) AS day, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.cost) AS cost, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.created) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.archive_quarter
            GROUP BY campaign_id, campaign, source_id, source, day
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toDate(quarter) AS day, toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
            FROM {database}.archive_quarter_traffic
            GROUP BY campaign_id, campaign, source_id, source, day
        ) AS parts
        GROUP BY campaign_id, if(campaign_id = 0, toString(campaign), ''), source_id, if(source_id = 0, toString(source), ''), day
    ) AS totals
) AS named
COMMENT 'Money figures by campaign and source and day, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.';

CREATE OR REPLACE VIEW {database}.epc_roi_by_campaign_source_hour
(
    campaign_id UInt32 COMMENT 'Campaign number of the catalog.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number of the catalog; 0 for sources that it does not declare, one row a name.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    hour DateTime('UTC') COMMENT 'UTC hour in which the clicks happened; revenue is booked on its click\'s hour.',
    clicks Int64 COMMENT 'Clicks.',
    conversions Int64 COMMENT 'Conversions that are registered, pending or approved now.',
    registered Int64 COMMENT 'Conversions in status registered.',
    pending Int64 COMMENT 'Conversions in status pending.',
    approved Int64 COMMENT 'Conversions in status approved.',
    rejected Int64 COMMENT 'Conversions in status rejected.',
    chargebacks Int64 COMMENT 'Conversions in status chargeback.',
    revenue_hold Decimal(38, 6) COMMENT 'Payouts of pending conversions, base currency.',
    revenue_confirmed Decimal(38, 6) COMMENT 'Payouts of approved conversions, base currency.',
    revenue Decimal(38, 6) COMMENT 'revenue_hold + revenue_confirmed, base currency.',
    cost Decimal(38, 6) COMMENT 'Cost of the clicks and impressions, base currency.',
    profit Decimal(38, 6) COMMENT 'revenue - cost, base currency.',
    epc Nullable(Float64) COMMENT 'Earnings per click: (revenue_hold + revenue_confirmed) / clicks, base currency. NULL while the denominator is 0.',
    epc_confirmed Nullable(Float64) COMMENT 'revenue_confirmed / clicks, base currency. NULL while the denominator is 0.',
    cpc Nullable(Float64) COMMENT 'Cost per click: cost / clicks, base currency. NULL while the denominator is 0.',
    cr Nullable(Float64) COMMENT 'Conversion rate: conversions / clicks, a fraction. NULL while the denominator is 0.',
    cr_confirmed Nullable(Float64) COMMENT 'approved / clicks, a fraction. NULL while the denominator is 0.',
    ar Nullable(Float64) COMMENT 'Approval rate: approved / (approved + rejected + pending), a fraction; registered and chargeback are in neither part. NULL while the denominator is 0.',
    roi Nullable(Float64) COMMENT 'Return on investment: (revenue - cost) / cost, a fraction: 0.25 is 25 %. NULL while the denominator is 0.',
    roi_confirmed Nullable(Float64) COMMENT '(revenue_confirmed - cost) / cost, a fraction. NULL while the denominator is 0.',
    roas Nullable(Float64) COMMENT 'Return on ad spend: revenue / cost, a fraction. NULL while the denominator is 0.',
    rpm Nullable(Float64) COMMENT 'Revenue per 1000 clicks, base currency: revenue / clicks * 1000. NULL while the denominator is 0.',
    ap Nullable(Float64) COMMENT 'Average payout: revenue / conversions, base currency. NULL while the denominator is 0.',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / first ledger entries (conversions ever created), a fraction. NULL while the denominator is 0.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    impressions Int64 COMMENT 'Impressions.',
    impression_cost Decimal(38, 6) COMMENT 'Cost of the impressions, which cost has too, base currency.',
    ctr Nullable(Float64) COMMENT 'Click-through rate: clicks / impressions, a fraction. NULL while the denominator is 0.',
    cpm Nullable(Float64) COMMENT 'Cost per 1000 impressions, base currency: cost / impressions * 1000. NULL while the denominator is 0.',
    ecpm Nullable(Float64) COMMENT 'Revenue per 1000 impressions, base currency: revenue / impressions * 1000. NULL while the denominator is 0.',
    unique_clicks Int64 COMMENT 'Clicks that were their visitor\'s first of the campaign within the edge\'s window; see clicks.unique.',
    uepc Nullable(Float64) COMMENT 'Earnings per unique click: revenue / unique_clicks, base currency. NULL while the denominator is 0.',
    landing_views Int64 COMMENT 'Clicks that were sent to a landing page.',
    landing_clicks Int64 COMMENT 'Presses of landing pages\' buttons.',
    lp_ctr Nullable(Float64) COMMENT 'Click-through rate of landing pages: landing_clicks / landing_views, a fraction. NULL while the denominator is 0.'
)
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source)
FROM
(
    SELECT
        d_campaign_id AS campaign_id,
        d_campaign AS campaign,
        d_source_id AS source_id,
        d_source AS source,
        d_hour AS hour,
        s_clicks AS clicks,
        s_conversions AS conversions,
        s_registered AS registered,
        s_pending AS pending,
        s_approved AS approved,
        s_rejected AS rejected,
        s_chargebacks AS chargebacks,
        s_revenue_hold AS revenue_hold,
        s_revenue_confirmed AS revenue_confirmed,
        s_revenue_hold + s_revenue_confirmed AS revenue,
        s_cost AS cost,
        s_revenue_hold + s_revenue_confirmed - s_cost AS profit,
        if(s_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_clicks)) AS epc,
        if(s_clicks = 0, NULL, toFloat64(s_revenue_confirmed) / toFloat64(s_clicks)) AS epc_confirmed,
        if(s_clicks = 0, NULL, toFloat64(s_cost) / toFloat64(s_clicks)) AS cpc,
        if(s_clicks = 0, NULL, toFloat64(s_conversions) / toFloat64(s_clicks)) AS cr,
        if(s_clicks = 0, NULL, toFloat64(s_approved) / toFloat64(s_clicks)) AS cr_confirmed,
        if((s_approved + s_rejected + s_pending) = 0, NULL, toFloat64(s_approved) / toFloat64((s_approved + s_rejected + s_pending))) AS ar,
        if(s_cost = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) - s_cost)) / toFloat64(s_cost)) AS roi,
        if(s_cost = 0, NULL, toFloat64((s_revenue_confirmed - s_cost)) / toFloat64(s_cost)) AS roi_confirmed,
        if(s_cost = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_cost)) AS roas,
        if(s_clicks = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_clicks)) AS rpm,
        if(s_conversions = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_conversions)) AS ap,
        s_flagged AS flagged,
        if(s_created = 0, NULL, toFloat64(s_flagged) / toFloat64(s_created)) AS flagged_share,
        s_flagged_clicks AS flagged_clicks,
        if(s_clicks = 0, NULL, toFloat64(s_flagged_clicks) / toFloat64(s_clicks)) AS flagged_clicks_share,
        s_impressions AS impressions,
        s_impression_cost AS impression_cost,
        if(s_impressions = 0, NULL, toFloat64(s_clicks) / toFloat64(s_impressions)) AS ctr,
        if(s_impressions = 0, NULL, toFloat64((s_cost * 1000)) / toFloat64(s_impressions)) AS cpm,
        if(s_impressions = 0, NULL, toFloat64(((s_revenue_hold + s_revenue_confirmed) * 1000)) / toFloat64(s_impressions)) AS ecpm,
        s_unique_clicks AS unique_clicks,
        if(s_unique_clicks = 0, NULL, toFloat64((s_revenue_hold + s_revenue_confirmed)) / toFloat64(s_unique_clicks)) AS uepc,
        s_landing_views AS landing_views,
        s_landing_clicks AS landing_clicks,
        if(s_landing_views = 0, NULL, toFloat64(s_landing_clicks) / toFloat64(s_landing_views)) AS lp_ctr
    FROM
    (
        SELECT
            campaign_id AS d_campaign_id,
            argMaxIf(campaign, at, campaign != '') AS d_campaign,
            source_id AS d_source_id,
            argMaxIf(source, at, source != '') AS d_source,
            hour AS d_hour,
            sum(clicks) AS s_clicks,
            sum(conversions) AS s_conversions,
            sum(registered) AS s_registered,
            sum(pending) AS s_pending,
            sum(approved) AS s_approved,
            sum(rejected) AS s_rejected,
            sum(chargebacks) AS s_chargebacks,
            sum(revenue_hold) AS s_revenue_hold,
            sum(revenue_confirmed) AS s_revenue_confirmed,
            sum(cost) AS s_cost,
            sum(flagged) AS s_flagged,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(created) AS s_created,
            sum(impressions) AS s_impressions,
            sum(impression_cost) AS s_impression_cost,
            sum(unique_clicks) AS s_unique_clicks,
            sum(landing_views) AS s_landing_views,
            sum(landing_clicks) AS s_landing_clicks
        FROM
        (
            SELECT
                campaign_id, campaign, source_id, source, toStartOfHour(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS hour, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(clicks.cost) AS cost, toInt64(0) AS flagged, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.clicks
            GROUP BY campaign_id, campaign, source_id, source, hour
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toStartOfHour(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS hour, max(click_at) AS at,
                toInt64(0) AS clicks, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, toDecimal128(0, 6) AS cost, sum(flagged_delta) AS flagged, toInt64(0) AS flagged_clicks, toInt64(countIf(kind = 'created')) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.conversions
            GROUP BY campaign_id, campaign, source_id, source, hour
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toStartOfHour(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS hour, max(event_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(impressions.cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(count()) AS impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.impressions
            WHERE NOT copy
            GROUP BY campaign_id, campaign, source_id, source, hour
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toStartOfHour(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS hour, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toDecimal128(0, 6) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
            FROM {database}.landing_clicks
            WHERE NOT copy
            GROUP BY campaign_id, campaign, source_id, source, hour
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toStartOfHour(quarter) AS hour, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.cost) AS cost, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.created) AS created, toInt64(0) AS impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
            FROM {database}.archive_quarter
            GROUP BY campaign_id, campaign, source_id, source, hour
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toStartOfHour(quarter) AS hour, toDateTime64(max(quarter), 3, 'UTC') AS at,
                toInt64(0) AS clicks, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, sum(archive_quarter_traffic.impression_cost) AS cost, toInt64(0) AS flagged, toInt64(0) AS flagged_clicks, toInt64(0) AS created, sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
            FROM {database}.archive_quarter_traffic
            GROUP BY campaign_id, campaign, source_id, source, hour
        ) AS parts
        GROUP BY campaign_id, if(campaign_id = 0, toString(campaign), ''), source_id, if(source_id = 0, toString(source), ''), hour
    ) AS totals
) AS named
COMMENT 'Money figures by campaign and source and hour, over all time unless the view has a time column. Money in the base currency; time is click time, UTC. Reads what totals_by_hour reads.';

CREATE OR REPLACE VIEW {database}.source_quality
(
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    clicks Int64 COMMENT 'Clicks.',
    flagged_clicks Int64 COMMENT 'Clicks whose score is 50 or more.',
    flagged_clicks_share Nullable(Float64) COMMENT 'flagged_clicks / clicks, a fraction. NULL while the denominator is 0.',
    bot_clicks Int64 COMMENT 'Clicks of listed bots.',
    mean_click_score Nullable(Float64) COMMENT 'sum of click scores / clicks, 0 to 100. NULL while the denominator is 0.',
    conversions_created Int64 COMMENT 'Conversions ever created (first ledger entries).',
    flagged Int64 COMMENT 'Conversions whose score is 50 or more.',
    flagged_share Nullable(Float64) COMMENT 'flagged / conversions_created, a fraction. NULL while the denominator is 0.',
    mean_conversion_score Nullable(Float64) COMMENT 'sum of scores of first ledger entries / conversions_created, 0 to 100. NULL while the denominator is 0.',
    signals Map(String, UInt64) COMMENT 'Findings by signal code: distinct anomaly_id in anomalies.'
)
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source)
FROM
(
    SELECT
        r.campaign_id AS campaign_id,
        r.r_campaign AS campaign,
        r.source_id AS source_id,
        r.r_source AS source,
        r.s_clicks AS clicks,
        r.s_flagged_clicks AS flagged_clicks,
        if(r.s_clicks = 0, NULL, toFloat64(r.s_flagged_clicks) / toFloat64(r.s_clicks)) AS flagged_clicks_share,
        r.s_bot_clicks AS bot_clicks,
        if(r.s_clicks = 0, NULL, toFloat64(r.s_score) / toFloat64(r.s_clicks)) AS mean_click_score,
        r.s_created AS conversions_created,
        r.s_flagged AS flagged,
        if(r.s_created = 0, NULL, toFloat64(r.s_flagged) / toFloat64(r.s_created)) AS flagged_share,
        if(r.s_created = 0, NULL, toFloat64(r.s_created_score) / toFloat64(r.s_created)) AS mean_conversion_score,
        a.signals AS signals
    FROM
    (
        SELECT
            campaign_id,
            argMaxIf(campaign, at, campaign != '') AS r_campaign,
            source_id,
            if(source_id = 0, toString(source), '') AS undeclared,
            argMaxIf(source, at, source != '') AS r_source,
            sum(clicks) AS s_clicks,
            sum(flagged_clicks) AS s_flagged_clicks,
            sum(bot_clicks) AS s_bot_clicks,
            sum(click_score_sum) AS s_score,
            sum(created) AS s_created,
            sum(flagged) AS s_flagged,
            sum(created_score_sum) AS s_created_score
        FROM
        (
            SELECT
                campaign_id, campaign, source_id, source, max(event_at) AS at,
                toInt64(count()) AS clicks, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(countIf(bot != '')) AS bot_clicks, toInt64(sum(score)) AS click_score_sum, toInt64(0) AS created, toInt64(0) AS flagged, toInt64(0) AS created_score_sum
            FROM {database}.clicks
            GROUP BY campaign_id, campaign, source_id, source
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, max(click_at) AS at,
                toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, toInt64(countIf(kind = 'created')) AS created, sum(flagged_delta) AS flagged, toInt64(sumIf(score, kind = 'created')) AS created_score_sum
            FROM {database}.conversions
            GROUP BY campaign_id, campaign, source_id, source
            UNION ALL
            SELECT
                campaign_id, campaign, source_id, source, toDateTime64(max(quarter), 3, 'UTC') AS at,
                sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.bot_clicks) AS bot_clicks, sum(archive_quarter.click_score_sum) AS click_score_sum, sum(archive_quarter.created) AS created, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.created_score_sum) AS created_score_sum
            FROM {database}.archive_quarter
            GROUP BY campaign_id, campaign, source_id, source
        ) AS parts
        GROUP BY campaign_id, source_id, undeclared
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
            FROM {database}.anomalies
            GROUP BY campaign_id, source_id, undeclared, signal
            ORDER BY signal
        )
        GROUP BY campaign_id, source_id, undeclared
    ) AS a ON r.campaign_id = a.campaign_id AND r.source_id = a.source_id AND r.undeclared = a.undeclared
) AS named
COMMENT 'How trustworthy each source of each campaign is: shares of flagged clicks and conversions, mean scores, findings by signal.';

CREATE OR REPLACE VIEW {database}.rollup_minute
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    minute DateTime('UTC') COMMENT 'UTC minute in which the click happened.',
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    offer_id UInt32 COMMENT 'Offer number; 0 when the click was not found.',
    offer String COMMENT 'Latest name of the offer.',
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
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source,
    transform(offer_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 2), toString(offer)) AS offer)
FROM
(
    SELECT *
    FROM
    (
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(event_at) AS minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            toInt64(count()) AS clicks, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(countIf(bot != '')) AS bot_clicks, toInt64(sum(score)) AS click_score_sum, sum(clicks.cost) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum
        FROM {database}.clicks
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(click_at) AS minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, toDecimal128(0, 6) AS cost, toInt64(count()) AS entries, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, sum(flagged_delta) AS flagged, toInt64(countIf(kind = 'created')) AS created, toInt64(sumIf(score, kind = 'created')) AS created_score_sum
        FROM {database}.conversions
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
        UNION ALL
        SELECT
            ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            sum(archive_minute.clicks) AS clicks, sum(archive_minute.flagged_clicks) AS flagged_clicks, sum(archive_minute.bot_clicks) AS bot_clicks, sum(archive_minute.click_score_sum) AS click_score_sum, sum(archive_minute.cost) AS cost, sum(archive_minute.entries) AS entries, sum(archive_minute.conversions) AS conversions, sum(archive_minute.registered) AS registered, sum(archive_minute.pending) AS pending, sum(archive_minute.approved) AS approved, sum(archive_minute.rejected) AS rejected, sum(archive_minute.chargebacks) AS chargebacks, sum(archive_minute.revenue_hold) AS revenue_hold, sum(archive_minute.revenue_confirmed) AS revenue_confirmed, sum(archive_minute.flagged) AS flagged, sum(archive_minute.created) AS created, sum(archive_minute.created_score_sum) AS created_score_sum
        FROM {database}.archive_minute
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
    ) AS parts
) AS named
COMMENT 'Sums of clicks and of the conversion ledger by minute, by click time, to be summed. A view: it reads the rows of clicks and conversions, and archive_minute.';

CREATE OR REPLACE VIEW {database}.rollup_hour
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    hour DateTime('UTC') COMMENT 'UTC hour in which the click happened.',
    quarter DateTime('UTC') COMMENT 'UTC quarter of an hour in which the click happened: a filter on it, on the hour or on a day of it is answered from the projections.',
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    offer_id UInt32 COMMENT 'Offer number; 0 when the click was not found.',
    offer String COMMENT 'Latest name of the offer.',
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
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source,
    transform(offer_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 2), toString(offer)) AS offer)
FROM
(
    SELECT *
    FROM
    (
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(event_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            toInt64(count()) AS clicks, toInt64(countIf(score >= 50)) AS flagged_clicks, toInt64(countIf(bot != '')) AS bot_clicks, toInt64(sum(score)) AS click_score_sum, sum(clicks.cost) AS cost, toInt64(0) AS entries, toInt64(0) AS conversions, toInt64(0) AS registered, toInt64(0) AS pending, toInt64(0) AS approved, toInt64(0) AS rejected, toInt64(0) AS chargebacks, toDecimal128(0, 6) AS revenue_hold, toDecimal128(0, 6) AS revenue_confirmed, toInt64(0) AS flagged, toInt64(0) AS created, toInt64(0) AS created_score_sum
        FROM {database}.clicks
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(click_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            toInt64(0) AS clicks, toInt64(0) AS flagged_clicks, toInt64(0) AS bot_clicks, toInt64(0) AS click_score_sum, toDecimal128(0, 6) AS cost, toInt64(count()) AS entries, sum(conversions_delta) AS conversions, sum(registered_delta) AS registered, sum(pending_delta) AS pending, sum(approved_delta) AS approved, sum(rejected_delta) AS rejected, sum(chargeback_delta) AS chargebacks, sum(revenue_hold_delta) AS revenue_hold, sum(revenue_confirmed_delta) AS revenue_confirmed, sum(flagged_delta) AS flagged, toInt64(countIf(kind = 'created')) AS created, toInt64(sumIf(score, kind = 'created')) AS created_score_sum
        FROM {database}.conversions
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
        UNION ALL
        SELECT
            ledger_day, toStartOfHour(quarter) AS hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            sum(archive_quarter.clicks) AS clicks, sum(archive_quarter.flagged_clicks) AS flagged_clicks, sum(archive_quarter.bot_clicks) AS bot_clicks, sum(archive_quarter.click_score_sum) AS click_score_sum, sum(archive_quarter.cost) AS cost, sum(archive_quarter.entries) AS entries, sum(archive_quarter.conversions) AS conversions, sum(archive_quarter.registered) AS registered, sum(archive_quarter.pending) AS pending, sum(archive_quarter.approved) AS approved, sum(archive_quarter.rejected) AS rejected, sum(archive_quarter.chargebacks) AS chargebacks, sum(archive_quarter.revenue_hold) AS revenue_hold, sum(archive_quarter.revenue_confirmed) AS revenue_confirmed, sum(archive_quarter.flagged) AS flagged, sum(archive_quarter.created) AS created, sum(archive_quarter.created_score_sum) AS created_score_sum
        FROM {database}.archive_quarter
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
    ) AS parts
) AS named
COMMENT 'Sums of clicks and of the conversion ledger by hour and quarter of an hour, by click time, to be summed. A view: it reads the projections by_quarter of clicks and conversions, which are in the same parts as the rows, and archive_quarter.';

CREATE OR REPLACE VIEW {database}.rollup_minute_traffic
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    minute DateTime('UTC') COMMENT 'UTC minute in which the impression or the click happened.',
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    offer_id UInt32 COMMENT 'Offer number; 0 for impressions.',
    offer String COMMENT 'Latest name of the offer.',
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
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source,
    transform(offer_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 2), toString(offer)) AS offer)
FROM
(
    SELECT *
    FROM
    (
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(event_at) AS minute, campaign_id, campaign, source_id, source, toUInt32(0) AS offer_id, '' AS offer, country, device,
            toInt64(count()) AS impressions, toInt64(countIf(bot != '')) AS bot_impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS clicks, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.impressions
        WHERE NOT copy
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, country, device
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(click_at) AS minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS clicks, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
        FROM {database}.landing_clicks
        WHERE NOT copy
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfMinute(event_at) AS minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(count()) AS clicks, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.clicks
        WHERE _layout >= 1
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
        UNION ALL
        SELECT
            ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device,
            sum(archive_minute_traffic.impressions) AS impressions, sum(archive_minute_traffic.bot_impressions) AS bot_impressions, sum(archive_minute_traffic.impression_cost) AS impression_cost, sum(archive_minute_traffic.clicks) AS clicks, sum(archive_minute_traffic.unique_clicks) AS unique_clicks, sum(archive_minute_traffic.landing_views) AS landing_views, sum(archive_minute_traffic.landing_clicks) AS landing_clicks
        FROM {database}.archive_minute_traffic
        GROUP BY ledger_day, minute, campaign_id, campaign, source_id, source, offer_id, offer, country, device
    ) AS parts
) AS named
COMMENT 'Sums of impressions, of unique clicks and of landing pages by minute, of impressions by their own time, of the others by click time, to be summed. A view: it reads the rows of impressions, landing_clicks and clicks, and archive_minute_traffic.';

CREATE OR REPLACE VIEW {database}.rollup_hour_traffic
(
    ledger_day Date COMMENT 'UTC day of received_at of the rows behind it.',
    hour DateTime('UTC') COMMENT 'UTC hour in which the impression or the click happened.',
    quarter DateTime('UTC') COMMENT 'UTC quarter of an hour in which the impression or the click happened: a filter on it, on the hour or on a day of it is answered from the projections.',
    campaign_id UInt32 COMMENT 'Campaign number.',
    campaign String COMMENT 'Latest name of the campaign.',
    source_id UInt32 COMMENT 'Source number; 0 when undeclared.',
    source String COMMENT 'Latest name of the source; of an undeclared one (0), what its link said.',
    offer_id UInt32 COMMENT 'Offer number; 0 for impressions.',
    offer String COMMENT 'Latest name of the offer.',
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
AS SELECT * REPLACE (
    transform(campaign_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'campaign'), 2), toString(campaign)) AS campaign,
    transform(source_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'source'), 2), toString(source)) AS source,
    transform(offer_id, tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 1), tupleElement((SELECT arraySort(groupArray((id, name))) FROM {database}.latest_names WHERE kind = 'offer'), 2), toString(offer)) AS offer)
FROM
(
    SELECT *
    FROM
    (
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(event_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, toUInt32(0) AS offer_id, '' AS offer, country, device, os, browser,
            toInt64(count()) AS impressions, toInt64(countIf(bot != '')) AS bot_impressions, sum(impressions.cost) AS impression_cost, toInt64(0) AS clicks, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.impressions
        WHERE NOT copy
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, country, device, os, browser
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(click_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(0) AS clicks, toInt64(0) AS unique_clicks, toInt64(0) AS landing_views, toInt64(count()) AS landing_clicks
        FROM {database}.landing_clicks
        WHERE NOT copy
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
        UNION ALL
        SELECT
            toDate(received_at) AS ledger_day, toStartOfHour(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) AS hour, toStartOfInterval(event_at, INTERVAL 15 MINUTE) AS quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            toInt64(0) AS impressions, toInt64(0) AS bot_impressions, toDecimal128(0, 6) AS impression_cost, toInt64(count()) AS clicks, toInt64(countIf(unique)) AS unique_clicks, toInt64(countIf(landing_id != 0)) AS landing_views, toInt64(0) AS landing_clicks
        FROM {database}.clicks
        WHERE _layout >= 1
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
        UNION ALL
        SELECT
            ledger_day, toStartOfHour(quarter) AS hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser,
            sum(archive_quarter_traffic.impressions) AS impressions, sum(archive_quarter_traffic.bot_impressions) AS bot_impressions, sum(archive_quarter_traffic.impression_cost) AS impression_cost, sum(archive_quarter_traffic.clicks) AS clicks, sum(archive_quarter_traffic.unique_clicks) AS unique_clicks, sum(archive_quarter_traffic.landing_views) AS landing_views, sum(archive_quarter_traffic.landing_clicks) AS landing_clicks
        FROM {database}.archive_quarter_traffic
        GROUP BY ledger_day, hour, quarter, campaign_id, campaign, source_id, source, offer_id, offer, country, device, os, browser
    ) AS parts
) AS named
COMMENT 'Sums of impressions, of unique clicks and of landing pages by hour and quarter of an hour, of impressions by their own time, of the others by click time, to be summed. A view: it reads the projections by_quarter of impressions, landing_clicks and clicks, which are in the same parts as the rows, and archive_quarter_traffic.';
