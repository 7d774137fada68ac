-- Views are generated: package report has them, and Migrate makes those that changed after the migrations.

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

DROP VIEW IF EXISTS {database}.names_from_clicks;

DROP VIEW IF EXISTS {database}.names_from_impressions;

ALTER TABLE {database}.names
    MODIFY COMMENT 'Names by number that are in no row any more: of the archive, and of rows from before their names were kept beside them. Views show the latest (latest_names); rows keep the one of their time.';
