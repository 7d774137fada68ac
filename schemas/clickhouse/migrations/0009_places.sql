ALTER TABLE {database}.clicks
    ADD COLUMN IF NOT EXISTS city LowCardinality(String) COMMENT 'City of the IP, by ingest.geo.city_file; empty when unknown.' AFTER country,
    ADD COLUMN IF NOT EXISTS region LowCardinality(String) COMMENT 'Largest subdivision of the country (state, province), by ingest.geo.city_file; empty when unknown.' AFTER city,
    ADD COLUMN IF NOT EXISTS asn UInt32 COMMENT 'Number of the autonomous system that announces the IP, by ingest.geo.asn_file; 0 when unknown.' AFTER region,
    ADD COLUMN IF NOT EXISTS as_org LowCardinality(String) COMMENT 'Organisation of the autonomous system, by ingest.geo.asn_file.' AFTER asn,
    ADD COLUMN IF NOT EXISTS connection_type LowCardinality(String) COMMENT 'cable_dsl, cellular, corporate, dialup, satellite, or as ingest.geo.connection_file has it, in lower case with underscores; empty when unknown.' AFTER as_org,
    ADD COLUMN IF NOT EXISTS hosting Bool COMMENT 'The autonomous system is a listed hosting or cloud provider\'s, or the data file says so. False when the autonomous system is unknown.' AFTER connection_type,
    ADD COLUMN IF NOT EXISTS bot_class LowCardinality(String) COMMENT 'Kind of the listed bot: search, ai, preview, monitoring, ads, security, archive, feed, library, headless or crawler (the rest); empty for none.' AFTER bot;
