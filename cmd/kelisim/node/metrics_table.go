package node

import (
	"fmt"
	"strings"
)

// Kinds of series.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// metric describes one series: what it is called, how its values are told apart,
// what it says and what to be told of.
type metric struct {
	name   string
	kind   string
	labels []string
	help   string
	alert  string
}

func labels(names ...string) []string { return names }

// metricsTable lists every series but those of the Go runtime and the process. The
// page docs/metrics.md is made from it. No label tells anything about a visitor,
// and each has few values: sites, outcomes, groups of calls, tables, error codes.
func metricsTable() []metric {
	return []metric{
		{"kelisim_info", gauge, labels("embedded"), "always 1; whether the ClickHouse is the embedded one", ""},
		{"kelisim_ready", gauge, nil, "1 while /readyz answers 200", "0 for 5 min"},
		{"kelisim_not_ready", gauge, labels("reason"), "1 for each reason why it does not: `stopping`, `starting`, `database`, `spool`, `parked`, `revocations`, `policies`", ""},
		{"kelisim_requests_total", counter, labels("route", "class"), "answers of the public listener, by group of calls and first digit of the status; `unread` is what was no request, also what came too slowly or was too large", "share of `5xx` above 1 % for 5 min"},
		{"kelisim_request_seconds", histogram, labels("route"), "seconds from a request that has arrived whole to its answer; what the network takes is not in it", "p99 of `events` above 0.1 or of `decision` above 0.5 for 10 min"},
		{"kelisim_connections", gauge, labels("listener"), "open connections; `public` takes 16,384 at one time, `admin` 1,024, and what comes beyond is answered 503", "`public` above 12,000"},
		{"kelisim_events_answered_total", counter, labels("site", "outcome", "detail"), "events by what browsers were told of them: `stored` is accepted into the spool, all others are dropped. Arrivals count: what is refused as `rate` or `full` and sent again counts again", "any `full`; a jump of `rate`, `bad_token` or `invalid`"},
		{"kelisim_events_ended_total", counter, labels("site", "outcome", "detail"), "events by what became of them in the end, as they are counted in the database; an event of before the start that is looked for again counts again", "`stored` stands still while accepted events come"},
		{"kelisim_requests_held_back_total", counter, labels("bucket"), "requests that were answered 429, and withdrawals that passed without a token of their bucket", "a jump: a flood, or a proxy that is not named in --trusted-proxies"},
		{"kelisim_limit_pushed_total", counter, nil, "clients that the limiter forgot early because there were too many", "a jump: a flood from very many networks"},
		{"kelisim_limit_keys_total", counter, nil, "keys that the limiter drew; what was known under the one before is gone", "no increase for 10 min, with a rate limit"},
		{"kelisim_spool_bytes", gauge, nil, "bytes of all segments of the spool on disk", "above 50 % of kelisim_spool_limit_bytes"},
		{"kelisim_spool_limit_bytes", gauge, nil, "bytes that the segments may take altogether", ""},
		{"kelisim_spool_backlog_bytes", gauge, nil, "bytes that wait for the database", ""},
		{"kelisim_spool_oldest_seconds", gauge, nil, "seconds for which the oldest of it has waited, to a second; 0 = nothing waits", "above 60"},
		{"kelisim_spool_segments", gauge, nil, "files of the spool", ""},
		{"kelisim_spool_appended_bytes_total", counter, nil, "bytes appended", ""},
		{"kelisim_spool_syncs_total", counter, nil, "times that the spool was put on disk", ""},
		{"kelisim_spool_sync_seconds_total", counter, nil, "seconds that this took; over the syncs it is what a decision waits for", "mean above 0.1"},
		{"kelisim_spool_sync_errors_total", counter, nil, "times that it failed", "any"},
		{"kelisim_spool_full_total", counter, nil, "appends that found no room and were answered 503", "any"},
		{"kelisim_spool_damaged_bytes_total", counter, nil, "bytes that were no intact frame and were skipped", "any that no power cut explains"},
		{"kelisim_writer_flushes_total", counter, nil, "runs of frames that stand in the database", ""},
		{"kelisim_writer_flush_seconds_total", counter, nil, "seconds that they took, tries that failed included", "mean above 5"},
		{"kelisim_writer_last_flush_seconds", gauge, nil, "seconds since the last of them; absent before the first", ""},
		{"kelisim_writer_rows_total", counter, labels("table"), "rows inserted; over the inserts it is the size of a flush", ""},
		{"kelisim_writer_inserts_total", counter, labels("table"), "inserts sent", "more than 2 a second for an hour: too many parts"},
		{"kelisim_writer_retries_total", counter, nil, "tries of a flush that failed and were made again", "more than 3 a minute for 5 min"},
		{"kelisim_writer_errors_total", counter, labels("code"), "the same by the code of ClickHouse's error; `rows` where some cannot be written and were put aside; `connection` is any other", ""},
		{"kelisim_writer_read_backs_total", counter, nil, "rows that were looked for before they were inserted again", ""},
		{"kelisim_writer_parked_frames", gauge, nil, "frames that nobody can write and that are kept aside", "above 0"},
		{"kelisim_revocations", gauge, nil, "consents with a withdrawal or change that this node knows of", "a fall that no end of a month explains"},
		{"kelisim_revocation_feed_seconds", gauge, nil, "seconds since when a withdrawal on another node may be unknown here; absent before the first look at the database", "above 60: the promise of law 5"},
		{"kelisim_keys", gauge, nil, "keys that tokens are verified with", "0, or different between nodes for 10 min"},
		{"kelisim_policies", gauge, nil, "sites that are served", "different between nodes for 10 min"},
		{"kelisim_policy_edition", gauge, labels("site"), "number of the edition that is asked", "different between nodes for 10 min"},
		{"kelisim_policy_reloads_total", counter, labels("result"), "times that the policy files were read again: `done`, or `refused` because they cannot be used", "any `refused`"},
		{"kelisim_erasure_jobs_open", gauge, nil, "erasures that are under way, at the last look", "above 0 for an hour"},
		{"kelisim_erasure_jobs_closed_total", counter, nil, "erasures that this node certified", ""},
		{"kelisim_erasure_rows_total", counter, nil, "rows that this node erased", ""},
		{"kelisim_erasure_failures_total", counter, nil, "looks at the erasures that failed", "more than 3 a minute for 5 min"},
		{"kelisim_engine_up", gauge, nil, "1 while the embedded ClickHouse runs; absent with a server", "0 for 1 min"},
	}
}

// MetricsReference is docs/metrics.md.
func MetricsReference() string {
	var b strings.Builder
	b.WriteString(metricsIntroduction)
	b.WriteString("\n| series | kind | labels | what it says | tell somebody when |\n|---|---|---|---|---|\n")
	for _, m := range metricsTable() {
		named := ""
		for i, l := range m.labels {
			if i > 0 {
				named += ", "
			}
			named += "`" + l + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.name, m.kind, named, m.help, m.alert)
	}
	b.WriteString("\n`go_…` and `process_…` are those of the Prometheus library: goroutines, heap, processor time, resident memory, open files.\n" +
		"Resident memory is that of the collector alone; the embedded ClickHouse is a process of its own.\n")
	return b.String()
}

const metricsIntroduction = `# Metrics

` + "`/metrics`" + ` on the admin listener (` + "`--admin-listen`" + `) speaks the format of Prometheus. It asks for no login, as is usual: whoever
reaches the admin listener reads it. Browsers that load a page from elsewhere cannot: no other origin is let in. Keep the
listener on the machine or on a network of your own, and let Prometheus in by address.

There is nothing about a visitor in it: no address, id, User-Agent, page or token, neither as a value nor as a label. What it
does tell is how many events of a site came and what became of them, to the moment of the scrape and without a lower bound.
It is for whoever runs the program; figures for others are on the dashboard, with their lower bound.

Sums are since the start of the process. Names end in their unit. An example of alert rules is in
[alerts.yaml](alerts.yaml). This page is made from the table in cmd/kelisim/node/metrics_table.go; a test compares both
with what a running node gives.
`
