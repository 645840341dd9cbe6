-- The network of an address stands in its event, and goes before it: the column has
-- a term of its own. In a table beside it the ids that tie the two together were
-- repeated for every event, which cost a third of the disk and half of the inserts.
-- A column's term is kept in the background only where not just whole parts are
-- dropped; a part of which every row is past its term is still dropped as a whole,
-- and a partition ends on one day, so that no other part is ever past it.
--
-- The table addresses stays for what older versions wrote, until its own term
-- empties it. Paths repeat, so that they are stored as numbers of a dictionary.

ALTER TABLE events
    ADD COLUMN IF NOT EXISTS ip_expires_at DateTime('UTC') COMMENT 'when the network must be gone, 00:00 UTC, 1970 where there is none [consent]' CODEC(Delta, ZSTD(1)) AFTER engaged_ms,
    ADD COLUMN IF NOT EXISTS ip IPv6 COMMENT 'network of the address, cut to /24 (v4-mapped) or /48 [address]' CODEC(ZSTD(1)) TTL ip_expires_at AFTER engaged_ms;

ALTER TABLE events MODIFY SETTING ttl_only_drop_parts = 0;

ALTER TABLE events MODIFY COLUMN path LowCardinality(String) COMMENT 'path of the page, without parameters [page]' CODEC(ZSTD(1));

ALTER TABLE events
    MODIFY COLUMN seq CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN engaged_ms CODEC(ZSTD(1));

CREATE OR REPLACE VIEW events_full
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    e.site AS site, e.time AS time, e.name AS name, e.consent_id AS consent_id, e.number AS number,
    e.session_id AS session_id, e.seq AS seq, e.visitor AS visitor, e.path AS path, e.referrer AS referrer,
    e.source AS source, e.channel AS channel,
    e.utm_source AS utm_source, e.utm_medium AS utm_medium, e.utm_campaign AS utm_campaign,
    e.utm_content AS utm_content, e.utm_term AS utm_term, e.click AS click,
    e.country AS country, e.region AS region, e.city AS city,
    e.browser AS browser, e.browser_version AS browser_version, e.os AS os,
    e.device AS device, e.props AS props, e.engaged_ms AS engaged_ms, e.expires_at AS expires_at,
    if(e.ip_expires_at > now(), e.ip, a.ip) AS ip
FROM events AS e
ANY LEFT JOIN
(
    SELECT site, consent_id, session_id, seq, name, ip
    FROM addresses
    WHERE expires_at > now()
) AS a
    ON e.site = a.site AND e.consent_id = a.consent_id AND e.session_id = a.session_id
    AND e.seq = a.seq AND e.name = a.name
WHERE e.expires_at > now();
