-- The view report_people as before, with sources by their names where they are
-- known. How it keeps k is told where it was made. Channels and regions are no
-- breakdowns: each is made of sources and of parts of a country, so that a small
-- one would follow from the other.

CREATE OR REPLACE VIEW report_people
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    hits AS
    (
        SELECT
            toDate(time, {zone:String}) AS day, time, name, seq, consent_id, session_id, visitor, engaged_ms,
            multiIf({by:String} = 'page', path,
                {by:String} = 'source', if(source != '', toString(source), toString(referrer)),
                {by:String} = 'country', toString(country),
                {by:String} = 'browser', toString(browser), {by:String} = 'device', toString(device), '') AS label
        FROM events
        WHERE site = {site:String} AND expires_at > now()
            AND toDate(time, {zone:String}) BETWEEN toStartOfMonth({from:Date}) - 1 AND {to:Date} + 1
    ),
    facts AS
    (
        SELECT day, label, consent_id, 1 AS amount FROM hits
        WHERE name = 'pageview' AND ({metric:String} = 'page_views' OR {metric:String} = 'visitors' AND visitor)
        UNION ALL
        SELECT min(day), argMin(label, (time, seq)), consent_id, 1 FROM hits
        WHERE {metric:String} = 'sessions' AND name = 'pageview'
            AND session_id != toUUID('00000000-0000-0000-0000-000000000000')
        GROUP BY consent_id, session_id
        UNION ALL
        SELECT min(day), '', consent_id, max(engaged_ms) FROM hits
        WHERE {metric:String} = 'engaged_time' AND name = 'engagement'
        GROUP BY consent_id, session_id, seq
    ),
    cells AS
    (
        WITH
        (
            SELECT arrayFilter(b -> length(b.3) >= {k:UInt32}, arrayFold(
                (done, d) -> if(
                    length(done[-1].3) >= {k:UInt32} OR toStartOfMonth(done[-1].1) != toStartOfMonth(d.1),
                    arrayPushBack(done, (d.1, d.1, d.2)),
                    arrayPushBack(arrayPopBack(done), (done[-1].1, d.1, arrayDistinct(arrayConcat(done[-1].3, d.2))))),
                arraySort(groupArray((day, some))),
                CAST([], 'Array(Tuple(Date, Date, Array(UUID)))')))
            FROM
            (
                SELECT day, groupUniqArray({k:UInt32})(consent_id) AS some FROM facts
                WHERE day BETWEEN toStartOfMonth({from:Date}) AND {to:Date}
                GROUP BY day
            )
        ) AS blocks
        SELECT
            arrayFirst(b -> day BETWEEN b.1 AND b.2 AND b.1 >= {from:Date}, arrayMap(b -> (b.1, b.2), blocks)) AS block,
            label, uniqExactState(consent_id) AS who, sum(amount) AS amount, count() AS parts
        FROM facts
        WHERE day BETWEEN {from:Date} AND {to:Date}
        GROUP BY block, label
    ),
    judged AS
    (
        SELECT block, label, who, amount, parts, finalizeAggregation(who) AS ids,
            uniqExactMerge(who) OVER (PARTITION BY block ORDER BY finalizeAggregation(who), label
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS below,
            block.1 > toDate(0) AND ids >= {k:UInt32} AS shown,
            shown AND below > 0 AND below < {k:UInt32} AS joins,
            if(joins, sum(amount) OVER (PARTITION BY block ORDER BY finalizeAggregation(who), label
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), amount) AS given,
            if({by:String} = '', block.1, toDate(0)) AS since,
            if({by:String} = '', block.2, toDate(0)) AS until
        FROM cells
    )
SELECT
    grouping(since) = 1 AS total,
    since AS first, until AS last, label,
    countIf(shown) > 0 AS known,
    countIf(NOT shown) > 0 AS withheld,
    countIf(joins) > 0 AS joined,
    {metric:String} = 'visitors' AND uniqExactIf(block, shown) > 1 AND {k:UInt32} > 1 AS rounded,
    toUInt64(multiIf(
        {metric:String} = 'engaged_time', if(known, round(sumIf(amount, shown) / sumIf(parts, shown) / 1000), 0),
        {metric:String} != 'visitors', sumIf(given, shown),
        uniqExactIf(block, shown) = 1 AND {by:String} = '', uniqExactMergeIf(who, shown),
        intDiv(uniqExactMergeIf(who, shown), {k:UInt32}) * {k:UInt32})) AS value
FROM judged
GROUP BY GROUPING SETS ((since, until, label), ())
HAVING known OR total
