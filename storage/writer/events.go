package writer

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"kelisim/consent"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
	"kelisim/storage/journal"
)

// identity tells an event from every other one in the database. A row without a
// session is told by the moment it happened.
type identity struct {
	consent uuid.UUID
	session uuid.UUID
	seq     uint32
	name    string
	extra   int64 // engaged milliseconds, or the time of a row without a session
}

func identify(v minimise.Values) identity {
	id := identity{consent: uuid.UUID(v.ConsentID), session: uuid.UUID(v.Session), seq: v.Seq, name: v.Name}
	switch {
	case v.Name == validate.Engagement:
		id.extra = v.Engaged.Milliseconds()
	case v.Session == [16]byte{}:
		id.extra = v.Time.UnixMilli()
	}
	return id
}

// writeEvents re-checks every event against the revocations and its own term,
// inserts what still may be stored, and returns the final outcomes. What stood
// in the table before the first try is a repeat; what an earlier try stored is
// not.
func (w *Writer) writeEvents(ctx context.Context, l *load, doubt bool) ([]numbered[journal.Outcome], error) {
	frames := l.events
	if l.repeats == nil && !l.replayed {
		before, err := w.eventsThere(ctx, frames, false)
		if err != nil {
			return nil, err
		}
		l.repeats = before
	}
	var there map[identity]bool
	if doubt {
		var err error
		if there, err = w.eventsThere(ctx, frames, true); err != nil {
			return nil, err
		}
	}
	now := w.o.Now()
	var (
		rows  []minimise.Values
		final tallies
		taken = map[identity]bool{}
	)
	for _, f := range frames {
		var tally outcome.Tally
		if f.batch.Len() == 0 {
			continue
		}
		for _, r := range f.batch.Rows() {
			v := r.Values()
			id, ended := identify(v), w.ended(v)
			switch {
			case ended != outcome.None:
				tally.Add(ended, 1)
			case !now.Before(v.Expires):
				tally.Add(outcome.RowExpired, 1)
			case taken[id], l.repeats[id]:
				tally.Add(outcome.Duplicate, 1)
			case there[id]: // this process or the one before it stored it and did not learn so
				taken[id] = true
				tally.Add(outcome.Stored, 1)
			default:
				taken[id] = true
				rows = append(rows, v)
				tally.Add(outcome.Stored, 1)
			}
		}
		first := f.batch.Rows()[0].Values()
		final.add(f.seq, first.Site, first.Time, tally)
	}
	if err := w.insertAddresses(ctx, rows, doubt); err != nil {
		return nil, err
	}
	if err := w.insertEvents(ctx, rows); err != nil {
		return nil, err
	}
	return final.rows, nil
}

// ended says whether a newer decision ended the one that an event was accepted
// under.
func (w *Writer) ended(v minimise.Values) outcome.Outcome {
	switch w.o.Revoked.Standing(v.ConsentID, v.Number) {
	case consent.Stands, consent.Changed:
		return outcome.None
	case consent.Narrowed:
		return outcome.Narrowed
	}
	return outcome.Withdrawn
}

// eventsThere reads back which identities of the frames are stored already: all
// of them, or only those of sessions older than the process.
func (w *Writer) eventsThere(ctx context.Context, frames []events, every bool) (map[identity]bool, error) {
	there, ids := map[identity]bool{}, consentIDs(frames, func(b batch.Batch) bool { return every || b.ReadBack() })
	const chunk = 5000
	for len(ids) > 0 {
		n := min(chunk, len(ids))
		rows, err := w.o.Conn.Query(ctx,
			"SELECT consent_id, session_id, seq, name, engaged_ms, time FROM events WHERE consent_id IN (?)", ids[:n])
		if err != nil {
			return nil, fmt.Errorf("writer: read back events: %w", err)
		}
		for rows.Next() {
			var (
				id      identity
				engaged uint32
				at      time.Time
			)
			if err := rows.Scan(&id.consent, &id.session, &id.seq, &id.name, &engaged, &at); err != nil {
				rows.Close()
				return nil, fmt.Errorf("writer: read back events: %w", err)
			}
			switch {
			case id.name == validate.Engagement:
				id.extra = int64(engaged)
			case id.session == uuid.UUID{}:
				id.extra = at.UnixMilli()
			}
			there[id] = true
		}
		err = rows.Err()
		rows.Close()
		if err != nil {
			return nil, fmt.Errorf("writer: read back events: %w", err)
		}
		ids = ids[n:]
	}
	return there, nil
}

func consentIDs(frames []events, want func(batch.Batch) bool) []string {
	seen := map[uuid.UUID]bool{}
	var ids []string
	for _, f := range frames {
		if !want(f.batch) {
			continue
		}
		for _, r := range f.batch.Rows() {
			id := uuid.UUID(r.Values().ConsentID)
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id.String())
			}
		}
	}
	return ids
}

const eventColumns = "site, time, name, consent_id, number, session_id, seq, visitor, path, referrer, " +
	"utm_source, utm_medium, utm_campaign, utm_content, utm_term, click, source, channel, country, region, city, " +
	"browser, browser_version, os, device, props, engaged_ms, expires_at"

func (w *Writer) insertEvents(ctx context.Context, rows []minimise.Values) error {
	if len(rows) == 0 {
		return nil
	}
	b, err := w.o.Conn.PrepareBatch(ctx, "INSERT INTO events ("+eventColumns+")")
	if err != nil {
		return fmt.Errorf("writer: prepare events: %w", err)
	}
	err = w.send(b, func() error {
		for i := range rows {
			v := &rows[i]
			props := v.Props
			if props == nil {
				props = map[string]string{}
			}
			if err := b.Append(v.Site, v.Time, v.Name, uuid.UUID(v.ConsentID), v.Number, uuid.UUID(v.Session), v.Seq, v.Visitor,
				v.Path, v.Referrer, v.UTMSource, v.UTMMedium, v.UTMCampaign, v.UTMContent, v.UTMTerm, v.Click,
				v.Source, v.Channel, v.Country, v.Region, v.City, v.Browser, v.BrowserVersion,
				v.OS, v.Device, props, uint32(v.Engaged.Milliseconds()), v.Expires); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writer: insert into events: %w", err)
	}
	return nil
}

// insertAddresses writes the networks before the events, so that an event that
// is found by reading back has its network too.
func (w *Writer) insertAddresses(ctx context.Context, rows []minimise.Values, doubt bool) error {
	var with []minimise.Values
	for _, v := range rows {
		if v.Network.IsValid() {
			with = append(with, v)
		}
	}
	if len(with) == 0 {
		return nil
	}
	there := map[identity]bool{}
	if doubt {
		var err error
		if there, err = w.addressesThere(ctx, with); err != nil {
			return err
		}
	}
	b, err := w.o.Conn.PrepareBatch(ctx, "INSERT INTO addresses (site, consent_id, session_id, seq, name, ip, expires_at)")
	if err != nil {
		return fmt.Errorf("writer: prepare addresses: %w", err)
	}
	err = w.send(b, func() error {
		for i := range with {
			v := &with[i]
			if there[addressIdentity(*v)] {
				continue
			}
			ip := netip.AddrFrom16(v.Network.Masked().Addr().As16())
			if err := b.Append(v.Site, uuid.UUID(v.ConsentID), uuid.UUID(v.Session), v.Seq, v.Name, ip, v.NetworkExpires); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writer: insert into addresses: %w", err)
	}
	return nil
}

func addressIdentity(v minimise.Values) identity {
	return identity{consent: uuid.UUID(v.ConsentID), session: uuid.UUID(v.Session), seq: v.Seq, name: v.Name}
}

func (w *Writer) addressesThere(ctx context.Context, rows []minimise.Values) (map[identity]bool, error) {
	seen := map[string]bool{}
	var ids []string
	for _, v := range rows {
		if id := v.ConsentID.String(); !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	found, err := w.o.Conn.Query(ctx, "SELECT consent_id, session_id, seq, name FROM addresses WHERE consent_id IN (?)", ids)
	if err != nil {
		return nil, fmt.Errorf("writer: read back addresses: %w", err)
	}
	defer found.Close()
	there := map[identity]bool{}
	for found.Next() {
		var id identity
		if err := found.Scan(&id.consent, &id.session, &id.seq, &id.name); err != nil {
			return nil, fmt.Errorf("writer: read back addresses: %w", err)
		}
		there[id] = true
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("writer: read back addresses: %w", err)
	}
	return there, nil
}
