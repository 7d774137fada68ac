-- Views are generated: package report has them, and Migrate makes those that changed after the migrations.

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
