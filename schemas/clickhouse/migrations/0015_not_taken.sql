-- Views are generated: package report has them, and Migrate makes those that changed after the migrations.

ALTER TABLE {database}.postbacks ADD COLUMN IF NOT EXISTS not_taken Array(String) COMMENT 'Names of parameters that the request had and the edge did not take, 16 at most and "and 3 more"; those that the network\'s configuration ignores are left out. Their values are in the topic.' CODEC(ZSTD(1)) AFTER source;
