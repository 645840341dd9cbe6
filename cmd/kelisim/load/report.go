package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Report is what came of a run. Figures of time leave the warm-up out; the
// verdict does not.
type Report struct {
	Mix         Mix     `json:"mix"`
	Seed        uint64  `json:"seed"`
	Connections int     `json:"connections"`
	Visitors    int     `json:"visitors"`
	Batch       int     `json:"batch"`
	Rate        float64 `json:"rate"`     // 0 = as fast as answers come
	Warmup      float64 `json:"warmup_s"` // not in the figures
	Seconds     float64 `json:"seconds"`  // of the measured part, to the last answer
	Requests    uint64  `json:"requests"` // sent in all, repeats and warm-up included
	Answered    uint64  `json:"answered"` // calls of the measured part
	Events      uint64  `json:"events"`   // in them
	Accepted    uint64  `json:"accepted"` // of these
	PerSecond   float64 `json:"calls_per_s"`
	EventsPerS  float64 `json:"events_per_s"` // accepted
	RowsPerS    float64 `json:"rows_per_s"`   // accepted and visible, from the first call to the last row
	CPU         float64 `json:"client_cpu_s"` // of this process while it played

	Dropped  map[string]uint64 `json:"dropped"`  // by reason, warm-up included
	Statuses map[int]uint64    `json:"statuses"` // refused calls by status, each try, warm-up included
	Repeats  uint64            `json:"repeats"`
	Cut      uint64            `json:"cut"`      // tries without an answer
	GivenUp  uint64            `json:"given_up"` // calls that never got one
	Strange  uint64            `json:"strange"`  // answers that could not be read

	Latency struct {
		Events    Latency `json:"events"`
		Decisions Latency `json:"decisions"`
		Banners   Latency `json:"banners"`
	} `json:"latency"`

	Verdict *Verdict `json:"verdict,omitempty"` // nil where nothing was compared
}

// Report is the report of the plays up to now.
func (p *Player) Report() Report {
	r := Report{
		Mix: p.o.Mix, Seed: p.o.Seed, Connections: p.o.Connections, Visitors: p.o.Visitors, Batch: p.o.Batch, Rate: p.o.Rate,
		Warmup: p.o.Warmup.Seconds(), Seconds: p.ended.Sub(p.began).Seconds(), CPU: p.cpu,
		Dropped: map[string]uint64{}, Statuses: map[int]uint64{}, Verdict: p.verdict,
	}
	all := newFigures().histograms
	for _, w := range p.workers {
		r.Requests += w.requests.Load()
		r.Answered += w.measured
		r.Events += w.offered
		r.Accepted += w.kept
		r.Repeats += w.repeats
		r.Cut += w.cut
		r.GivenUp += w.givenUp
		r.Strange += w.strange
		for reason, n := range w.drops {
			r.Dropped[reason] += n
		}
		for status, n := range w.statuses {
			r.Statuses[status] += n
		}
		for i := range all {
			all[i].Merge(w.histograms[i])
		}
	}
	r.Latency.Events, r.Latency.Decisions, r.Latency.Banners = latencyOf(all[tookEvents]), latencyOf(all[tookDecisions]), latencyOf(all[tookBanners])
	if r.Seconds > 0 {
		r.PerSecond, r.EventsPerS = float64(r.Answered)/r.Seconds, float64(r.Accepted)/r.Seconds
	}
	if p.visible > 0 && p.verdict != nil {
		r.RowsPerS = float64(r.Accepted-min(r.Accepted, p.verdict.Lost)) / p.visible.Seconds()
	}
	return r
}

// Broken reports whether a law was.
func (r Report) Broken() bool { return r.Verdict != nil && r.Verdict.Broken() }

// Print writes the report for people.
func (r Report) Print(out io.Writer) error {
	var b strings.Builder
	pace := "as fast as answers came"
	if r.Rate > 0 {
		pace = fmt.Sprintf("%.0f calls/s by schedule", r.Rate)
	}
	fmt.Fprintf(&b, "%s, %d connections, %d visitors, %d events a call, %s, seed %d\n", r.Mix, r.Connections, r.Visitors, r.Batch, pace, r.Seed)
	fmt.Fprintf(&b, "measured %.1f s after %.1f s of warm-up, which no figure of time counts; client CPU %.2f s\n\n", r.Seconds, r.Warmup, r.CPU)
	fmt.Fprintf(&b, "calls     %10d  %10.0f/s   (%d sent in all, %d repeats, %d tries without answer, %d given up)\n",
		r.Answered, r.PerSecond, r.Requests, r.Repeats, r.Cut, r.GivenUp)
	fmt.Fprintf(&b, "accepted  %10d  %10.0f/s   of %d events\n", r.Accepted, r.EventsPerS, r.Events)
	if r.RowsPerS > 0 {
		fmt.Fprintf(&b, "visible               %10.0f/s   from the first call to the last row\n", r.RowsPerS)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Dropped)) {
		fmt.Fprintf(&b, "dropped   %10d  %s\n", r.Dropped[reason], reason)
	}
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		fmt.Fprintf(&b, "refused   %10d  status %d\n", r.Statuses[status], status)
	}
	if r.Strange > 0 {
		fmt.Fprintf(&b, "unreadable answers: %d\n", r.Strange)
	}
	fmt.Fprintf(&b, "\nlatency from when due, ms    calls       p50       p90       p99     p99.9       max\n")
	for _, l := range []struct {
		name string
		Latency
	}{{"events", r.Latency.Events}, {"decisions", r.Latency.Decisions}, {"banners", r.Latency.Banners}} {
		if l.Calls > 0 {
			fmt.Fprintf(&b, "  %-20s %11d %9.2f %9.2f %9.2f %9.2f %9.2f\n", l.name, l.Calls, l.P50, l.P90, l.P99, l.P999, l.Max)
		}
	}
	if r.Verdict != nil {
		r.Verdict.print(&b)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (v *Verdict) print(b *strings.Builder) {
	fmt.Fprintf(b, "\nin the database, the whole run\n")
	fmt.Fprintf(b, "  events     acknowledged %d, stored %d, lost %d, doubled %d, forbidden %d\n", v.Acknowledged, v.Stored, v.Lost, v.Doubled, v.Forbidden)
	if v.Unerased > 0 {
		fmt.Fprintf(b, "             of the forbidden, %d were withdrawn and are not erased yet\n", v.Unerased)
	}
	fmt.Fprintf(b, "             erased after withdrawal %d, ended with a changed choice %d, never answered %d (of them stored %d)\n",
		v.Erased, v.Ended, v.Unanswered, v.Extra)
	fmt.Fprintf(b, "  decisions  acknowledged %d, stored %d, lost %d, doubled %d; refusals %d, counted %d, lost %d\n",
		v.Decisions, v.DecisionsStored, v.DecisionsLost, v.DecisionsDoubled, v.Refusals, v.RefusalsCounted, v.RefusalsLost)
	if v.Broken() {
		fmt.Fprintf(b, "A LAW IS BROKEN\n")
	}
}
