package agents

import (
	"strings"
	"sync"

	"kelisim/pipeline/enrich"
)

// cache remembers what headers tell. It holds two generations and forgets the older
// one when the newer is full; what is asked for meanwhile goes from the older into
// the newer. Who asks for what is known shares its lock with all others who do, and
// writes nothing. It is safe for concurrent use.
//
// The headers themselves are the keys: no identifier is made of what a browser is.
type cache struct {
	mu       sync.RWMutex
	now, old map[enrich.Headers]enrich.Agent
}

// generation is how many headers are remembered at least.
const generation = 4096

func newCache() cache { return cache{now: map[enrich.Headers]enrich.Agent{}} }

// get finds an answer; aged says that it must be remembered again to be kept.
func (c *cache) get(h *enrich.Headers) (a enrich.Agent, ok, aged bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if a, ok = c.now[*h]; ok {
		return a, true, false
	}
	a, ok = c.old[*h]
	return a, ok, ok
}

// put remembers an answer. The headers must be values of their own.
func (c *cache) put(h enrich.Headers, a enrich.Agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.now) >= generation {
		c.old, c.now = c.now, make(map[enrich.Headers]enrich.Agent, generation)
	}
	c.now[h] = a
}

// owned is headers in values of their own: what is given lies in a buffer that the
// next request is read into, and an answer may hold a part of it.
func owned(h *enrich.Headers) enrich.Headers {
	return enrich.Headers{
		UserAgent: strings.Clone(h.UserAgent), Brands: strings.Clone(h.Brands),
		Mobile: strings.Clone(h.Mobile), Platform: strings.Clone(h.Platform),
	}
}
