-- The view a person's rights are answered from: whole events with the network of
-- the address while it lives. It shows nothing that is past its term, even where
-- the row still lies on the disk, and reads with its definer's rights, so that
-- its readers need none on the tables.

CREATE OR REPLACE VIEW events_full
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    e.site AS site, e.time AS time, e.name AS name, e.consent_id AS consent_id, e.number AS number,
    e.session_id AS session_id, e.seq AS seq, e.visitor AS visitor, e.path AS path, e.referrer AS referrer,
    e.utm_source AS utm_source, e.utm_medium AS utm_medium, e.utm_campaign AS utm_campaign,
    e.country AS country, e.browser AS browser, e.browser_version AS browser_version, e.os AS os,
    e.device AS device, e.props AS props, e.engaged_ms AS engaged_ms, e.expires_at AS expires_at,
    a.ip AS ip
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
