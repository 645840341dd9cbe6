package batch

import (
	"encoding/binary"
	"hash/maphash"
	"sync"

	"kelisim/pipeline/validate"
)

// Identity tells a repeated event from a new one, as long as the process lives.
// It is a keyed digest: nothing can be read from it, and it is stored nowhere.
type Identity uint64

// Recent remembers the identities that were taken in, so that a browser's repeat
// is not stored twice. It holds two generations and forgets the older one when
// the newer is full; what it has forgotten the writer finds by reading back where
// the browser says that it repeats. It is safe for concurrent use.
//
// An identity is 64 bits: of a million million events fewer than one is taken for
// a repeat by chance while a million are remembered.
type Recent struct {
	seed  maphash.Seed
	limit int

	mu       sync.Mutex
	now, old []uint64 // open addressing; 0 is empty
	held     int      // in now
}

// NewRecent makes a memory of at least limit and at most 2 × limit identities. It
// takes at most 43 bytes for each of limit.
func NewRecent(limit int) *Recent {
	slots := 8
	for slots*3/4 < limit {
		slots *= 2
	}
	return &Recent{seed: maphash.MakeSeed(), limit: max(limit, 1), now: make([]uint64, slots)}
}

// Take reserves the identity of a row of a session; ok is false when it is a
// repeat. The session is the browser's own, which the row does not carry where it
// is not permitted. Engaged time is cumulative and may be sent again with a
// larger value, so the value belongs to the identity.
func (r *Recent) Take(row Row, session [16]byte) (id Identity, ok bool) {
	id = r.identify(&row, session)
	r.mu.Lock()
	defer r.mu.Unlock()
	at, there := find(r.now, id)
	if there {
		return id, false
	}
	if _, there = find(r.old, id); there {
		return id, false
	}
	if r.held >= r.limit {
		r.old, r.now, r.held = r.now, make([]uint64, len(r.now)), 0
		at, _ = find(r.now, id)
	}
	r.now[at] = uint64(id)
	r.held++
	return id, true
}

// Release gives identities back when their rows could not be made durable, so
// that the browser's repeat is taken.
func (r *Recent) Release(ids []Identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if remove(r.now, id) {
			r.held--
		} else {
			remove(r.old, id)
		}
	}
}

func (r *Recent) identify(row *Row, session [16]byte) Identity {
	v := &row.v
	var b [16 + 16 + 4 + 8]byte
	copy(b[:], v.ConsentID[:])
	copy(b[16:], session[:])
	binary.LittleEndian.PutUint32(b[32:], v.Seq)
	if v.Name == validate.Engagement {
		binary.LittleEndian.PutUint64(b[36:], uint64(v.Engaged))
	}
	sum := maphash.Bytes(r.seed, b[:]) ^ maphash.String(r.seed, v.Name)
	return Identity(max(sum, 1))
}

// home is where an identity lies when nothing is in its way.
func home(table []uint64, id uint64) int { return int(id>>1) & (len(table) - 1) }

// find says where an identity lies or belongs in a table that is never full.
func find(table []uint64, id Identity) (at int, there bool) {
	if table == nil {
		return 0, false
	}
	for at = home(table, uint64(id)); table[at] != 0; at = (at + 1) & (len(table) - 1) {
		if table[at] == uint64(id) {
			return at, true
		}
	}
	return at, false
}

// remove takes an identity out and closes the gap, so that what was laid behind
// it is still found.
func remove(table []uint64, id Identity) bool {
	gap, there := find(table, id)
	if !there {
		return false
	}
	mask := len(table) - 1
	for at := (gap + 1) & mask; table[at] != 0; at = (at + 1) & mask {
		if from := home(table, table[at]); (at-from)&mask >= (at-gap)&mask {
			table[gap], gap = table[at], at
		}
	}
	table[gap] = 0
	return true
}
