-- The view through which the number of consents taken back leaves the database:
-- one a person and month, on the first of its days, days joined until they are k.

CREATE OR REPLACE VIEW report_withdrawn
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    daily AS
    (
        SELECT '' AS label, first AS day, count() AS n
        FROM
        (
            SELECT min(toDate(time, {zone:String})) AS first
            FROM consents
            WHERE site = {site:String} AND keep_until > now() AND state = 'ConsentWithdrawn'
                AND toDate(time, {zone:String}) BETWEEN toStartOfMonth({from:Date}) AND {to:Date}
            GROUP BY consent_id, toStartOfMonth(toDate(time, {zone:String}))
        )
        GROUP BY day
    ),
    blocks AS
    (
        SELECT label, arrayJoin(arrayFilter(b -> b.3 >= {k:UInt32}, arrayFold(
            (done, d) -> if(
                done[-1].3 >= {k:UInt32} OR toStartOfMonth(done[-1].1) != toStartOfMonth(d.1),
                arrayPushBack(done, (d.1, d.1, d.2)),
                arrayPushBack(arrayPopBack(done), (done[-1].1, d.1, done[-1].3 + d.2))),
            arraySort(groupArray((day, n))),
            CAST([], 'Array(Tuple(Date, Date, UInt64))')))) AS b
        FROM daily
        GROUP BY label
    ),
    counted AS
    (
        SELECT label, b.1 AS first, b.2 AS last, b.3 AS n FROM blocks WHERE b.1 >= {from:Date}
    )
SELECT true AS total, toDate(0) AS first, toDate(0) AS last, '' AS label, count() > 0 AS known,
    sum(n) < (SELECT sum(n) FROM daily WHERE day >= {from:Date}) AS withheld, false AS joined, false AS rounded, sum(n) AS value
FROM counted
UNION ALL
SELECT false, first, last, '', true, false, false, false, n FROM counted;
