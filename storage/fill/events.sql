-- What happens on one day: a row for each visitor who comes, then for each page,
-- then for each event, in the order of the table. Everything is a hash of the seed,
-- the visitor, the day and the page, so that one seed gives one database.
SELECT
    consent_id, session_id, whole, last, page, stay, before, path, came, country, place, agent, version, network,
    cityHash64(session, page) AS turn, arrayJoin(if(acts, [0, 2, 1], [0, 1])) AS kind,
    fromUnixTimestamp64Milli(toInt64(opened + multiIf(kind = 0, 0, kind = 1, stay, intDiv(stay, 2))), 'UTC') AS at
FROM
(
    WITH
        [('google.com', 'Google', 'search'), ('yandex.kz', 'Yandex', 'search'), ('t.me', 'Telegram', 'social'),
            ('instagram.com', 'Instagram', 'social'), ('bing.com', 'Bing', 'search'), ('chatgpt.com', 'ChatGPT', 'assistant'),
            ('vk.com', 'VK', 'social'), ('youtube.com', 'YouTube', 'social'), ('mail.ru', 'Mail.ru', 'email'), ('duckduckgo.com', 'DuckDuckGo', 'search')] AS services,
        [('Chrome', 'Android', 'mobile'), ('Chrome', 'Windows', 'desktop'), ('Safari', 'iOS', 'mobile'), ('Yandex Browser', 'Windows', 'desktop'),
            ('Samsung Browser', 'Android', 'mobile'), ('Edge', 'Windows', 'desktop'), ('Safari', 'macOS', 'desktop'), ('Firefox', 'Windows', 'desktop'),
            ('Yandex Browser', 'Android', 'mobile'), ('Chrome', 'macOS', 'desktop'), ('Opera', 'Windows', 'desktop'), ('Firefox', 'Linux', 'desktop'),
            ('Safari', 'iPadOS', 'tablet'), ('Chrome', 'Linux', 'desktop'), ('Opera', 'Android', 'mobile'), ('Firefox', 'Android', 'mobile')] AS agents,
        ['KZ', 'RU', 'UZ', 'KG', 'DE', 'TR', 'CN', 'US', 'AE', 'GB', 'UA', 'BY', 'PL', 'KR', 'NL', 'FR', 'GE', 'AZ', 'MN', 'IN'] AS countries,
        [('KZ-75', 'Almaty'), ('KZ-71', 'Astana'), ('KZ-79', 'Shymkent'), ('KZ-35', 'Karaganda'), ('KZ-15', 'Aktobe'), ('KZ-31', 'Taraz'),
            ('KZ-55', 'Pavlodar'), ('KZ-63', 'Oskemen'), ('KZ-10', 'Semey'), ('KZ-27', 'Oral'), ('KZ-39', 'Kostanay'), ('KZ-43', 'Kyzylorda')] AS places
    SELECT
        session, consent_id, session_id, whole, last,
        range(toUInt32(arrayElement([1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 9, 12, 15], session % 16 + 1))) AS turns,
        arrayMap(i -> toUInt32(least(600000, 1200 - 27000 * log((cityHash64(session, i, 'stay') % 1000000 + 1) / 1000000))), turns) AS stays,
        arrayMap(i -> toUInt32(180 + cityHash64(session, i, 'load') % 1700), turns) AS loads,
        arrayMap((ended, stay, load) -> begins + ended - stay - load, arrayCumSum(arrayMap((stay, load) -> toInt64(stay + load), stays, loads)), stays, loads) AS opens,
        arrayMap(i -> toUInt8(/*acts*/ AND cityHash64(session, i, 'act') % 25 = 0), turns) AS acting,
        arrayMap((n, act) -> toUInt32(n - act), arrayCumSum(acting), acting) AS befores,
        arrayMap(i -> toUInt32(exp(log(/*paths*/ + 1) * (bitAnd(cityHash64(session, i, 'path'), 65535) / 65536))), turns) AS paths,
        countries[toUInt32(pow(bitAnd(bitShiftRight(person, 8), 65535) / 65536, 3) * length(countries)) + 1] AS country,
        places[toUInt32(pow(bitAnd(bitShiftRight(person, 16), 65535) / 65536, 2) * length(places)) + 1] AS home,
        if(country = 'KZ', home, ('', '')) AS place,
        agents[toUInt32(pow(bitAnd(bitShiftRight(person, 24), 65535) / 65536, 2) * length(agents)) + 1] AS agent,
        toString(142 - toUInt32(pow(bitAnd(bitShiftRight(person, 40), 65535) / 65536, 3) * 24)) AS version,
        bitAnd(bitShiftRight(session, 4), 255) AS how,
        toUInt32(exp(log(400) * (bitAnd(bitShiftRight(session, 12), 65535) / 65536))) AS other,
        services[toUInt32(pow(bitAnd(bitShiftRight(session, 28), 65535) / 65536, 2) * length(services)) + 1] AS service,
        concat(['blog', 'forum', 'news', 'shop'][other % 4 + 1], toString(other), '.example') AS elsewhere,
        toUInt32(exp(log(60) * (bitAnd(bitShiftRight(session, 44), 4095) / 4096))) AS campaign,
        multiIf(
            how < 90, ('', '', 'direct', '', '', '', '', '', ''),
            how < 170, (service.1, service.2, service.3, '', '', '', '', '', ''),
            how < 205, (elsewhere, elsewhere, 'referral', '', '', '', '', '', ''),
            how < 235, (service.1, 'Google', 'paid', 'google', 'cpc', concat('campaign', toString(campaign)), ['a', 'b', 'c'][campaign % 3 + 1], concat('word', toString(other)), 'google'),
            ('', 'Newsletter', 'email', 'newsletter', 'email', concat('issue', toString(campaign)), ['top', 'foot'][campaign % 2 + 1], '', '')) AS came,
        if(bitAnd(session, 7) < 5, person, session) AS net,
        if(net % 10 = 0, toIPv6(concat('2001:db8:', lower(hex(toUInt16(bitShiftRight(net, 20)))), '::')),
            toIPv6(IPv4NumToString(toUInt32(167772160 + bitAnd(bitShiftRight(net, 20), 65535) * 256)))) AS network
    FROM (/*visits*/)
)
ARRAY JOIN turns AS page, stays AS stay, opens AS opened, acting AS acts, befores AS before, paths AS path
