-- Views are generated: package report has them, and Migrate makes those that changed after the migrations.

ALTER TABLE {database}.conversions
    MODIFY COLUMN conversion_id COMMENT 'Identity of the conversion: 32 hex digits derived from (click ID, network, event, txid, correction or not); one from before the network was a part of it stays as it was.';
