-- The view report_dropped as before, by reason or by the details of the reasons.
-- What is withheld is withheld by detail in both, so that a small detail does not
-- follow from its reason.

CREATE OR REPLACE VIEW report_dropped
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    daily AS
    (
        SELECT toString(outcome) AS reason, toString(detail) AS detail, day, sum(n) AS n
        FROM outcomes
        WHERE site = {site:String} AND expires_at > now() AND outcome != 'stored'
            AND day BETWEEN toStartOfMonth({from:Date}) AND {to:Date}
        GROUP BY reason, detail, day
    ),
    blocks AS
    (
        SELECT reason, detail, arrayJoin(arrayFilter(b -> b.3 >= {k:UInt32}, arrayFold(
            (done, d) -> if(
                done[-1].3 >= {k:UInt32} OR toStartOfMonth(done[-1].1) != toStartOfMonth(d.1),
                arrayPushBack(done, (d.1, d.1, d.2)),
                arrayPushBack(arrayPopBack(done), (done[-1].1, d.1, done[-1].3 + d.2))),
            arraySort(groupArray((day, n))),
            CAST([], 'Array(Tuple(Date, Date, UInt64))')))) AS b
        FROM daily
        GROUP BY reason, detail
    ),
    counted AS
    (
        SELECT if({by:String} = 'detail', concat(reason, '/', detail), reason) AS label, b.1 AS first, b.2 AS last, b.3 AS n FROM blocks WHERE b.1 >= {from:Date}
    )
SELECT true AS total, toDate(0) AS first, toDate(0) AS last, '' AS label, count() > 0 AS known,
    sum(n) < (SELECT sum(n) FROM daily WHERE day >= {from:Date}) AS withheld, false AS joined, false AS rounded, sum(n) AS value
FROM counted
UNION ALL
SELECT false, toDate(0), toDate(0), label, true, false, false, false, sum(n) FROM counted GROUP BY label;
