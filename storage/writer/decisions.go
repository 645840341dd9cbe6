package writer

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/consent"
	"kelisim/storage/journal"
)

// Kinds of erasure job.
const (
	EraseWithdrawn = "withdrawn" // the consent is over: every row of it goes
	EraseNarrowed  = "narrowed"  // some fields are no longer licensed: their values go
	EraseDemanded  = "erased"    // the person wants it: every row up to that moment goes
)

// JobTerm is how long the certificate of an erasure is kept: as long as the
// default term of the proof of consent.
const JobTerm = 3 * 365 * 24 * time.Hour

// decisionKey tells a row of a decision from others. The number alone does not: an
// answer that did not arrive, or another node, can make two decisions under one.
type decisionKey struct {
	id     uuid.UUID
	number uint32
	mark   string // what else tells it in its table
}

func keyOfDecision(r *consent.Record, mark string) decisionKey {
	return decisionKey{uuid.UUID(r.ID), r.Number, mark}
}

// Marks of a decision in the tables that have a part of it.
func commitmentOf(r *consent.Record) string { return hex.EncodeToString(r.Commitment[:]) }
func nonceOf(r *consent.Record) string      { return hex.EncodeToString(r.Nonce[:]) }
func momentOf(r *consent.Record) string     { return strconv.FormatInt(r.Time.UnixMilli(), 10) }

// writeDecisions inserts the ledger's rows, the revocations and the erasure jobs.
func (w *Writer) writeDecisions(ctx context.Context, decisions []numbered[journal.Decided], doubt bool) error {
	if len(decisions) == 0 {
		return nil
	}
	var ids []string
	for _, d := range decisions {
		ids = append(ids, d.value.Record.ID.String())
	}
	tables := []struct {
		name, columns string
		append        func(driver.Batch, numbered[journal.Decided]) error
		mark          string
		markOf        func(*consent.Record) string
	}{
		{"consent_payloads", "site, consent_id, number, payload, nonce, keep_until", w.appendPayload, "lower(hex(nonce))", nonceOf},
		{"revocations", revocationColumns, w.appendRevocation, "toString(toUnixTimestamp64Milli(time))", momentOf},
		{"erasures", jobColumns, w.appendJob, "toString(toUnixTimestamp64Milli(requested_at))", momentOf},
		{"consents", "site, consent_id, number, state, action, channel, edition, lang, gpc, items, time, " +
			"expires_at, node, node_seq, commitment, keep_until", w.appendConsent, "lower(hex(commitment))", commitmentOf},
	}
	for _, t := range tables {
		read := func() (map[decisionKey]bool, error) { return w.decisionsThere(ctx, t.name, t.mark, ids) }
		err := ensure(doubt, read, func(there map[decisionKey]bool) (int, error) {
			return w.insert(ctx, t.name, t.columns, func(b driver.Batch) error {
				for _, d := range decisions {
					if r := &d.value.Record; there[keyOfDecision(r, t.markOf(r))] {
						continue
					}
					if err := t.append(b, d); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) decisionsThere(ctx context.Context, table, mark string, ids []string) (map[decisionKey]bool, error) {
	rows, err := w.o.Conn.Query(ctx, "SELECT consent_id, number, "+mark+" FROM "+table+" WHERE consent_id IN (?)", ids)
	if err != nil {
		return nil, fmt.Errorf("writer: read back %s: %w", table, err)
	}
	defer rows.Close()
	there := map[decisionKey]bool{}
	for rows.Next() {
		var k decisionKey
		if err := rows.Scan(&k.id, &k.number, &k.mark); err != nil {
			return nil, fmt.Errorf("writer: read back %s: %w", table, err)
		}
		there[k] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("writer: read back %s: %w", table, err)
	}
	return there, nil
}

func (w *Writer) appendConsent(b driver.Batch, d numbered[journal.Decided]) error {
	r := d.value.Record
	return b.Append(r.Site, uuid.UUID(r.ID), r.Number, string(r.State), string(r.Action), string(r.Channel),
		hex.EncodeToString(r.Edition[:]), r.Lang, r.GPC, r.Items, r.Time, r.Expires, w.o.Node, d.seq,
		string(r.Commitment[:]), r.KeepUntil)
}

func (w *Writer) appendPayload(b driver.Batch, d numbered[journal.Decided]) error {
	r := d.value.Record
	return b.Append(r.Site, uuid.UUID(r.ID), r.Number, string(r.Payload), string(r.Nonce[:]), r.KeepUntil)
}

func (w *Writer) appendRevocation(b driver.Batch, d numbered[journal.Decided]) error {
	if d.value.Lowest == 0 || d.value.Spares {
		return nil // an older token grants no more than the newer one: other nodes need not know
	}
	r := d.value.Record
	return b.Append(r.Site, uuid.UUID(r.ID), d.value.Lowest, r.Time, w.o.Node, d.seq, d.value.Revocation().Expires, r.Number)
}

func (w *Writer) appendJob(b driver.Batch, d numbered[journal.Decided]) error {
	r, kind := d.value.Record, ""
	switch {
	case d.value.Lowest == consent.NothingValid:
		kind = EraseWithdrawn
	case d.value.Lost != 0:
		kind = EraseNarrowed
	default:
		return nil
	}
	return b.Append(journal.JobID(r.ID, r.Number, r.Time), r.Site, uuid.UUID(r.ID), kind, r.Number, uint32(d.value.Lost), r.Time, r.Time.Add(JobTerm))
}

const revocationColumns = "site, consent_id, lowest, time, node, node_seq, expires_at, number"

const jobColumns = "id, site, consent_id, kind, number, fields_lost, requested_at, expires_at"
