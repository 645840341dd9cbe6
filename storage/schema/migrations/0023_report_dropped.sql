-- The view through which the number of events that were not stored leaves the
-- database, by reason. The days of each reason, in UTC as they were counted, are
-- joined until they are k. No total over all reasons by day is given out anywhere,
-- so a reason that is left out does not follow from one.

CREATE OR REPLACE VIEW report_dropped
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    daily AS
    (
        SELECT toString(outcome) AS label, day, sum(n) AS n
        FROM outcomes
        WHERE site = {site:String} AND expires_at > now() AND outcome != 'stored'
            AND day BETWEEN toStartOfMonth({from:Date}) AND {to:Date}
        GROUP BY label, day
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
SELECT false, toDate(0), toDate(0), label, true, false, false, false, sum(n) FROM counted GROUP BY label;
