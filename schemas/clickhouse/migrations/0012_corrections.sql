-- Views are generated: package report has them, and Migrate makes those that changed after the migrations.

ALTER TABLE {database}.conversions
    MODIFY COLUMN conversion_id COMMENT 'Identity of the conversion: 32 hex digits derived from (click ID, event, txid, correction or not).',
    MODIFY COLUMN kind COMMENT 'created (first entry of a conversion), correction (first entry of a correction, which moves revenue and counts as no conversion), status (its status changed), payout (payout corrected under the same status) or rescored (only the score changed).',
    MODIFY COLUMN payout COMMENT 'Payout after this entry, in the base currency; below 0 in a correction.',
    MODIFY COLUMN payout_original COMMENT 'Payout after this entry, in units of currency; below 0 in a correction and nowhere else.',
    MODIFY COLUMN conversions_delta COMMENT 'Change of the number of conversions: a conversion counts while registered, pending or approved, a correction never.',
    MODIFY COLUMN revenue_hold_delta COMMENT 'Change of revenue on hold (payouts of pending conversions and corrections), in the base currency.',
    MODIFY COLUMN revenue_confirmed_delta COMMENT 'Change of confirmed revenue (payouts of approved conversions and corrections), in the base currency.';

ALTER TABLE {database}.postbacks
    MODIFY COLUMN payout COMMENT 'Payout it names, in the base currency; below 0 it is a correction.';
