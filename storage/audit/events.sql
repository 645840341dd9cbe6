-- One row for each event of a range, with the verdict on it: the decision that it
-- names, what revoked or erased that, and the network that an older version kept in
-- a table of its own. Moments are milliseconds since 1970, and terms seconds: they are compared ten million
-- times.
WITH
    revoked AS
    (
        SELECT consent_id, groupArray((lowest, toUnixTimestamp64Milli(time))) AS cuts
        FROM revocations
        WHERE site = @site AND /*range*/
        GROUP BY consent_id
    ),
    jobs AS
    (
        SELECT whose AS consent_id, groupArray((what, below, gone, asked)) AS ended
        FROM
        (
            SELECT any(consent_id) AS whose, any(toString(kind)) AS what, any(number) AS below, any(fields_lost) AS gone,
                toUnixTimestamp64Milli(min(requested_at)) AS asked
            FROM (SELECT * FROM erasures WHERE site = @site AND /*range*/)
            GROUP BY id
            HAVING countIf(done_at IS NOT NULL) > 0 OR asked < @overdue
        )
        GROUP BY whose
    ),
    decisions AS
    (
        SELECT consent_id AS whose, number AS which, min(place) AS class, argMin(moments, place) AS span
        FROM
        (
            SELECT consent_id, number, toUInt64(toUnixTimestamp(time)) * 4294967296 + toUInt32(expires_at) AS moments,
                transform(/*class*/, CAST(@hashes, 'Array(UInt64)'), CAST(@indices, 'Array(UInt16)'), toUInt16(0)) AS place
            FROM consents
            WHERE site = @site AND /*range*/
        )
        GROUP BY whose, which
    ),
    ends AS
    (
        SELECT d.consent_id AS whose, d.number AS which,
            arrayMin(arrayPushBack(arrayMap(v -> v.2, arrayFilter(v -> v.1 > which, r.cuts)), /*never*/)) AS cut,
            arrayExists(j -> j.1 = 'withdrawn', j.ended) OR arrayExists(v -> v.1 = 4294967295 AND v.2 < @overdue, r.cuts) AS erased,
            arrayMax(arrayPushBack(arrayMap(j -> j.4 - 86400000, arrayFilter(j -> j.1 = 'erased', j.ended)), toInt64(0))) AS wiped,
            arrayReduce('groupBitOr', arrayMap(j -> if(j.1 = 'narrowed' AND j.2 > which, j.3, toUInt32(0)), j.ended)) AS taken,
            if(bitAnd(taken, /*origins*/) != 0, bitOr(taken, /*derived*/), taken) AS lost
        FROM
        (
            SELECT consent_id, number
            FROM consents
            WHERE site = @site AND /*range*/
                AND (consent_id IN (SELECT consent_id FROM revoked) OR consent_id IN (SELECT consent_id FROM jobs))
        ) AS d
        LEFT JOIN revoked AS r ON d.consent_id = r.consent_id
        LEFT JOIN jobs AS j ON d.consent_id = j.consent_id
    ),
    networks AS
    (
        SELECT consent_id, /*rest*/ AS rest, toUInt32(expires_at) AS networkend
        FROM addresses
        WHERE site = @site AND /*range*/ AND /*short*/ AND expires_at > fromUnixTimestamp64Milli(@now)
    ),
    rows AS
    (
        SELECT consent_id, number, time, name, session_id, seq, engaged_ms, expires_at, props, /*held*/ AS held,
            toUnixTimestamp64Milli(time) AS at, intDiv(at, 86400000) AS day, toUInt32(expires_at) AS ends,
            if(ip = toIPv6('::'), toUInt32(0), toUInt32(ip_expires_at)) AS ipends,
            /*needed*/ AS bare, /*rest*/ AS rest
        FROM events
        WHERE site = @site AND /*range*/
    )
SELECT
    consent_id, number, time, name, session_id, seq, engaged_ms, expires_at, held, day, lost, networkend != 0 AS network,
    CAST(@editions, 'Array(UInt32)')[class + 1] AS edition,
    CAST(@allowed, 'Array(UInt32)')[class + 1] AS allowed,
    CAST(@offered, 'Array(UInt32)')[class + 1] AS offered,
    bitOr(bare, if(network, toUInt32(/*address*/), toUInt32(0))) AS fields,
    bitAnd(fields, bitNot(allowed)) AS excess,
    -- Under a privacy signal less may have been licensed, and that for longer.
    bitAnd(fields, bitNot(CAST(@quiet, 'Array(UInt32)')[class + 1])) = 0 AS quiet,
    if(quiet, CAST(@longdays, 'Array(Int64)')[class + 1], CAST(@days, 'Array(Int64)')[class + 1]) AS days,
    if(quiet, CAST(@longaddressdays, 'Array(Int64)')[class + 1], CAST(@addressdays, 'Array(Int64)')[class + 1]) AS addressdays,
    bitShiftRight(span, 32) AS since, bitAnd(span, 4294967295) AS until,
    multiIf(
        span != 0 AND class = 0 OR span = 0 AND at >= @judged AND at < @future, /*unjudged*/,
        span = 0, /*noDecision*/,
        class <= @unknown, /*noEdition*/,
        at < since * 1000, /*tooEarly*/,
        at >= until * 1000, /*tooLate*/,
        cut != 0 AND (at >= cut + 60000 OR erased AND at >= cut), /*withdrawn*/,
        erased OR at <= wiped, /*unerased*/,
        bitAnd(excess, bitNot(offered)) != 0, /*noPurpose*/,
        excess != 0, /*notGranted*/,
        bitAnd(fields, lost) != 0, /*narrowed*/,
        /*undeclaring*/, /*undeclared*/,
        ends > least(day + days, intDiv(until, 86400)) * 86400, /*longKept*/,
        greatest(networkend, ipends) > least(day + addressdays, intDiv(until, 86400)) * 86400, /*addressLongKept*/,
        /*inOrder*/) AS verdict
FROM
(
    SELECT e.consent_id AS consent_id, e.number AS number, e.time AS time, e.name AS name, e.session_id AS session_id, e.seq AS seq,
        e.engaged_ms AS engaged_ms, e.expires_at AS expires_at, e.props AS props, e.held AS held, e.at AS at, e.day AS day, e.ends AS ends,
        e.ipends AS ipends, e.bare AS bare,
        d.class AS class, d.span AS span, t.cut AS cut, t.erased AS erased, t.wiped AS wiped, t.lost AS lost, a.networkend AS networkend
    FROM rows AS e
    ANY LEFT JOIN decisions AS d ON e.consent_id = d.whose AND e.number = d.which
    ANY LEFT JOIN ends AS t ON e.consent_id = t.whose AND e.number = t.which
    ANY LEFT JOIN networks AS a ON e.consent_id = a.consent_id AND e.rest = a.rest
)
