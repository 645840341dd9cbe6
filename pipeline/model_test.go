package pipeline_test

// world is a case in plain words, as the reference model reads it.
type world struct {
	purposes                             []purpose
	granted                              map[string]bool // by purpose id
	forged, foreign, superseded, revoked bool
	issued, expires, happened, received  int64 // milliseconds
	kind                                 string
	declared                             bool // the custom event stands in the policy
}

type purpose struct {
	id     string
	fields []string
	days   int64
}

// allowed is the reference model: the names of the fields that may be stored, or
// nil when there may be no row at all.
func allowed(w world) map[string]bool {
	const day = 24 * 60 * 60 * 1000
	fields, keep := map[string]bool{}, int64(1<<40)
	for _, p := range w.purposes {
		for _, f := range p.fields {
			if w.granted[p.id] {
				fields[f] = true
				keep = min(keep, p.days)
			}
		}
	}
	end := min(w.happened+keep*day, w.expires) / day * day
	needs := map[string][]string{"pageview": {"page"}, "custom": {"events"}, "engagement": {"page", "session", "engagement"}}
	for _, f := range needs[w.kind] {
		if !fields[f] {
			return nil
		}
	}
	if w.forged || w.foreign || w.superseded || w.revoked || w.kind == "custom" && !w.declared ||
		w.issued > w.received+120_000 || w.happened < w.issued || w.received >= w.expires || w.received >= end {
		return nil
	}
	return fields
}
