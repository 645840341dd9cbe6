-- One row for each event of a range, with the verdict on it: the decision that it
-- names, what revoked or erased that, and the network that belongs to it.
WITH
    revoked AS
    (
        SELECT consent_id, groupArray((lowest, time)) AS cuts
        FROM revocations
        WHERE site = @site AND /*range*/
        GROUP BY consent_id
    ),
    jobs AS
    (
        SELECT whose AS consent_id, groupArray((what, below, lost, asked)) AS ended
        FROM
        (
            SELECT any(consent_id) AS whose, any(toString(kind)) AS what, any(number) AS below, any(fields_lost) AS lost,
                min(requested_at) AS asked
            FROM (SELECT * FROM erasures WHERE site = @site AND /*range*/)
            GROUP BY id
            HAVING countIf(done_at IS NOT NULL) > 0 OR asked < fromUnixTimestamp64Milli(@overdue)
        )
        GROUP BY whose
    ),
    decided AS
    (
        SELECT consent_id, number, min(place) AS index, argMin((time, expires_at), place) AS span
        FROM
        (
            SELECT consent_id, number, time, expires_at,
                transform(/*class*/, CAST(@hashes, 'Array(UInt64)'), CAST(@indices, 'Array(UInt32)'), toUInt32(0)) AS place
            FROM consents
            WHERE site = @site AND /*range*/
        )
        GROUP BY consent_id, number
    ),
    decisions AS
    (
        SELECT d.consent_id AS whose, d.number AS which, true AS recorded, d.index AS index,
            toStartOfSecond(d.span.1) AS since, d.span.2 AS until,
            arrayMin(arrayPushBack(arrayMap(c -> c.2, arrayFilter(c -> c.1 > which, r.cuts)), toDateTime64('2200-01-01', 3, 'UTC'))) AS cut,
            arrayExists(j -> j.1 = 'withdrawn', j.ended)
                OR arrayExists(c -> c.1 = 4294967295 AND c.2 < fromUnixTimestamp64Milli(@overdue), r.cuts) AS erased,
            arrayMax(arrayPushBack(arrayMap(j -> j.4, arrayFilter(j -> j.1 = 'erased', j.ended)), toDateTime64(0, 3, 'UTC')))
                - INTERVAL 1 DAY AS wiped,
            arrayReduce('groupBitOr', arrayMap(j -> if(j.1 = 'narrowed' AND j.2 > which, j.3, toUInt32(0)), j.ended)) AS taken,
            if(bitAnd(taken, /*channel*/) != 0, bitOr(taken, /*channelbit*/), taken) AS lost,
            CAST(@editions, 'Array(UInt32)')[index + 1] AS edition,
            CAST(@allowed, 'Array(UInt32)')[index + 1] AS allowed,
            CAST(@offered, 'Array(UInt32)')[index + 1] AS offered,
            CAST(@quiet, 'Array(UInt32)')[index + 1] AS quiet,
            CAST(@days, 'Array(UInt16)')[index + 1] AS days,
            CAST(@quietdays, 'Array(UInt16)')[index + 1] AS quietdays,
            CAST(@addressdays, 'Array(UInt16)')[index + 1] AS addressdays,
            CAST(@quietaddressdays, 'Array(UInt16)')[index + 1] AS quietaddressdays
        FROM decided AS d
        LEFT JOIN revoked AS r ON d.consent_id = r.consent_id
        LEFT JOIN jobs AS j ON d.consent_id = j.consent_id
    ),
    networks AS
    (
        SELECT consent_id, session_id, seq, name, expires_at, true AS network
        FROM addresses
        WHERE site = @site AND /*range*/ AND /*short*/ AND expires_at > fromUnixTimestamp64Milli(@now)
    )
SELECT
    consent_id, number, time, name, session_id, seq, engaged_ms, expires_at, network, allowed, offered, lost,
    /*held*/ AS held,
    /*needed*/ AS fields,
    bitAnd(fields, bitNot(allowed)) AS excess,
    if(bitAnd(fields, bitNot(quiet)) = 0, greatest(days, quietdays), days) AS term,
    if(bitAnd(fields, bitNot(quiet)) = 0, greatest(addressdays, quietaddressdays), addressdays) AS addressterm,
    multiIf(
        recorded AND index = 0, /*unjudged*/,
        NOT recorded AND time >= fromUnixTimestamp64Milli(@judged) AND time < fromUnixTimestamp64Milli(@future), /*unjudged*/,
        NOT recorded, /*noDecision*/,
        index <= @unknown, /*noEdition*/,
        time < since, /*tooEarly*/,
        time >= until, /*tooLate*/,
        time >= cut + INTERVAL 1 MINUTE OR erased AND time >= cut, /*withdrawn*/,
        erased OR time <= wiped, /*unerased*/,
        excess != 0, if(bitAnd(excess, bitNot(offered)) != 0, /*noPurpose*/, /*notGranted*/),
        bitAnd(fields, lost) != 0, /*narrowed*/,
        (notEmpty(props) OR bitAnd(fields, /*events*/) != 0)
            AND arrayExists(p -> (edition, name, p) NOT IN (/*declared*/), arrayPushBack(mapKeys(props), '')), /*undeclared*/,
        expires_at > least(toDateTime(toDate(time) + term, 'UTC'), toStartOfDay(until)), /*longKept*/,
        network AND networkexpires > least(toDateTime(toDate(time) + addressterm, 'UTC'), toStartOfDay(until)), /*addressLongKept*/,
        /*inOrder*/) AS verdict
FROM
(
    SELECT /*columns*/,
        d.recorded AS recorded, d.index AS index, d.since AS since, d.until AS until, d.cut AS cut, d.erased AS erased, d.wiped AS wiped,
        d.lost AS lost, d.edition AS edition, d.allowed AS allowed, d.offered AS offered, d.quiet AS quiet,
        d.days AS days, d.quietdays AS quietdays, d.addressdays AS addressdays, d.quietaddressdays AS quietaddressdays,
        a.network AS network, a.expires_at AS networkexpires
    FROM (SELECT * FROM events WHERE site = @site AND /*range*/) AS e
    ANY LEFT JOIN decisions AS d ON e.consent_id = d.whose AND e.number = d.which
    ANY LEFT JOIN networks AS a
        ON e.consent_id = a.consent_id AND e.session_id = a.session_id AND e.seq = a.seq AND e.name = a.name
)
