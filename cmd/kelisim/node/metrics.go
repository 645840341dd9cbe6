package node

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"kelisim/collector"
	"kelisim/pipeline/outcome"
)

// metrics turns the figures of the parts into series when they are asked for. The
// parts know nothing of it; what a series means is in the table, metrics_table.go.
type metrics struct {
	node     *Node
	edge     *collector.Server
	known    map[string]metric
	describe map[string]*prometheus.Desc
}

// registry holds all series of a node.
func (n *Node) registry(edge *collector.Server) (*prometheus.Registry, error) {
	m := &metrics{node: n, edge: edge, known: map[string]metric{}, describe: map[string]*prometheus.Desc{}}
	for _, one := range metricsTable() {
		m.known[one.name] = one
		m.describe[one.name] = prometheus.NewDesc(one.name, one.help, one.labels, nil)
	}
	r := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("node: metrics: %w", err)
		}
	}
	return r, nil
}

// serveMetrics puts /metrics on the admin listener. The figures are in memory, so it
// waits for nothing; one look at a time is enough.
func serveMetrics(app *fiber.App, r *prometheus.Registry) {
	var one sync.Mutex
	app.Get("/metrics", func(c *fiber.Ctx) error {
		one.Lock()
		defer one.Unlock()
		families, err := r.Gather()
		if err != nil {
			return fmt.Errorf("node: metrics: %w", err)
		}
		format := expfmt.NegotiateAccept(http.Header{fiber.HeaderAccept: {c.Get(fiber.HeaderAccept)}}, expfmt.DefaultOpenMetricsAcceptedFormats()...)
		var page bytes.Buffer
		to := expfmt.NewEncoder(&page, format)
		for _, family := range families {
			if err := to.Encode(family); err != nil {
				return fmt.Errorf("node: metrics: %w", err)
			}
		}
		if end, ok := to.(expfmt.Closer); ok {
			if err := end.Close(); err != nil {
				return fmt.Errorf("node: metrics: %w", err)
			}
		}
		c.Set(fiber.HeaderContentType, string(format))
		c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
		c.Set(fiber.HeaderCacheControl, "no-store")
		c.Set("Cross-Origin-Resource-Policy", "same-origin")
		return c.Send(page.Bytes())
	})
}

// Describe lists every series of the table.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range m.describe {
		to <- d
	}
}

// series sends figures under the names of the table.
type series struct {
	*metrics
	to chan<- prometheus.Metric
}

func (s series) set(name string, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if s.known[name].kind == counter {
		kind = prometheus.CounterValue
	}
	s.to <- prometheus.MustNewConstMetric(s.describe[name], kind, value, labels...)
}

// is sends 1 or 0.
func (s series) is(name string, holds bool, labels ...string) {
	value := 0.0
	if holds {
		value = 1
	}
	s.set(name, value, labels...)
}

func (s series) count(name string, n uint64, labels ...string) { s.set(name, float64(n), labels...) }

// since sends how many seconds ago a moment was, if there was one.
func (s series) since(name string, at, now time.Time) {
	if !at.IsZero() {
		s.set(name, max(now.Sub(at).Seconds(), 0))
	}
}

// Collect reads the figures of all parts.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	s := series{m, to}
	s.ofEdge()
	s.ofSpool()
	s.ofWriter()
	s.ofRest()
}

func (s series) ofEdge() {
	stats, steps := s.edge.Stats(), collector.Steps()
	type route struct {
		n       uint64
		seconds float64
		steps   map[float64]uint64
	}
	routes := map[string]*route{}
	for _, one := range stats.Routes {
		r := routes[one.Route]
		if r == nil {
			r = &route{steps: map[float64]uint64{}}
			routes[one.Route] = r
		}
		before, n := r.n, uint64(0)
		for i, more := range one.Steps {
			if n += more; i < len(steps) {
				r.steps[steps[i].Seconds()] += n
			}
		}
		r.n, r.seconds = before+n, r.seconds+one.Seconds
		s.count("kelisim_requests_total", n, one.Route, one.Class)
	}
	for name, r := range routes {
		s.to <- prometheus.MustNewConstHistogram(s.describe["kelisim_request_seconds"], r.n, r.seconds, r.steps, name)
	}
	for site, figures := range stats.Sites {
		for _, o := range outcome.All() {
			s.count("kelisim_events_answered_total", figures[o], site, o.String(), o.Detail())
		}
	}
	for i, name := range []string{"public", "admin"} {
		s.set("kelisim_connections", float64(s.node.apps[i].Server().GetOpenConnectionsCount()), name)
	}
	limits := s.node.limits.Stats()
	for bucket, n := range limits.Refused {
		s.count("kelisim_requests_held_back_total", n, bucket)
	}
	s.count("kelisim_limit_pushed_total", limits.Pushed)
	s.count("kelisim_limit_keys_total", limits.Renewed)
}

func (s series) ofSpool() {
	stats := s.node.spool.Stats()
	s.set("kelisim_spool_bytes", float64(stats.Bytes))
	s.set("kelisim_spool_limit_bytes", float64(s.node.o.SpoolBytes))
	s.set("kelisim_spool_backlog_bytes", float64(stats.Backlog))
	s.set("kelisim_spool_segments", float64(stats.Segments))
	oldest := 0.0
	if !stats.Oldest.IsZero() {
		oldest = max(s.node.o.Now().Sub(stats.Oldest).Seconds(), 0)
	}
	s.set("kelisim_spool_oldest_seconds", oldest)
	s.count("kelisim_spool_appended_bytes_total", stats.Appended)
	s.count("kelisim_spool_syncs_total", stats.Syncs)
	s.set("kelisim_spool_sync_seconds_total", stats.SyncSeconds)
	s.count("kelisim_spool_sync_errors_total", stats.SyncErrors)
	s.count("kelisim_spool_full_total", stats.Full)
	s.count("kelisim_spool_damaged_bytes_total", stats.Damaged)
}

func (s series) ofWriter() {
	stats := s.node.writer.Stats()
	s.count("kelisim_writer_flushes_total", stats.Flushes)
	s.set("kelisim_writer_flush_seconds_total", stats.FlushSeconds)
	s.since("kelisim_writer_last_flush_seconds", stats.LastFlush, s.node.o.Now())
	for table, n := range stats.Rows {
		s.count("kelisim_writer_rows_total", n, table)
	}
	for table, n := range stats.Inserts {
		s.count("kelisim_writer_inserts_total", n, table)
	}
	s.count("kelisim_writer_retries_total", stats.Retries)
	for code, n := range stats.Errors {
		s.count("kelisim_writer_errors_total", n, code)
	}
	s.count("kelisim_writer_read_backs_total", stats.ReadBacks)
	s.count("kelisim_writer_parked_frames", stats.Parked)
	for e, n := range stats.Ended {
		s.count("kelisim_events_ended_total", n, e.Site, e.Outcome, e.Detail)
	}
}

func (s series) ofRest() {
	n := s.node
	s.set("kelisim_revocations", float64(n.revoked.Len()))
	s.since("kelisim_revocation_feed_seconds", n.feed.Fresh(), n.o.Now())
	s.set("kelisim_keys", float64(n.keys.Count()))
	sites := n.Catalogue().Sites()
	s.set("kelisim_policies", float64(len(sites)))
	for _, site := range sites {
		s.set("kelisim_policy_edition", float64(site.Policy().Issue.Number), site.ID())
	}
	s.count("kelisim_policy_reloads_total", n.policies.done.Load(), "done")
	s.count("kelisim_policy_reloads_total", n.policies.failed.Load(), "refused")
	if e := n.eraser.Load(); e != nil {
		stats := e.Stats()
		s.count("kelisim_erasure_jobs_open", stats.Open)
		s.count("kelisim_erasure_jobs_closed_total", stats.Closed)
		s.count("kelisim_erasure_rows_total", stats.Erased)
		s.count("kelisim_erasure_failures_total", stats.Failed)
	}
	if n.engine != nil {
		s.is("kelisim_engine_up", n.engine.Running())
	}
	ready := true
	for _, r := range reasons() {
		holds := n.holds(r.name)
		ready = ready && !holds
		s.is("kelisim_not_ready", holds, r.name)
	}
	s.is("kelisim_ready", ready)
	s.set("kelisim_info", 1, strconv.FormatBool(n.engine != nil))
}
