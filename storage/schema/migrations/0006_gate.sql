-- Where a visit came from, by name and channel; more of what a link says of its
-- campaign; the region of an address; and why exactly an event was dropped.

ALTER TABLE events
    ADD COLUMN IF NOT EXISTS utm_content LowCardinality(String) COMMENT 'campaign content named by the link [campaign]' CODEC(ZSTD(1)) AFTER utm_campaign,
    ADD COLUMN IF NOT EXISTS utm_term LowCardinality(String) COMMENT 'campaign keyword named by the link [campaign]' CODEC(ZSTD(1)) AFTER utm_content,
    ADD COLUMN IF NOT EXISTS click LowCardinality(String) COMMENT 'whose click id the page was opened with, never the id [campaign]' CODEC(ZSTD(1)) AFTER utm_term,
    ADD COLUMN IF NOT EXISTS source LowCardinality(String) COMMENT 'name of the site or application the visitor came from [referrer]' CODEC(ZSTD(1)) AFTER referrer,
    ADD COLUMN IF NOT EXISTS channel LowCardinality(String) COMMENT 'kind of that source: search, social, email, paid, assistant, referral, campaign, direct [referrer]' CODEC(ZSTD(1)) AFTER source,
    ADD COLUMN IF NOT EXISTS region LowCardinality(String) COMMENT 'region of the address, ISO 3166-2 [region]' CODEC(ZSTD(1)) AFTER country,
    ADD COLUMN IF NOT EXISTS city LowCardinality(String) COMMENT 'city of the address [city]' CODEC(ZSTD(1)) AFTER region;

ALTER TABLE events MODIFY COLUMN props COMMENT 'declared properties of a declared event, measures of vitals [events|vitals]';

ALTER TABLE events MODIFY COLUMN time COMMENT 'when it happened, by the server''s clock [page|events|engagement|vitals]';

ALTER TABLE events MODIFY COLUMN name COMMENT 'pageview, engagement, vitals or a declared event [page|events|engagement|vitals]';

ALTER TABLE addresses MODIFY COLUMN name COMMENT 'name of the event [page|events|engagement|vitals]';

ALTER TABLE outcomes
    ADD COLUMN IF NOT EXISTS detail LowCardinality(String) COMMENT 'tells apart what shares an outcome [none]' CODEC(ZSTD(1)) AFTER outcome;

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
