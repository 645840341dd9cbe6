-- What the nodes share to work together: the archive of policy editions, the
-- jobs of erasure with their certificates, and how far each node has got.

CREATE TABLE IF NOT EXISTS policy_editions
(
    site LowCardinality(String) COMMENT 'site id of the policy [none]' CODEC(ZSTD(1)),
    edition String COMMENT 'SHA-256 of the edition, hex [none]' CODEC(ZSTD(1)),
    number UInt32 COMMENT 'number of the edition on its site [none]' CODEC(T64, ZSTD(1)),
    effective Date COMMENT 'first day the edition is in force [none]' CODEC(Delta, ZSTD(1)),
    document String COMMENT 'the edition in its canonical form [none]' CODEC(ZSTD(3)),
    archived_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when it was archived [none]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site, number, edition);

-- A job is a row without done_at; the row with it is its certificate.
CREATE TABLE IF NOT EXISTS erasures
(
    id UUID COMMENT 'id of the job [proof]' CODEC(ZSTD(1)),
    site LowCardinality(String) COMMENT 'site id of the policy [proof]' CODEC(ZSTD(1)),
    consent_id UUID COMMENT 'the consent whose rows go [proof]' CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'withdrawn, narrowed or erased [proof]' CODEC(ZSTD(1)),
    number UInt32 COMMENT 'decision from which on a narrowed consent holds, else 0 [proof]' CODEC(T64, ZSTD(1)),
    fields_lost UInt32 COMMENT 'set of fields no longer permitted, a bit each [proof]' CODEC(ZSTD(1)),
    requested_at DateTime64(3, 'UTC') COMMENT 'when the person asked [proof]' CODEC(Delta, ZSTD(1)),
    done_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when nothing was left [proof]' CODEC(ZSTD(1)),
    rows UInt64 COMMENT 'rows erased [proof]' CODEC(T64, ZSTD(1)),
    expires_at DateTime('UTC') COMMENT 'end of the certificate''s term [proof]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site, consent_id, id)
PARTITION BY toYYYYMM(expires_at)
TTL expires_at
SETTINGS merge_with_ttl_timeout = 3600, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS nodes
(
    node LowCardinality(String) COMMENT 'name of the node [none]' CODEC(ZSTD(1)),
    seen_at DateTime64(3, 'UTC') COMMENT 'when the node wrote this [none]' CODEC(Delta, ZSTD(1)),
    watermark DateTime64(3, 'UTC') COMMENT 'nothing older than this waits on the node unchecked [none]' CODEC(Delta, ZSTD(1)),
    expires_at DateTime('UTC') DEFAULT toDateTime(seen_at, 'UTC') + INTERVAL 1 DAY COMMENT 'when the row is of no more use [none]' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(seen_at)
ORDER BY node
TTL expires_at
SETTINGS merge_with_ttl_timeout = 3600;
