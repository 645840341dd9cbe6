package limit

import (
	"sync"
	"sync/atomic"
	"time"
)

// The table has room for sets*ways clients that lately called, in Bytes of memory,
// whatever happens.
const (
	sets = 8192
	ways = 8
)

// size is a bucket of tokens: one comes every so many nanoseconds, and so many
// nanoseconds' worth of them fit.
type size struct{ every, capacity int64 }

func sizeOf(every time.Duration, burst int) size {
	return size{every: int64(every), capacity: int64(every) * int64(burst)}
}

// place is one client: when its bucket is full again. Once that moment has passed
// the place says nothing any more, and is free.
type place struct {
	digest uint64
	full   int64
}

type set struct {
	mu     sync.Mutex
	places [ways]place
}

// table holds a fixed number of places. A client stands in one set of them, which
// its digest names; a set is locked by itself.
type table struct {
	sets   [sets]set
	pushed atomic.Uint64
}

// take takes a token and returns how many nanoseconds there is none.
//
// Where all places of a set are in use by others, the client that owes the least
// is forgotten: its bucket is full again a little early. So nobody is refused for
// want of room, and who floods stays known.
func (t *table) take(digest uint64, s size, now int64) (wait int64) {
	set := &t.sets[digest>>32%sets]
	set.mu.Lock()
	defer set.mu.Unlock()
	least := 0
	for i := range set.places {
		if set.places[i].digest == digest {
			return set.places[i].take(s, now)
		}
		if set.places[i].full < set.places[least].full {
			least = i
		}
	}
	p := &set.places[least]
	if p.full > now {
		t.pushed.Add(1)
	}
	*p = place{digest: digest}
	return p.take(s, now)
}

// take takes a token of the bucket, if there is one.
func (p *place) take(s size, now int64) (wait int64) {
	full := min(max(p.full, now), now+s.capacity) // also where the clock was put back
	if wait = full + s.every - now - s.capacity; wait > 0 {
		p.full = full
		return wait
	}
	p.full = full + s.every
	return 0
}

// clear forgets everybody.
func (t *table) clear() {
	for i := range t.sets {
		s := &t.sets[i]
		s.mu.Lock()
		clear(s.places[:])
		s.mu.Unlock()
	}
}
