package pipeline_test

// world is a case in plain words, as the reference model reads it.
type world struct {
	purposes                          []purpose
	granted                           map[string]bool // by purpose id
	signalled, signal                 bool            // a privacy signal came with the choice, with the event
	token                             string          // ours, or what is wrong with it
	endless, foreign, superseded, bot bool
	revoked                           string // how a newer decision stands in the way
	issued, expires, happened         int64  // milliseconds
	received                          int64
	kind                              string
	declared                          bool // the event and its properties stand in the policy
}

type purpose struct {
	id                string
	fields            []string
	days, addressDays int64
	gpc               bool
}

// allowed is the reference model: the names of the fields that may be stored and
// until when the row and the address may, or why there may be no row at all.
func allowed(w world) (fields map[string]bool, end, addressEnd int64, why string) {
	const day = 24 * 60 * 60 * 1000
	anything, override, keep, address := false, false, int64(1<<40), int64(1<<40)
	fields = map[string]bool{}
	for _, p := range w.purposes {
		anything = anything || w.granted[p.id] && len(p.fields) > 0
		override = override || w.signalled && w.granted[p.id] && p.gpc
	}
	for _, p := range w.purposes {
		for _, f := range p.fields {
			if w.granted[p.id] && (override || !w.signal || !p.gpc) {
				fields[f], keep = true, min(keep, p.days)
				if f == "address" {
					address = min(address, p.addressDays)
				}
			}
		}
	}
	end = min(w.happened+keep*day, w.expires) / day * day
	addressEnd = min(w.happened+min(keep, address)*day, w.expires) / day * day
	lacks := false
	for _, f := range map[string][]string{
		"pageview": {"page"}, "custom": {"events"}, "engagement": {"page", "session", "engagement"}, "vitals": {"page", "vitals"},
	}[w.kind] {
		lacks = lacks || !fields[f]
	}
	for _, no := range []struct {
		is  bool
		why string
	}{
		{w.token != "ours", w.token}, {w.issued > w.received+120_000, "future"}, {w.endless, "overlong"},
		{w.received >= w.expires, "consent"}, {w.foreign, "other_site"}, {w.revoked != "", w.revoked}, {w.superseded, "superseded"},
		{!anything, "nothing_granted"}, {len(fields) == 0, "privacy_signal"}, {w.happened < w.issued, "before_decision"},
		{!w.declared, "undeclared"}, {lacks, "not_granted"}, {w.bot, "crawler"}, {w.received >= end, "retention"},
	} {
		if no.is {
			return nil, 0, 0, no.why
		}
	}
	fields["address"] = fields["address"] && w.received < addressEnd
	return fields, end, addressEnd, ""
}
