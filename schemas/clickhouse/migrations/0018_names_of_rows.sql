ALTER TABLE {database}.clicks
    ADD PROJECTION IF NOT EXISTS by_names
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
    );

ALTER TABLE {database}.impressions
    ADD PROJECTION IF NOT EXISTS by_names
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
    );

CALL materialize_names;

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
FROM
(
    SELECT toString(kind) AS kind, id, toString(name) AS name, at
    FROM {database}.names
    UNION ALL
    SELECT 'campaign' AS kind, campaign_id AS id, toString(campaign) AS name, max(received_at) AS at
    FROM {database}.clicks
    WHERE campaign_id != 0 AND campaign != ''
    GROUP BY campaign_id, campaign
    UNION ALL
    SELECT 'source' AS kind, source_id AS id, toString(source) AS name, max(received_at) AS at
    FROM {database}.clicks
    WHERE source_id != 0 AND source != ''
    GROUP BY source_id, source
    UNION ALL
    SELECT 'offer' AS kind, offer_id AS id, toString(offer) AS name, max(received_at) AS at
    FROM {database}.clicks
    WHERE offer_id != 0 AND offer != ''
    GROUP BY offer_id, offer
    UNION ALL
    SELECT 'landing' AS kind, landing_id AS id, toString(landing) AS name, max(received_at) AS at
    FROM {database}.clicks
    WHERE landing_id != 0 AND landing != ''
    GROUP BY landing_id, landing
    UNION ALL
    SELECT 'campaign' AS kind, campaign_id AS id, toString(campaign) AS name, max(received_at) AS at
    FROM {database}.impressions
    WHERE campaign_id != 0 AND campaign != ''
    GROUP BY campaign_id, campaign
    UNION ALL
    SELECT 'source' AS kind, source_id AS id, toString(source) AS name, max(received_at) AS at
    FROM {database}.impressions
    WHERE source_id != 0 AND source != ''
    GROUP BY source_id, source
) AS named
GROUP BY kind, id
COMMENT 'The latest name of each campaign, source, offer and landing page, one row each: what every view shows beside a number. It reads the projections by_names of clicks and impressions, which are in the same parts as the rows, and names.';

DROP VIEW IF EXISTS {database}.names_from_clicks;

DROP VIEW IF EXISTS {database}.names_from_impressions;

ALTER TABLE {database}.names
    MODIFY COMMENT 'Names by number that are in no row any more: of the archive, and of rows from before their names were kept beside them. Views show the latest (latest_names); rows keep the one of their time.';
