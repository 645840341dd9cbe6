package node

import (
	"context"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner"
	"kelisim/collector"
	"kelisim/collector/limit"
	"kelisim/pipeline"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/enrich/source"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/storage/rights"
)

// serve builds the pipeline and the edge, and starts everything that runs in
// the background.
func (n *Node) serve(ctx context.Context) error {
	recogniser, err := agents.New()
	if err != nil {
		return err
	}
	from, err := source.New()
	if err != nil {
		return err
	}
	enricher, err := enrich.New(enrich.Options{Agents: recogniser, Places: n.places, Sources: from})
	if err != nil {
		return err
	}
	g, err := gate.New(n.keys.Ring(), n.policies.live, n.revoked)
	if err != nil {
		return err
	}
	events, err := pipeline.New(pipeline.Options{
		Gate: g, Enricher: enricher, Minimise: minimise.New(minimise.Options{Networks: n.o.Config.Keep}), Recent: batch.NewRecent(recentEvents), Sink: n.journal, Started: n.o.Now(),
	})
	if err != nil {
		return err
	}
	asked, err := banner.New(banner.Options{})
	if err != nil {
		return err
	}
	assets, err := banner.NewAssets(banner.Built())
	if err != nil {
		return err
	}
	n.limits, err = limit.New(limit.Options{PerSecond: n.o.Config.RateLimit, Logger: n.o.Logger, Now: n.o.Now, Random: n.o.Random})
	if err != nil {
		return err
	}
	edge, err := collector.New(collector.Options{
		Catalogue: n.Catalogue(), Banner: asked, Assets: assets, Keys: n.keys.Ring(), Revoked: n.revoked, Ledger: n.journal, Pipeline: events,
		Agents: recogniser, Held: rights.New(n.db.Rights()), Ready: n.readiness, Limits: n.limits, Proxies: n.o.Config.TrustedProxies,
		Logger: n.o.Logger, Now: n.o.Now, Random: n.o.Random,
	})
	if err != nil {
		return err
	}
	n.policies.edge = edge
	series, err := n.registry(edge)
	if err != nil {
		return err
	}
	admin, err := n.dashboard()
	if err != nil {
		return err
	}
	serveMetrics(admin, series)
	n.background(ctx)
	n.run(edge.App(), n.public)
	n.run(admin, n.admin)
	return nil
}

// recentEvents is how many identities of events are remembered at least: half an
// hour at 800 events a second, in 32 MB.
const recentEvents = 1_500_000

// spoolBytes is how much the spool may take on disk.
const spoolBytes = 8 << 30

// stopFor bounds each part of the shutdown.
const stopFor = 15 * time.Second

// run serves an application on its listener until Stop.
func (n *Node) run(app *fiber.App, l net.Listener) {
	n.apps = append(n.apps, app)
	n.wait.Go(func() {
		if err := app.Listener(l); err != nil {
			n.o.Logger.Error("node: a listener ended", "error", err)
		}
	})
}
