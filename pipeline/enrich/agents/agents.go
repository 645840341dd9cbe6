// Package agents says which browser a request comes from, or which crawler, from
// the User-Agent and the client hints that browsers send without being asked.
//
// What leaves it comes from closed lists: families, systems and device classes by
// name, a major version as a number. Nothing that a visitor made up can stand in
// a table.
package agents

import (
	"strings"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
)

// Recogniser recognises browsers and crawlers behind a cache in memory: few
// strings make up most of the traffic. It is safe for concurrent use.
type Recogniser struct {
	crawlers *crawlers
	cache    cache
}

// Lengths of what is read.
const (
	maxUserAgent = 512 // bytes read; what stands behind them is ignored
	maxHint      = 256 // bytes; a longer hint is no browser's and is ignored
)

// New makes a recogniser with the lists that are compiled in.
func New() (*Recogniser, error) {
	c, err := compile(crawlersText)
	if err != nil {
		return nil, err
	}
	return &Recogniser{crawlers: c, cache: newCache()}, nil
}

// Recognise says what the headers of a request tell. It keeps none of the texts that
// it is given.
func (r *Recogniser) Recognise(h enrich.Headers) enrich.Agent {
	bound(&h)
	a, known, aged := r.cache.get(&h)
	if known && !aged {
		return a
	}
	own := owned(&h)
	if !known {
		a = r.recognise(own)
	}
	r.cache.put(own, a)
	return a
}

func bound(h *enrich.Headers) {
	if len(h.UserAgent) > maxUserAgent {
		h.UserAgent = h.UserAgent[:maxUserAgent]
	}
	if strings.HasPrefix(h.UserAgent, "Mozilla/5.0+(") { // as some programs pass it on
		h.UserAgent = strings.ReplaceAll(h.UserAgent, "+", " ")
	}
	for _, hint := range [...]*string{&h.Brands, &h.Mobile, &h.Platform} {
		if len(*hint) > maxHint {
			*hint = ""
		}
	}
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
