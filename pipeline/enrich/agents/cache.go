package agents

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"

	"kelisim/pipeline/enrich"
)

// cache remembers what headers tell, by a keyed hash of them: the headers themselves
// stand nowhere. It holds a bounded number of answers, each in one of a few places
// that its hash allows, and forgets another for it when all of those are taken:
// unlike one that forgets what was not asked for longest, it takes no lock and
// writes nothing when it is asked. It is safe for concurrent use.
type cache struct {
	seeds [2]maphash.Seed
	sets  [cacheSets]cacheSet
}

// cacheSet is the places for one hash. The first halves of the hashes stand apart,
// so that no answer is looked at but the right one; they may be those of other
// answers for a moment, and an answer counts only when the other half is the same.
type cacheSet struct {
	hashes  [cacheWays]atomic.Uint64
	answers [cacheWays]atomic.Pointer[answer]
}

// Size of the cache: as many answers as there are places.
const (
	cacheSets = 1024
	cacheWays = 8
)

// answer is what some headers tell.
type answer struct {
	check uint64
	agent enrich.Agent
}

// digest is a hash of 128 bits, under seeds that nobody outside can know: that two
// headers share one does not happen.
type digest struct{ at, check uint64 }

func newCache() cache { return cache{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}} }

// digest is taken over all headers, one after the other.
func (c *cache) digest(h *enrich.Headers) digest {
	p := digest{maphash.String(c.seeds[0], h.UserAgent), maphash.String(c.seeds[1], h.UserAgent)}
	for _, hint := range [...]string{h.Brands, h.Mobile, h.Platform} {
		p.at, p.check = bits.RotateLeft64(p.at, 17), bits.RotateLeft64(p.check, 17)
		if hint != "" {
			p.at ^= maphash.String(c.seeds[0], hint)
			p.check ^= maphash.String(c.seeds[1], hint)
		}
	}
	return p
}

// get finds an answer.
func (c *cache) get(p digest) (*answer, bool) {
	set := &c.sets[p.at%cacheSets]
	for i := range set.hashes {
		if set.hashes[i].Load() != p.at {
			continue
		}
		if a := set.answers[i].Load(); a != nil && a.check == p.check {
			return a, true
		}
	}
	return nil, false
}

// put remembers an answer.
func (c *cache) put(p digest, agent enrich.Agent) {
	set := &c.sets[p.at%cacheSets]
	way := p.at / cacheSets % cacheWays
	for i := range set.answers {
		if set.answers[i].Load() == nil {
			way = uint64(i)
			break
		}
	}
	set.answers[way].Store(&answer{check: p.check, agent: agent})
	set.hashes[way].Store(p.at)
}

// owned is headers in values of their own: what is given lies in a buffer that the
// next request is read into, and an answer may hold a part of it.
func owned(h *enrich.Headers) enrich.Headers {
	return enrich.Headers{
		UserAgent: strings.Clone(h.UserAgent), Brands: strings.Clone(h.Brands),
		Mobile: strings.Clone(h.Mobile), Platform: strings.Clone(h.Platform),
	}
}
