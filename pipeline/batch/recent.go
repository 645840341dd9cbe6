package batch

import (
	"sync"
	"time"

	"kelisim/pipeline/minimise"
	"kelisim/pipeline/validate"
)

// identity tells a repeated event from a new one. Engaged time is cumulative and
// may be sent again with a larger value, so the value belongs to its identity.
type identity struct {
	session [16]byte
	seq     uint32
	name    string
	engaged time.Duration
}

func identify(v minimise.Values) identity {
	id := identity{session: v.Session, seq: v.Seq, name: v.Name}
	if v.Name == validate.Engagement {
		id.engaged = v.Engaged
	}
	return id
}

// Recent remembers the identities that were taken in, so that a browser's repeat
// is not stored twice. It holds two generations and forgets the older one when
// the newer is full; what it has forgotten the writer finds by reading back. It
// is safe for concurrent use.
type Recent struct {
	mu       sync.Mutex
	limit    int
	now, old map[identity]struct{}
}

// NewRecent makes a memory of at least limit and at most 2 × limit identities.
func NewRecent(limit int) *Recent {
	return &Recent{limit: max(limit, 1), now: map[identity]struct{}{}, old: map[identity]struct{}{}}
}

// Take reserves a row's identity; false means that it is a repeat. A row without
// a session has no identity and is never a repeat.
func (r *Recent) Take(row Row) bool {
	if row.v.Session == [16]byte{} {
		return true
	}
	id := identify(row.v)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.now[id]; ok {
		return false
	}
	if _, ok := r.old[id]; ok {
		return false
	}
	if len(r.now) >= r.limit {
		r.old, r.now = r.now, make(map[identity]struct{}, r.limit)
	}
	r.now[id] = struct{}{}
	return true
}

// Release gives identities back when their rows could not be made durable, so
// that the browser's repeat is taken.
func (r *Recent) Release(rows []Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range rows {
		delete(r.now, identify(row.v))
		delete(r.old, identify(row.v))
	}
}
