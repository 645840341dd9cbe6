-- The decisions. A row of consents is a commitment that never changes; what it
-- commits to stands in consent_payloads and can be destroyed by itself.
-- A revocation kills every decision of a consent below the number it names.

CREATE TABLE IF NOT EXISTS consents
(
    site LowCardinality(String) COMMENT 'site id of the policy [proof]' CODEC(ZSTD(1)),
    consent_id UUID COMMENT 'random id the server gave the consent [proof]' CODEC(ZSTD(1)),
    number UInt32 COMMENT 'number of the decision under the consent, from 1 [proof]' CODEC(T64, ZSTD(1)),
    state LowCardinality(String) COMMENT 'state the decision led to, a DPV term [proof]' CODEC(ZSTD(1)),
    action LowCardinality(String) COMMENT 'what the person did [proof]' CODEC(ZSTD(1)),
    channel LowCardinality(String) COMMENT 'where the decision was made [proof]' CODEC(ZSTD(1)),
    edition LowCardinality(String) COMMENT 'SHA-256 of the policy edition that was shown, hex [proof]' CODEC(ZSTD(1)),
    lang LowCardinality(String) COMMENT 'language the texts were shown in [proof]' CODEC(ZSTD(1)),
    gpc Bool COMMENT 'whether the browser sent Global Privacy Control [proof]' CODEC(ZSTD(1)),
    items Array(LowCardinality(String)) COMMENT 'ids of the items granted [proof]' CODEC(ZSTD(1)),
    time DateTime64(3, 'UTC') COMMENT 'when the decision was made [proof]' CODEC(Delta, ZSTD(1)),
    expires_at DateTime('UTC') COMMENT 'end of the consent [proof]' CODEC(Delta, ZSTD(1)),
    node LowCardinality(String) COMMENT 'node that took the decision [none]' CODEC(ZSTD(1)),
    node_seq UInt64 COMMENT 'number of the record on that node [none]' CODEC(Delta, ZSTD(1)),
    commitment FixedString(32) COMMENT 'SHA-256 of nonce and payload [proof]' CODEC(ZSTD(1)),
    keep_until DateTime('UTC') COMMENT 'end of the proof''s own term [proof]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site, consent_id, number)
PARTITION BY toYYYYMM(keep_until)
TTL keep_until
SETTINGS merge_with_ttl_timeout = 3600, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS consent_payloads
(
    site LowCardinality(String) COMMENT 'site id of the policy [proof]' CODEC(ZSTD(1)),
    consent_id UUID COMMENT 'consent_id of the decision [proof]' CODEC(ZSTD(1)),
    number UInt32 COMMENT 'number of the decision [proof]' CODEC(T64, ZSTD(1)),
    payload String COMMENT 'the evidence, JSON [proof]' CODEC(ZSTD(3)),
    nonce FixedString(32) COMMENT 'random part of the commitment [proof]' CODEC(ZSTD(1)),
    keep_until DateTime('UTC') COMMENT 'end of the proof''s own term [proof]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (site, consent_id, number)
PARTITION BY toYYYYMM(keep_until)
TTL keep_until
SETTINGS merge_with_ttl_timeout = 3600, old_parts_lifetime = 60;

CREATE TABLE IF NOT EXISTS revocations
(
    site LowCardinality(String) COMMENT 'site id of the policy [proof]' CODEC(ZSTD(1)),
    consent_id UUID COMMENT 'the consent [proof]' CODEC(ZSTD(1)),
    number UInt32 COMMENT 'number of the decision that revokes [proof]' CODEC(T64, ZSTD(1)),
    lowest UInt32 COMMENT 'lowest decision that is still valid, 4294967295 = none [proof]' CODEC(ZSTD(1)),
    time DateTime64(3, 'UTC') COMMENT 'when the person decided [proof]' CODEC(Delta, ZSTD(1)),
    node LowCardinality(String) COMMENT 'node that took the decision [none]' CODEC(ZSTD(1)),
    node_seq UInt64 COMMENT 'number of the record on that node [none]' CODEC(Delta, ZSTD(1)),
    expires_at DateTime('UTC') COMMENT 'when the tokens of the consent are dead anyway [proof]' CODEC(Delta, ZSTD(1)),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when the database took the row: nodes read on from here [none]' CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (recorded_at, site, consent_id)
PARTITION BY toYYYYMM(expires_at)
TTL expires_at
SETTINGS merge_with_ttl_timeout = 3600, old_parts_lifetime = 60;
