-- The view through which banners and the choices at them leave the database:
-- counters, and decisions counted once a person and month, on the first of its
-- days. Nothing is given out below k or finer than a day.
--
-- Days are joined from the first of each month until the banners shown are k; for
-- the choices, which add up to the banners shown, until each choice is k or was
-- made by nobody. So nothing has to be hidden within a block, and nothing follows
-- by subtraction; a block of choices ends only where one of banners ends, so that
-- the two do not isolate a day between them. A period counts whole blocks only.
--
-- A block is (first day, last day, shown, refused, accepted, shown since the last
-- end of a block of banners).

CREATE OR REPLACE VIEW report_banner
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH
    (b -> b.6 >= {k:UInt32} AND ({by:String} = '' OR (b.4 = 0 OR b.4 >= {k:UInt32}) AND (b.5 = 0 OR b.5 >= {k:UInt32})
        AND (b.3 <= b.4 + b.5 OR b.3 >= b.4 + b.5 + {k:UInt32}))) AS full,
    decisions AS
    (
        SELECT min(toDate(time, {zone:String})) AS day
        FROM consents
        WHERE site = {site:String} AND keep_until > now() AND state IN ('ConsentGiven', 'RenewedConsentGiven')
            AND toDate(time, {zone:String}) BETWEEN toStartOfMonth({from:Date}) AND {to:Date}
        GROUP BY consent_id, toStartOfMonth(toDate(time, {zone:String}))
    ),
    daily AS
    (
        SELECT day, sum(s) AS shown, sum(r) AS refused, sum(a) AS accepted
        FROM
        (
            SELECT toDate(hour, {zone:String}) AS day, if(kind = 'shown', n, 0) AS s, if(kind = 'refused', n, 0) AS r, 0 AS a
            FROM banner_counts
            WHERE site = {site:String} AND expires_at > now()
            UNION ALL
            SELECT day, 0, 0, 1 FROM decisions
        )
        WHERE day BETWEEN toStartOfMonth({from:Date}) AND {to:Date}
        GROUP BY day
    ),
    blocks AS
    (
        SELECT arrayJoin(arrayFilter(full, arrayFold(
            (done, d) -> if(
                full(done[-1]) OR toStartOfMonth(done[-1].1) != toStartOfMonth(d.1),
                arrayPushBack(done, (d.1, d.1, d.2, d.3, d.4, d.2)),
                arrayPushBack(arrayPopBack(done),
                    (done[-1].1, d.1, done[-1].3 + d.2, done[-1].4 + d.3, done[-1].5 + d.4,
                        if(done[-1].6 >= {k:UInt32}, 0, done[-1].6) + d.2))),
            arraySort(groupArray((day, shown, refused, accepted))),
            CAST([], 'Array(Tuple(Date, Date, UInt64, UInt64, UInt64, UInt64))')))) AS b
        FROM daily
    ),
    counted AS
    (
        SELECT b.1 AS first, b.2 AS last, b.3 AS shown, b.4 AS refused, b.5 AS accepted FROM blocks WHERE b.1 >= {from:Date}
    ),
    sums AS
    (
        SELECT count() > 0 AS known, sum(shown) AS shown, sum(refused) AS refused, sum(accepted) AS accepted,
            sum(toUInt64(greatest(0, toInt64(counted.shown) - toInt64(counted.refused + counted.accepted)))) AS ignored,
            shown + refused + accepted < (SELECT sum(shown + refused + accepted) FROM daily WHERE day >= {from:Date}) AS withheld
        FROM counted
    )
SELECT true AS total, toDate(0) AS first, toDate(0) AS last, '' AS label, known, withheld, false AS joined, false AS rounded,
    if({by:String} = '', shown, accepted + refused + ignored) AS value
FROM sums
UNION ALL
SELECT false, first, last, '', true, false, false, false, shown FROM counted WHERE {by:String} = ''
UNION ALL
SELECT false, toDate(0), toDate(0), choice.1, true, false, false, false, choice.2
FROM (SELECT arrayJoin([('accepted', accepted), ('refused', refused), ('ignored', ignored)]) AS choice FROM sums WHERE known)
WHERE {by:String} = 'choice';
