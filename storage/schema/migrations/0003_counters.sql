-- Counters without any identifier: what banners were shown and refused, and how
-- events ended. Node and node_seq tell a repeated row from a new one.

CREATE TABLE IF NOT EXISTS banner_counts
(
    site LowCardinality(String) COMMENT 'site id of the policy [none]' CODEC(ZSTD(1)),
    edition LowCardinality(String) COMMENT 'policy edition that was shown, hex [none]' CODEC(ZSTD(1)),
    lang LowCardinality(String) COMMENT 'language of the banner [none]' CODEC(ZSTD(1)),
    variant LowCardinality(String) COMMENT 'layout of the banner [none]' CODEC(ZSTD(1)),
    hour DateTime('UTC') COMMENT 'begin of the hour [none]' CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String) COMMENT 'shown or refused [none]' CODEC(ZSTD(1)),
    n UInt64 COMMENT 'how many [none]' CODEC(T64, ZSTD(1)),
    node LowCardinality(String) COMMENT 'node that counted [none]' CODEC(ZSTD(1)),
    node_seq UInt64 COMMENT 'number of the record on that node [none]' CODEC(Delta, ZSTD(1)),
    expires_at DateTime('UTC') COMMENT 'when the counter goes, 25 months on [none]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site, hour, kind, edition, lang, variant)
PARTITION BY toYYYYMM(expires_at)
TTL expires_at
SETTINGS merge_with_ttl_timeout = 3600;

CREATE TABLE IF NOT EXISTS outcomes
(
    site LowCardinality(String) COMMENT 'site id of the policy [none]' CODEC(ZSTD(1)),
    day Date COMMENT 'day in UTC [none]' CODEC(Delta, ZSTD(1)),
    outcome LowCardinality(String) COMMENT 'stored, or the reason events were dropped for [none]' CODEC(ZSTD(1)),
    n UInt64 COMMENT 'how many events [none]' CODEC(T64, ZSTD(1)),
    node LowCardinality(String) COMMENT 'node that counted [none]' CODEC(ZSTD(1)),
    node_seq UInt64 COMMENT 'number of the record on that node [none]' CODEC(Delta, ZSTD(1)),
    expires_at DateTime('UTC') COMMENT 'when the counter goes, 25 months on [none]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site, day, outcome)
PARTITION BY toYYYYMM(expires_at)
TTL expires_at
SETTINGS merge_with_ttl_timeout = 3600;
