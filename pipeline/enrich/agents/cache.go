package agents

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"

	"kelisim/pipeline/enrich"
)

// cache remembers what headers tell. It holds a bounded number of them, each in one
// of a few places that its hash allows, and forgets another for it when all of those
// are taken: unlike one that forgets what was not asked for longest, it takes no
// lock and writes nothing when it is asked. It is safe for concurrent use.
type cache struct {
	seed maphash.Seed
	sets [cacheSets]cacheSet
}

// cacheSet is the places for one hash. The hashes stand apart, so that no answer is
// looked at but the right one; they may be those of other answers for a moment, and
// an answer counts only when its headers are the same.
type cacheSet struct {
	hashes  [cacheWays]atomic.Uint64
	answers [cacheWays]atomic.Pointer[answer]
}

// Size of the cache: as many headers as there are places, each of at most 1.3 kB.
const (
	cacheSets = 1024
	cacheWays = 8
)

// answer is what some headers tell.
type answer struct {
	headers enrich.Headers
	agent   enrich.Agent
}

// hash is taken over all headers. The hints are few, so that nothing is lost by
// joining theirs simply.
func (c *cache) hash(h *enrich.Headers) uint64 {
	sum := maphash.String(c.seed, h.UserAgent)
	for _, hint := range [...]string{h.Brands, h.Mobile, h.Platform} {
		sum = bits.RotateLeft64(sum, 17)
		if hint != "" {
			sum ^= maphash.String(c.seed, hint)
		}
	}
	return sum
}

// get finds the answer for headers whose hash is given.
func (c *cache) get(hash uint64, h *enrich.Headers) (enrich.Agent, bool) {
	set := &c.sets[hash%cacheSets]
	for i := range set.hashes {
		if set.hashes[i].Load() != hash {
			continue
		}
		if a := set.answers[i].Load(); a != nil && a.headers == *h {
			return a.agent, true
		}
	}
	return enrich.Agent{}, false
}

// put remembers an answer.
func (c *cache) put(hash uint64, a *answer) {
	set := &c.sets[hash%cacheSets]
	way := hash / cacheSets % cacheWays
	for i := range set.answers {
		if set.answers[i].Load() == nil {
			way = uint64(i)
			break
		}
	}
	set.answers[way].Store(a)
	set.hashes[way].Store(hash)
}

// owned is headers in values of their own: what is given lies in a buffer that the
// next request is read into.
func owned(h *enrich.Headers) enrich.Headers {
	return enrich.Headers{
		UserAgent: strings.Clone(h.UserAgent), Brands: strings.Clone(h.Brands),
		Mobile: strings.Clone(h.Mobile), Platform: strings.Clone(h.Platform),
	}
}
