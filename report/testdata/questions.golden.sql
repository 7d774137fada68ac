-- totals: projection by_traffic of clicks, projection by_traffic of conversions, projection by day of impressions, sums in archive_quarter, sums in archive_quarter_traffic, sums in archive_sums
WITH
    (SELECT (groupArray(run), groupArray(attempt)) FROM {database}.archive_months) AS archived
SELECT
    part_clicks AS clicks,
    part_conversions AS conversions,
    part_revenue_hold_counted + part_revenue_confirmed AS revenue,
    part_cost AS cost,
    revenue - cost AS profit,
    toFloat64(profit) / nullIf(toFloat64(cost), 0) AS roi,
    toFloat64(revenue - (part_revenue_hold_counted_blocked + part_revenue_confirmed_blocked)) / nullIf(toFloat64(clicks), 0) AS epc,
    is_total,
    count() OVER () AS rows_in_all
FROM
(
    SELECT
        toUInt8(1) AS is_total,
        sum(sum_clicks) AS part_clicks,
        sum(sum_conversions) AS part_conversions,
        sum(sum_revenue_confirmed) AS part_revenue_confirmed,
        sum(sum_cost) AS part_cost,
        sum(sum_revenue_hold_counted) AS part_revenue_hold_counted,
        sum(sum_revenue_hold_counted_blocked) AS part_revenue_hold_counted_blocked,
        sum(sum_revenue_confirmed_blocked) AS part_revenue_confirmed_blocked
    FROM
    (
        SELECT
            toInt64(countIf(NOT blocked)) AS sum_clicks,
            toInt64(0) AS sum_conversions,
            toDecimal128(0, 6) AS sum_revenue_confirmed,
            sum(clicks.cost) AS sum_cost,
            toDecimal128(0, 6) AS sum_revenue_hold_counted,
            toDecimal128(0, 6) AS sum_revenue_hold_counted_blocked,
            toDecimal128(0, 6) AS sum_revenue_confirmed_blocked
        FROM {database}.clicks
        WHERE NOT has(archived.1, _archived) AND toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) >= toDate('2026-11-01') AND toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01')
        HAVING count() > 0
        UNION ALL
        SELECT
            toInt64(0) AS sum_clicks,
            sumIf(conversions_delta, NOT beside_goal AND event != 'rebill') AS sum_conversions,
            sum(revenue_confirmed_delta) AS sum_revenue_confirmed,
            toDecimal128(0, 6) AS sum_cost,
            sumIf(revenue_hold_delta, NOT confirmed_only) AS sum_revenue_hold_counted,
            sumIf(revenue_hold_delta, blocked AND NOT confirmed_only) AS sum_revenue_hold_counted_blocked,
            sumIf(revenue_confirmed_delta, blocked) AS sum_revenue_confirmed_blocked
        FROM {database}.conversions
        WHERE NOT has(archived.1, _archived) AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) >= toDate('2026-11-01') AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01')
        HAVING count() > 0
        UNION ALL
        SELECT
            toInt64(0) AS sum_clicks,
            toInt64(0) AS sum_conversions,
            toDecimal128(0, 6) AS sum_revenue_confirmed,
            sum(impressions.cost) AS sum_cost,
            toDecimal128(0, 6) AS sum_revenue_hold_counted,
            toDecimal128(0, 6) AS sum_revenue_hold_counted_blocked,
            toDecimal128(0, 6) AS sum_revenue_confirmed_blocked
        FROM {database}.impressions
        WHERE NOT has(archived.1, _archived) AND NOT copy AND toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) >= toDate('2026-11-01') AND toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01')
        HAVING count() > 0
        UNION ALL
        SELECT
            sum(archive_quarter.clicks) AS sum_clicks,
            sum(archive_quarter.conversions) AS sum_conversions,
            sum(archive_quarter.revenue_confirmed) AS sum_revenue_confirmed,
            sum(archive_quarter.cost) AS sum_cost,
            sum(archive_quarter.revenue_hold) AS sum_revenue_hold_counted,
            toDecimal128(0, 6) AS sum_revenue_hold_counted_blocked,
            toDecimal128(0, 6) AS sum_revenue_confirmed_blocked
        FROM {database}.archive_quarter
        WHERE quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        HAVING count() > 0
        UNION ALL
        SELECT
            toInt64(0) AS sum_clicks,
            toInt64(0) AS sum_conversions,
            toDecimal128(0, 6) AS sum_revenue_confirmed,
            sum(archive_quarter_traffic.impression_cost) AS sum_cost,
            toDecimal128(0, 6) AS sum_revenue_hold_counted,
            toDecimal128(0, 6) AS sum_revenue_hold_counted_blocked,
            toDecimal128(0, 6) AS sum_revenue_confirmed_blocked
        FROM {database}.archive_quarter_traffic
        WHERE quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        HAVING count() > 0
        UNION ALL
        SELECT
            sum(archive_sums.clicks) AS sum_clicks,
            sum(archive_sums.conversions) AS sum_conversions,
            sum(archive_sums.revenue_confirmed) AS sum_revenue_confirmed,
            sum(archive_sums.cost) AS sum_cost,
            sum(archive_sums.revenue_hold_counted) AS sum_revenue_hold_counted,
            sum(archive_sums.revenue_hold_counted_blocked) AS sum_revenue_hold_counted_blocked,
            sum(archive_sums.revenue_confirmed_blocked) AS sum_revenue_confirmed_blocked
        FROM {database}.archive_sums
        WHERE has(archived.2, attempt) AND base IN ('clicks', 'conversions', 'impressions') AND quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        HAVING count() > 0
    ) AS parts
) AS sums
ORDER BY is_total DESC, clicks DESC NULLS LAST
LIMIT 1000002;

-- local days, compared: projection by_traffic of clicks, projection by_traffic of conversions, projection of impressions, sums in archive_quarter, sums in archive_quarter_traffic, sums in archive_sums
WITH
    (SELECT (groupArray(run), groupArray(attempt)) FROM {database}.archive_months) AS archived
SELECT
    by_day AS day,
    part_revenue_hold_counted + part_revenue_confirmed - part_cost AS profit,
    was_revenue_hold_counted + was_revenue_confirmed - was_cost AS profit_before,
    toFloat64(profit) / nullIf(toFloat64(part_cost), 0) AS roi,
    toFloat64(profit_before) / nullIf(toFloat64(was_cost), 0) AS roi_before,
    profit - profit_before AS profit_delta,
    is_total,
    count() OVER () AS rows_in_all
FROM
(
    SELECT
        by_day,
        toUInt8(grouping(by_day)) AS is_total,
        sumIf(sum_revenue_confirmed, era = 0) AS part_revenue_confirmed,
        sumIf(sum_revenue_confirmed, era = 1) AS was_revenue_confirmed,
        sumIf(sum_cost, era = 0) AS part_cost,
        sumIf(sum_cost, era = 1) AS was_cost,
        sumIf(sum_revenue_hold_counted, era = 0) AS part_revenue_hold_counted,
        sumIf(sum_revenue_hold_counted, era = 1) AS was_revenue_hold_counted
    FROM
    (
        SELECT
            if(toStartOfInterval(event_at, INTERVAL 15 MINUTE) < toDateTime('2026-11-01 00:00:00', 'UTC'), addDays(toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE), 'Asia/Kathmandu'), 30), toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE), 'Asia/Kathmandu')) AS by_day,
            toUInt8(toStartOfInterval(event_at, INTERVAL 15 MINUTE) < toDateTime('2026-11-01 00:00:00', 'UTC')) AS era,
            toDecimal128(0, 6) AS sum_revenue_confirmed,
            sum(clicks.cost) AS sum_cost,
            toDecimal128(0, 6) AS sum_revenue_hold_counted
        FROM {database}.clicks
        WHERE NOT has(archived.1, _archived) AND toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) >= toDate('2026-10-02') AND toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01') AND toStartOfInterval(event_at, INTERVAL 15 MINUTE) >= toDateTime('2026-10-02 00:00:00', 'UTC') AND toStartOfInterval(event_at, INTERVAL 15 MINUTE) < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_day, era
        UNION ALL
        SELECT
            if(toStartOfInterval(click_at, INTERVAL 15 MINUTE) < toDateTime('2026-11-01 00:00:00', 'UTC'), addDays(toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE), 'Asia/Kathmandu'), 30), toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE), 'Asia/Kathmandu')) AS by_day,
            toUInt8(toStartOfInterval(click_at, INTERVAL 15 MINUTE) < toDateTime('2026-11-01 00:00:00', 'UTC')) AS era,
            sum(revenue_confirmed_delta) AS sum_revenue_confirmed,
            toDecimal128(0, 6) AS sum_cost,
            sumIf(revenue_hold_delta, NOT confirmed_only) AS sum_revenue_hold_counted
        FROM {database}.conversions
        WHERE NOT has(archived.1, _archived) AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) >= toDate('2026-10-02') AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01') AND toStartOfInterval(click_at, INTERVAL 15 MINUTE) >= toDateTime('2026-10-02 00:00:00', 'UTC') AND toStartOfInterval(click_at, INTERVAL 15 MINUTE) < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_day, era
        UNION ALL
        SELECT
            if(toStartOfInterval(event_at, INTERVAL 15 MINUTE) < toDateTime('2026-11-01 00:00:00', 'UTC'), addDays(toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE), 'Asia/Kathmandu'), 30), toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE), 'Asia/Kathmandu')) AS by_day,
            toUInt8(toStartOfInterval(event_at, INTERVAL 15 MINUTE) < toDateTime('2026-11-01 00:00:00', 'UTC')) AS era,
            toDecimal128(0, 6) AS sum_revenue_confirmed,
            sum(impressions.cost) AS sum_cost,
            toDecimal128(0, 6) AS sum_revenue_hold_counted
        FROM {database}.impressions
        WHERE NOT has(archived.1, _archived) AND NOT copy AND toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) >= toDate('2026-10-02') AND toDate(toStartOfInterval(event_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01') AND toStartOfInterval(event_at, INTERVAL 15 MINUTE) >= toDateTime('2026-10-02 00:00:00', 'UTC') AND toStartOfInterval(event_at, INTERVAL 15 MINUTE) < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_day, era
        UNION ALL
        SELECT
            if(quarter < toDateTime('2026-11-01 00:00:00', 'UTC'), addDays(toDate(quarter, 'Asia/Kathmandu'), 30), toDate(quarter, 'Asia/Kathmandu')) AS by_day,
            toUInt8(quarter < toDateTime('2026-11-01 00:00:00', 'UTC')) AS era,
            sum(archive_quarter.revenue_confirmed) AS sum_revenue_confirmed,
            sum(archive_quarter.cost) AS sum_cost,
            sum(archive_quarter.revenue_hold) AS sum_revenue_hold_counted
        FROM {database}.archive_quarter
        WHERE quarter >= toDateTime('2026-10-02 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_day, era
        UNION ALL
        SELECT
            if(quarter < toDateTime('2026-11-01 00:00:00', 'UTC'), addDays(toDate(quarter, 'Asia/Kathmandu'), 30), toDate(quarter, 'Asia/Kathmandu')) AS by_day,
            toUInt8(quarter < toDateTime('2026-11-01 00:00:00', 'UTC')) AS era,
            toDecimal128(0, 6) AS sum_revenue_confirmed,
            sum(archive_quarter_traffic.impression_cost) AS sum_cost,
            toDecimal128(0, 6) AS sum_revenue_hold_counted
        FROM {database}.archive_quarter_traffic
        WHERE quarter >= toDateTime('2026-10-02 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_day, era
        UNION ALL
        SELECT
            if(quarter < toDateTime('2026-11-01 00:00:00', 'UTC'), addDays(toDate(quarter, 'Asia/Kathmandu'), 30), toDate(quarter, 'Asia/Kathmandu')) AS by_day,
            toUInt8(quarter < toDateTime('2026-11-01 00:00:00', 'UTC')) AS era,
            sum(archive_sums.revenue_confirmed) AS sum_revenue_confirmed,
            sum(archive_sums.cost) AS sum_cost,
            sum(archive_sums.revenue_hold_counted) AS sum_revenue_hold_counted
        FROM {database}.archive_sums
        WHERE has(archived.2, attempt) AND base IN ('clicks', 'conversions', 'impressions') AND quarter >= toDateTime('2026-10-02 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_day, era
    ) AS parts
    GROUP BY GROUPING SETS ((by_day), ())
) AS sums
WHERE is_total = 1 OR profit_delta < toDecimal128('-5.5', 6)
ORDER BY is_total DESC, day ASC
LIMIT 1000002;

-- sub-IDs of a campaign: rows of clicks, projection by day of landing_clicks, sums in archive_quarter, sums in archive_quarter_traffic, sums in archive_sums
WITH
    (SELECT (groupArray(run), groupArray(attempt)) FROM {database}.archive_months) AS archived
SELECT
    by_source_id AS source_id,
    transform(by_source_id, [1], ['push\'s'], toString(by_source)) AS source,
    by_sub1 AS sub1,
    part_clicks AS clicks,
    toFloat64(part_landing_pressed) / nullIf(toFloat64(part_landing_views), 0) AS lp_ctr,
    is_total,
    count() OVER () AS rows_in_all
FROM
(
    SELECT
        by_source_id,
        by_source,
        by_sub1,
        toUInt8(grouping(by_source_id)) AS is_total,
        sum(sum_clicks) AS part_clicks,
        sum(sum_landing_views) AS part_landing_views,
        if(is_total = 1, sum(whole_landing_pressed), sum(sum_landing_pressed)) AS part_landing_pressed
    FROM
    (
        SELECT
            source_id AS by_source_id,
            if(source_id = 0, toString(source), '') AS by_source,
            sub1 AS by_sub1,
            toUInt8(1) AS told,
            toInt64(countIf(NOT blocked)) AS sum_clicks,
            toInt64(countIf(landing_id != 0)) AS sum_landing_views,
            toInt64(0) AS sum_landing_pressed,
            toInt64(0) AS whole_landing_pressed
        FROM {database}.clicks
        WHERE NOT has(archived.1, _archived) AND (campaign_id IN (1) OR campaign_id = 0 AND campaign = 'summer') AND keyword NOT LIKE '%it\'s%' AND event_at >= fromUnixTimestamp64Milli(1793491200000, 'UTC') AND event_at < fromUnixTimestamp64Milli(1796083200000, 'UTC')
        GROUP BY by_source_id, by_source, by_sub1
        UNION ALL
        SELECT
            source_id AS by_source_id,
            if(source_id = 0, toString(source), '') AS by_source,
            '' AS by_sub1,
            toUInt8(1) AS told,
            toInt64(0) AS sum_clicks,
            toInt64(0) AS sum_landing_views,
            toInt64(uniqExact(click_id)) AS sum_landing_pressed,
            toInt64(0) AS whole_landing_pressed
        FROM {database}.landing_clicks
        WHERE NOT has(archived.1, _archived) AND NOT copy AND (campaign_id IN (1) OR campaign_id = 0 AND campaign = 'summer') AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) >= toDate('2026-11-01') AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01')
        GROUP BY by_source_id, by_source
        UNION ALL
        SELECT
            toUInt32(0) AS by_source_id,
            '' AS by_source,
            '' AS by_sub1,
            toUInt8(0) AS told,
            toInt64(0) AS sum_clicks,
            toInt64(0) AS sum_landing_views,
            toInt64(0) AS sum_landing_pressed,
            toInt64(uniqExact(click_id)) AS whole_landing_pressed
        FROM {database}.landing_clicks
        WHERE NOT has(archived.1, _archived) AND NOT copy AND (campaign_id IN (1) OR campaign_id = 0 AND campaign = 'summer') AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) >= toDate('2026-11-01') AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01')
        HAVING count() > 0
        UNION ALL
        SELECT
            source_id AS by_source_id,
            if(source_id = 0, toString(source), '') AS by_source,
            '' AS by_sub1,
            toUInt8(1) AS told,
            sum(archive_quarter.clicks) AS sum_clicks,
            toInt64(0) AS sum_landing_views,
            toInt64(0) AS sum_landing_pressed,
            toInt64(0) AS whole_landing_pressed
        FROM {database}.archive_quarter
        WHERE (campaign_id IN (1) OR campaign_id = 0 AND campaign = 'summer') AND quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_source_id, by_source
        UNION ALL
        SELECT
            source_id AS by_source_id,
            if(source_id = 0, toString(source), '') AS by_source,
            '' AS by_sub1,
            toUInt8(1) AS told,
            toInt64(0) AS sum_clicks,
            sum(archive_quarter_traffic.landing_views) AS sum_landing_views,
            sum(archive_quarter_traffic.landing_clicks) AS sum_landing_pressed,
            sum(archive_quarter_traffic.landing_clicks) AS whole_landing_pressed
        FROM {database}.archive_quarter_traffic
        WHERE (campaign_id IN (1) OR campaign_id = 0 AND campaign = 'summer') AND quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_source_id, by_source
        UNION ALL
        SELECT
            source_id AS by_source_id,
            if(source_id = 0, toString(source), '') AS by_source,
            '' AS by_sub1,
            toUInt8(1) AS told,
            sum(archive_sums.clicks) AS sum_clicks,
            sum(archive_sums.landing_views) AS sum_landing_views,
            toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS sum_landing_pressed,
            toInt64(0) AS whole_landing_pressed
        FROM {database}.archive_sums
        WHERE has(archived.2, attempt) AND base IN ('clicks', 'landing_clicks') AND (campaign_id IN (1) OR campaign_id = 0 AND campaign = 'summer') AND quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        GROUP BY by_source_id, by_source
        UNION ALL
        SELECT
            toUInt32(0) AS by_source_id,
            '' AS by_source,
            '' AS by_sub1,
            toUInt8(0) AS told,
            toInt64(0) AS sum_clicks,
            toInt64(0) AS sum_landing_views,
            toInt64(0) AS sum_landing_pressed,
            toInt64(uniqExactMerge(archive_sums.landing_pressed)) AS whole_landing_pressed
        FROM {database}.archive_sums
        WHERE has(archived.2, attempt) AND base IN ('clicks', 'landing_clicks') AND (campaign_id IN (1) OR campaign_id = 0 AND campaign = 'summer') AND quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC')
        HAVING count() > 0
    ) AS parts
    GROUP BY GROUPING SETS ((by_source_id, by_source, by_sub1), ())
    HAVING is_total = 1 OR max(told) = 1
) AS sums
ORDER BY is_total DESC, source ASC, source_id ASC, sub1 ASC
LIMIT 31;

-- cash: projection of conversions, rows of conversions, sums in archive_quarter, sums in archive_sums
WITH
    (SELECT (groupArray(run), groupArray(attempt)) FROM {database}.archive_months) AS archived
SELECT
    by_campaign_id AS campaign_id,
    by_campaign AS campaign,
    part_revenue_hold_counted + part_revenue_confirmed AS revenue,
    is_total,
    count() OVER () AS rows_in_all
FROM
(
    SELECT
        by_campaign_id,
        by_campaign,
        toUInt8(grouping(by_campaign_id)) AS is_total,
        sum(sum_revenue_confirmed) AS part_revenue_confirmed,
        sum(sum_revenue_hold_counted) AS part_revenue_hold_counted
    FROM
    (
        SELECT
            campaign_id AS by_campaign_id,
            if(campaign_id = 0, toString(campaign), '') AS by_campaign,
            sum(revenue_confirmed_delta) AS sum_revenue_confirmed,
            sumIf(revenue_hold_delta, NOT confirmed_only) AS sum_revenue_hold_counted
        FROM {database}.conversions
        WHERE (campaign_id IN (1) OR buyer IN ('ann')) AND NOT has(archived.1, _archived) AND toDate(received_at) >= toDate('2026-11-01') AND toDate(received_at) < toDate('2026-11-30')
        GROUP BY by_campaign_id, by_campaign
        UNION ALL
        SELECT
            campaign_id AS by_campaign_id,
            if(campaign_id = 0, toString(campaign), '') AS by_campaign,
            sum(revenue_confirmed_delta) AS sum_revenue_confirmed,
            sumIf(revenue_hold_delta, NOT confirmed_only) AS sum_revenue_hold_counted
        FROM {database}.conversions
        WHERE (campaign_id IN (1) OR buyer IN ('ann')) AND NOT has(archived.1, _archived) AND received_at >= fromUnixTimestamp64Milli(1793487600000, 'UTC') AND received_at < fromUnixTimestamp64Milli(1793491200000, 'UTC')
        GROUP BY by_campaign_id, by_campaign
        UNION ALL
        SELECT
            campaign_id AS by_campaign_id,
            if(campaign_id = 0, toString(campaign), '') AS by_campaign,
            sum(revenue_confirmed_delta) AS sum_revenue_confirmed,
            sumIf(revenue_hold_delta, NOT confirmed_only) AS sum_revenue_hold_counted
        FROM {database}.conversions
        WHERE (campaign_id IN (1) OR buyer IN ('ann')) AND NOT has(archived.1, _archived) AND received_at >= fromUnixTimestamp64Milli(1795996800000, 'UTC') AND received_at < fromUnixTimestamp64Milli(1796079600000, 'UTC')
        GROUP BY by_campaign_id, by_campaign
        UNION ALL
        SELECT
            campaign_id AS by_campaign_id,
            if(campaign_id = 0, toString(campaign), '') AS by_campaign,
            sum(archive_quarter.revenue_confirmed) AS sum_revenue_confirmed,
            sum(archive_quarter.revenue_hold) AS sum_revenue_hold_counted
        FROM {database}.archive_quarter
        WHERE (campaign_id IN (1)) AND ledger_day >= toDate('2026-10-31') AND ledger_day < toDate('2026-12-01')
        GROUP BY by_campaign_id, by_campaign
        HAVING throwIf(countIf(ledger_day IN (toDate('2026-10-31'), toDate('2026-11-30'))) > 0, 'rows of that time are gone, and their sums are kept by UTC day of receipt: ask by click time, or for whole days of UTC') = 0
        UNION ALL
        SELECT
            campaign_id AS by_campaign_id,
            if(campaign_id = 0, toString(campaign), '') AS by_campaign,
            sum(archive_sums.revenue_confirmed) AS sum_revenue_confirmed,
            sum(archive_sums.revenue_hold_counted) AS sum_revenue_hold_counted
        FROM {database}.archive_sums
        WHERE (campaign_id IN (1) OR buyer IN ('ann')) AND has(archived.2, attempt) AND base IN ('conversions') AND ledger_day >= toDate('2026-10-31') AND ledger_day < toDate('2026-12-01')
        GROUP BY by_campaign_id, by_campaign
        HAVING throwIf(countIf(ledger_day IN (toDate('2026-10-31'), toDate('2026-11-30'))) > 0, 'rows of that time are gone, and their sums are kept by UTC day of receipt: ask by click time, or for whole days of UTC') = 0
    ) AS parts
    GROUP BY GROUPING SETS ((by_campaign_id, by_campaign), ())
) AS sums
ORDER BY is_total DESC, revenue DESC NULLS LAST, campaign_id ASC, campaign ASC
LIMIT 1000002;

-- known: projection of conversions, rows of conversions, sums in archive_quarter, sums in archive_sums
WITH
    (SELECT (groupArray(run), groupArray(attempt)) FROM {database}.archive_months) AS archived
SELECT
    by_network AS network,
    part_conversions AS conversions,
    is_total,
    count() OVER () AS rows_in_all
FROM
(
    SELECT
        by_network,
        toUInt8(grouping(by_network)) AS is_total,
        sum(sum_conversions) AS part_conversions
    FROM
    (
        SELECT
            network AS by_network,
            sumIf(conversions_delta, NOT beside_goal AND event != 'rebill') AS sum_conversions
        FROM {database}.conversions
        WHERE NOT has(archived.1, _archived) AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) >= toDate('2026-11-01') AND toDate(toStartOfInterval(click_at, INTERVAL 15 MINUTE)) < toDate('2026-12-01') AND toStartOfInterval(click_at, INTERVAL 15 MINUTE) >= toDateTime('2026-11-01 00:00:00', 'UTC') AND toStartOfInterval(click_at, INTERVAL 15 MINUTE) < toDateTime('2026-12-01 00:00:00', 'UTC') AND toDate(received_at) < toDate('2026-12-01')
        GROUP BY by_network
        UNION ALL
        SELECT
            network AS by_network,
            sumIf(conversions_delta, NOT beside_goal AND event != 'rebill') AS sum_conversions
        FROM {database}.conversions
        WHERE NOT has(archived.1, _archived) AND click_at >= fromUnixTimestamp64Milli(1793491200000, 'UTC') AND click_at < fromUnixTimestamp64Milli(1796083200000, 'UTC') AND received_at >= fromUnixTimestamp64Milli(1796083200000, 'UTC') AND received_at < fromUnixTimestamp64Milli(1796088600001, 'UTC')
        GROUP BY by_network
        UNION ALL
        SELECT
            '' AS by_network,
            sum(archive_quarter.conversions) AS sum_conversions
        FROM {database}.archive_quarter
        WHERE quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC') AND ledger_day < toDate('2026-12-02')
        HAVING throwIf(countIf(ledger_day IN (toDate('2026-12-01'))) > 0, 'rows of that time are gone, and their sums are kept by UTC day of receipt: ask by click time, or for whole days of UTC') = 0 AND count() > 0
        UNION ALL
        SELECT
            network AS by_network,
            sum(archive_sums.conversions) AS sum_conversions
        FROM {database}.archive_sums
        WHERE has(archived.2, attempt) AND base IN ('conversions') AND quarter >= toDateTime('2026-11-01 00:00:00', 'UTC') AND quarter < toDateTime('2026-12-01 00:00:00', 'UTC') AND ledger_day < toDate('2026-12-02')
        GROUP BY by_network
        HAVING throwIf(countIf(ledger_day IN (toDate('2026-12-01'))) > 0, 'rows of that time are gone, and their sums are kept by UTC day of receipt: ask by click time, or for whole days of UTC') = 0
    ) AS parts
    GROUP BY GROUPING SETS ((by_network), ())
) AS sums
ORDER BY is_total DESC, conversions DESC NULLS LAST, network ASC
LIMIT 1000002;

