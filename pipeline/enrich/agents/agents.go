// Package agents says which browser a request comes from, or which crawler, from
// the User-Agent and the client hints that browsers send without being asked.
//
// What leaves it comes from closed lists: families, systems and device classes by
// name, a major version as a number. Nothing that a visitor made up can stand in
// a table.
package agents

import (
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
)

// Recogniser recognises browsers and crawlers behind a cache in memory: few
// strings make up most of the traffic. It is safe for concurrent use.
type Recogniser struct {
	crawlers *crawlers
	cache    *lru.Cache[enrich.Headers, enrich.Agent]
}

// Lengths and sizes of the recogniser.
const (
	maxUserAgent = 512  // bytes read; what stands behind them is ignored
	maxHint      = 256  // bytes; a longer hint is no browser's and is ignored
	cached       = 4096 // headers
)

// New makes a recogniser with the lists that are compiled in.
func New() (*Recogniser, error) {
	c, err := compile(crawlersText)
	if err != nil {
		return nil, err
	}
	cache, err := lru.New[enrich.Headers, enrich.Agent](cached)
	if err != nil {
		return nil, fmt.Errorf("agents: cache: %w", err)
	}
	return &Recogniser{crawlers: c, cache: cache}, nil
}

// Recognise says what the headers of a request tell.
func (r *Recogniser) Recognise(h enrich.Headers) enrich.Agent {
	h = bounded(h)
	if a, ok := r.cache.Get(h); ok {
		return a
	}
	a := r.recognise(h)
	r.cache.Add(enrich.Headers{
		UserAgent: strings.Clone(h.UserAgent), Brands: strings.Clone(h.Brands),
		Mobile: strings.Clone(h.Mobile), Platform: strings.Clone(h.Platform),
	}, a)
	return a
}

func bounded(h enrich.Headers) enrich.Headers {
	if len(h.UserAgent) > maxUserAgent {
		h.UserAgent = h.UserAgent[:maxUserAgent]
	}
	if strings.HasPrefix(h.UserAgent, "Mozilla/5.0+(") { // as some programs pass it on
		h.UserAgent = strings.ReplaceAll(h.UserAgent, "+", " ")
	}
	for _, hint := range []*string{&h.Brands, &h.Mobile, &h.Platform} {
		if len(*hint) > maxHint {
			*hint = ""
		}
	}
	return h
}

// recognise is the order: nobody's program first, then browsers that nobody looks
// at, then the lists, then headers that no browser sends together. What is left is
// a person's browser.
func (r *Recogniser) recognise(h enrich.Headers) enrich.Agent {
	if strings.TrimSpace(h.UserAgent) == "" {
		return enrich.Agent{Bot: outcome.BotNameless}
	}
	if bot := r.crawlers.find(h.UserAgent); bot != outcome.None {
		return enrich.Agent{Bot: bot}
	}
	hints := readHints(h)
	if contradicts(h.UserAgent, hints) {
		return enrich.Agent{Bot: outcome.BotHeaders}
	}
	return browser(h.UserAgent, hints)
}
