package writer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kelisim/pipeline/batch"
	"kelisim/pipeline/spool"
	"kelisim/pipeline/validate"
)

// readBackChunk is how many consents one query of reading back names.
const readBackChunk = 5000

// eventsThere reads back which identities of the frames are stored already: all
// of them, or only those of calls that may repeat an earlier one.
func (w *Writer) eventsThere(ctx context.Context, frames []spool.Frame, every bool) (map[digest]struct{}, error) {
	there := map[digest]struct{}{}
	sites, ids, since, err := doubtful(frames, every)
	if err != nil {
		return nil, err
	}
	for len(ids) > 0 {
		n := min(readBackChunk, len(ids))
		rows, err := w.o.Conn.Query(ctx,
			"SELECT consent_id, session_id, seq, name, engaged_ms, time FROM events"+
				" WHERE site IN (?) AND consent_id IN (?) AND time >= fromUnixTimestamp64Milli(?)", sites, ids[:n], since.UnixMilli())
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
			there[w.digests.of(id)] = struct{}{}
		}
		err = rows.Err()
		rows.Close()
		if err != nil {
			return nil, fmt.Errorf("writer: read back events: %w", err)
		}
		ids = ids[n:]
		w.stats.readBack(n)
	}
	return there, nil
}

// readBackSince is how much earlier than an event its first copy can have happened
// in the database: no session lasts longer, and the rest is for clocks.
const readBackSince = 48 * time.Hour

// doubtful lists the sites and the consents of frames, and since when they are of
// interest: of all, or of those that may repeat an earlier call.
func doubtful(frames []spool.Frame, every bool) (sites, ids []string, since time.Time, err error) {
	seen := map[uuid.UUID]bool{}
	var reader batch.Reader
	for _, f := range frames {
		if !every && !batch.NeedsReadBack(f) {
			continue
		}
		b, err := reader.Read(f)
		if err != nil {
			return nil, nil, since, fmt.Errorf("writer: %w", err)
		}
		for i := range b.Len() {
			v := b.At(i)
			if from := v.Time.Add(-readBackSince); since.IsZero() || from.Before(since) {
				since = from
			}
			if !slices.Contains(sites, v.Site) {
				sites = append(sites, strings.Clone(v.Site))
			}
			if id := uuid.UUID(v.ConsentID); !seen[id] {
				seen[id] = true
				ids = append(ids, id.String())
			}
		}
	}
	return sites, ids, since, nil
}
