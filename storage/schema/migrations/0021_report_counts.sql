-- The view through which counters leave the database: banners and what became of
-- them, consents taken back, events that were dropped. It keeps the rule of
-- report_people with counts in place of consents: nothing below k is given out,
-- nothing is finer than a day, and the choices at a banner, which add up to the
-- banners shown, are hidden in such a way that no subtraction reveals fewer than
-- k. A decision counts once a person and month, on the first of its days.

CREATE OR REPLACE VIEW report_counts
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    decisions AS
    (
        SELECT min(toDate(time, {zone:String})) AS day, argMin(action, (time, number)) AS choice
        FROM consents
        WHERE site = {site:String} AND keep_until > now()
            AND toDate(time, {zone:String}) BETWEEN toStartOfMonth({from:Date}) AND {to:Date}
            AND ({metric:String} = 'banner' AND state IN ('ConsentGiven', 'RenewedConsentGiven')
                OR {metric:String} = 'withdrawn' AND state = 'ConsentWithdrawn')
        GROUP BY consent_id, toStartOfMonth(toDate(time, {zone:String}))
    ),
    tallies AS
    (
        SELECT toDate(hour, {zone:String}) AS day, toString(kind) AS kind, n
        FROM banner_counts
        WHERE {metric:String} = 'banner' AND site = {site:String} AND expires_at > now()
        UNION ALL
        SELECT day, if({metric:String} = 'withdrawn', '', toString(choice)), 1 FROM decisions
        UNION ALL
        SELECT day, toString(outcome), n
        FROM outcomes
        WHERE {metric:String} = 'dropped' AND outcome != 'stored' AND site = {site:String} AND expires_at > now()
    ),
    sums AS
    (
        WITH
        (
            SELECT arrayFilter(b -> b.3 >= {k:UInt32}, arrayFold(
                (done, d) -> if(
                    done[-1].3 >= {k:UInt32} OR toStartOfMonth(done[-1].1) != toStartOfMonth(d.1),
                    arrayPushBack(done, (d.1, d.1, d.2)),
                    arrayPushBack(arrayPopBack(done), (done[-1].1, d.1, done[-1].3 + d.2))),
                arraySort(groupArray((day, shown))),
                CAST([], 'Array(Tuple(Date, Date, UInt64))')))
            FROM
            (
                SELECT day, sumIf(n, {metric:String} != 'banner' OR kind = 'shown') AS shown
                FROM tallies WHERE day BETWEEN toStartOfMonth({from:Date}) AND {to:Date} GROUP BY day
            )
        ) AS blocks
        SELECT
            arrayFirst(b -> day BETWEEN b.1 AND b.2 AND b.1 >= {from:Date}, arrayMap(b -> (b.1, b.2), blocks)) AS block,
            kind, sum(n) AS counted
        FROM tallies
        WHERE day BETWEEN {from:Date} AND {to:Date}
        GROUP BY block, kind
    ),
    cells AS
    (
        SELECT block, if({by:String} = '', '', kind) AS label, sum(counted) AS amount FROM sums
        WHERE {metric:String} != 'banner' OR ({by:String} = '') = (kind = 'shown')
        GROUP BY block, label
        UNION ALL
        SELECT block, 'ignored',
            toUInt64(greatest(0, toInt64(sumIf(counted, kind = 'shown')) - toInt64(sumIf(counted, kind != 'shown'))))
        FROM sums
        WHERE {metric:String} = 'banner' AND {by:String} != ''
        GROUP BY block
    ),
    judged AS
    (
        SELECT block, label, amount,
            sum(amount) OVER (PARTITION BY block ORDER BY amount, label
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS below,
            block.1 > toDate(0) AND amount >= {k:UInt32} AND (below = 0 OR below >= {k:UInt32}) AS shown,
            if({by:String} = '', block.1, toDate(0)) AS since,
            if({by:String} = '', block.2, toDate(0)) AS until
        FROM cells
        WHERE amount > 0
    )
SELECT
    grouping(since) = 1 AS total,
    since AS first, until AS last, label,
    countIf(shown) > 0 AS known,
    countIf(NOT shown) > 0 AS withheld,
    false AS rounded,
    sumIf(amount, shown) AS value
FROM judged
GROUP BY GROUPING SETS ((since, until, label), ())
HAVING known OR total
