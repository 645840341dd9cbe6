-- What visitors permitted to be stored: one row an event, and in a narrow table
-- of its own the network of the address, because it lives shorter than the row
-- it belongs to and a column's TTL does not run where whole parts are dropped.
--
-- Rows lie in the order a person's rights are exercised in: by site and consent.
-- Each day of expiry is a partition, dropped as a whole once its day has begun.
-- Parts that a deletion replaced go within a minute.

CREATE TABLE IF NOT EXISTS events
(
    site LowCardinality(String) COMMENT 'site id of the policy [consent]' CODEC(ZSTD(1)),
    time DateTime64(3, 'UTC') COMMENT 'when it happened, by the server''s clock [page|events|engagement]' CODEC(Delta, ZSTD(1)),
    name LowCardinality(String) COMMENT 'pageview, engagement or a declared event [page|events|engagement]' CODEC(ZSTD(1)),
    consent_id UUID COMMENT 'the consent that permits the row: the reference to its proof [consent]' CODEC(ZSTD(1)),
    number UInt32 COMMENT 'the decision under that consent that permits the row [consent]' CODEC(T64, ZSTD(1)),
    session_id UUID COMMENT 'random id of the visit, zero where not permitted [session]' CODEC(ZSTD(1)),
    seq UInt32 COMMENT 'counter of the browser, tells a repeat from a new event [consent]' CODEC(T64, ZSTD(1)),
    visitor Bool COMMENT 'whether the consent id may count as a visitor in figures [visitor]' CODEC(ZSTD(1)),
    path String COMMENT 'path of the page, without parameters [page]' CODEC(ZSTD(1)),
    referrer LowCardinality(String) COMMENT 'host of the site the visitor came from [referrer]' CODEC(ZSTD(1)),
    utm_source LowCardinality(String) COMMENT 'campaign source named by the link [campaign]' CODEC(ZSTD(1)),
    utm_medium LowCardinality(String) COMMENT 'campaign medium named by the link [campaign]' CODEC(ZSTD(1)),
    utm_campaign LowCardinality(String) COMMENT 'campaign named by the link [campaign]' CODEC(ZSTD(1)),
    country LowCardinality(String) COMMENT 'country of the address, ISO 3166 alpha-2 [country]' CODEC(ZSTD(1)),
    browser LowCardinality(String) COMMENT 'browser family [browser]' CODEC(ZSTD(1)),
    browser_version LowCardinality(String) COMMENT 'major version of the browser [browser]' CODEC(ZSTD(1)),
    os LowCardinality(String) COMMENT 'operating system family [os]' CODEC(ZSTD(1)),
    device LowCardinality(String) COMMENT 'device class [device]' CODEC(ZSTD(1)),
    props Map(LowCardinality(String), String) COMMENT 'declared properties of a declared event [events]' CODEC(ZSTD(1)),
    engaged_ms UInt32 COMMENT 'milliseconds engaged with a page so far, the largest counts [engagement]' CODEC(T64, ZSTD(1)),
    expires_at DateTime('UTC') COMMENT 'when the row must be gone, 00:00 UTC [consent]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site, consent_id, time)
PARTITION BY toDate(expires_at)
TTL expires_at
SETTINGS ttl_only_drop_parts = 1, merge_with_ttl_timeout = 3600, old_parts_lifetime = 60,
    cleanup_delay_period = 10, max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 2;

CREATE TABLE IF NOT EXISTS addresses
(
    site LowCardinality(String) COMMENT 'site id of the policy [consent]' CODEC(ZSTD(1)),
    consent_id UUID COMMENT 'consent_id of the event [consent]' CODEC(ZSTD(1)),
    session_id UUID COMMENT 'session_id of the event [session]' CODEC(ZSTD(1)),
    seq UInt32 COMMENT 'seq of the event [consent]' CODEC(T64, ZSTD(1)),
    name LowCardinality(String) COMMENT 'name of the event [page|events|engagement]' CODEC(ZSTD(1)),
    ip IPv6 COMMENT 'network of the address, cut to /24 (v4-mapped) or /48 [address]' CODEC(ZSTD(1)),
    expires_at DateTime('UTC') COMMENT 'when the row must be gone, 00:00 UTC [consent]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site, consent_id, session_id, seq)
PARTITION BY toDate(expires_at)
TTL expires_at
SETTINGS ttl_only_drop_parts = 1, merge_with_ttl_timeout = 3600, old_parts_lifetime = 60,
    cleanup_delay_period = 10, max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 2;
