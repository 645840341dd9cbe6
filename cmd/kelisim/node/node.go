// Package node wires one node together: it is what `kelisim serve` runs, and
// what tests run in their own process. It reads from top to bottom as the
// architecture: policies, keys, listeners, engine, spool, pipeline, edge.
package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/cmd/kelisim/config"
	"kelisim/collector/limit"
	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/pipeline/enrich/geo"
	"kelisim/pipeline/spool"
	"kelisim/storage"
	"kelisim/storage/datadir"
	"kelisim/storage/embedded"
	"kelisim/storage/erasure"
	"kelisim/storage/journal"
	"kelisim/storage/revocation"
	"kelisim/storage/schema"
	"kelisim/storage/writer"
)

// Options say how a node runs.
type Options struct {
	Config *config.Config
	Logger *slog.Logger

	// What follows is for tests; no flag and no file leads here.
	Now    func() time.Time // default time.Now
	Random io.Reader        // default crypto/rand
	K      uint32           // least group of the dashboard; default each policy's own
	Schema schema.Options   // how tables are made
	Engine embedded.Options // Admin and ServerConfig of the embedded engine
	Every  Intervals        // how often the background work runs

	SpoolBytes int64 // how much the spool may take on disk; default 8 GiB
}

// Intervals of the background work.
type Intervals struct {
	Flush  time.Duration // default 1 s
	Poll   time.Duration // revocations; default 5 s
	Erase  time.Duration // default 2 s
	Margin time.Duration // of a closed erasure; default 10 s
	Beat   time.Duration // between two lines in the table of nodes; default 5 s
	Keys   time.Duration // the folder of keys is read again; default 3 s
	Files  time.Duration // the folder of policies is looked at; default 3 s
	Look   time.Duration // at the database, for /readyz; default 1 s
	Stale  time.Duration // how old the news of withdrawals may be; default 1 min
	Grace  time.Duration // from not being ready any more to not listening any more; default 1 s
}

func (i Intervals) withDefaults() Intervals {
	for _, d := range []struct {
		to  *time.Duration
		def time.Duration
	}{
		{&i.Flush, time.Second}, {&i.Poll, 5 * time.Second}, {&i.Erase, 2 * time.Second}, {&i.Margin, 10 * time.Second},
		{&i.Beat, 5 * time.Second}, {&i.Keys, 3 * time.Second}, {&i.Files, 3 * time.Second}, {&i.Look, time.Second}, {&i.Stale, time.Minute}, {&i.Grace, time.Second},
	} {
		if *d.to == 0 {
			*d.to = d.def
		}
	}
	return i
}

// Node is a running node. Stop ends it.
type Node struct {
	o        Options
	policies policies
	lock     *datadir.Lock
	name     string
	keys     *Keys
	places   *geo.Database
	revoked  *consent.Revocations
	local    *revocation.Local
	engine   *embedded.Engine
	db       *storage.DB
	feed     *revocation.Feed
	spool    *spool.Spool
	journal  *journal.Journal
	writer   *writer.Writer
	limits   *limit.Limiter
	eraser   atomic.Pointer[erasure.Eraser]
	public   net.Listener
	admin    net.Listener
	apps     []*fiber.App
	health   health

	cancel context.CancelFunc
	wait   sync.WaitGroup
	close  []func() error
}

// Start brings a node up. A database that cannot be reached does not end it: the
// node accepts into its spool, and /readyz says so.
func Start(ctx context.Context, o Options) (*Node, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.SpoolBytes == 0 {
		o.SpoolBytes = spoolBytes
	}
	o.Logger, o.Every = storage.Quiet(o.Logger), o.Every.withDefaults()
	n := &Node{o: o}
	for _, step := range []func(context.Context) error{
		n.openData, n.loadKeys, n.listen, n.loadRevoked, n.openPlaces, n.openDatabase, n.openEditions, n.openSpool, n.serve,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, n.Stop(ctx))
		}
	}
	return n, nil
}

// openData checks the policies before anything is touched, then takes the data
// folder.
func (n *Node) openData(context.Context) error {
	if _, problems, err := LoadPolicies(n.o.Config.Policies); err != nil || len(problems) > 0 {
		return errors.Join(err, problems.Err())
	}
	lock, err := datadir.Acquire(n.o.Config.DataDir)
	if err != nil {
		return err
	}
	n.lock = lock
	n.onStop(lock.Release)
	n.name, err = nodeName(n.o.Config.DataDir, n.o.Random)
	return err
}

func (n *Node) loadKeys(context.Context) (err error) {
	n.keys, err = OpenKeys(KeysOptions{Dir: n.o.Config.Keys, Logger: n.o.Logger, Now: n.o.Now, Random: n.o.Random})
	return err
}

// listen takes both ports before the slow part of the start, so that a taken
// port is said at once.
func (n *Node) listen(context.Context) (err error) {
	for _, l := range []struct {
		to            *net.Listener
		address, name string
	}{{&n.public, n.o.Config.Listen, "listen"}, {&n.admin, n.o.Config.AdminListen, "admin-listen"}} {
		if *l.to, err = net.Listen("tcp", l.address); err != nil {
			return fmt.Errorf("address %s cannot be used: %w: give another --%s", l.address, err, l.name)
		}
		n.onStop((*l.to).Close)
	}
	return nil
}

// openDatabase starts the embedded engine, or opens the server of the DSN.
func (n *Node) openDatabase(ctx context.Context) error {
	c := n.o.Config
	o := storage.Options{DSN: c.ClickHouseDSN, RoleDSNs: RoleDSNs(c), Logger: n.o.Logger}
	if c.ClickHouseDSN == "" {
		e := n.o.Engine
		e.DataDir, e.Library, e.LowMemory, e.Logger, e.Lock, e.Now = c.DataDir, c.ChDBLib, c.LowMemory, n.o.Logger, n.lock, n.o.Now
		engine, err := embedded.Start(ctx, e)
		if err != nil {
			return err
		}
		n.engine = engine
		n.onStop(func() error {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopFor)
			defer cancel()
			return engine.Stop(last)
		})
		o.Engine = engine.Access()
	}
	db, err := storage.Open(ctx, o)
	if err != nil {
		return err
	}
	n.db = db
	n.onStop(db.Close)
	n.feed = revocation.New(db.Writer(), n.revoked, n.o.Now)
	n.feed.Resume(n.local.Cursor())
	n.onStop(func() error { return n.local.Save(n.feed) })
	return nil
}

// RoleDSNs are the DSNs of single roles that the configuration gives.
func RoleDSNs(c *config.Config) map[schema.Role]string {
	dsns := map[schema.Role]string{}
	for role, dsn := range map[schema.Role]string{
		schema.RoleReports: c.ReportsDSN, schema.RoleRights: c.RightsDSN, schema.RoleMaintenance: c.MaintenanceDSN,
	} {
		if dsn != "" {
			dsns[role] = dsn
		}
	}
	return dsns
}

// openSpool opens the spool and learns the withdrawals that still lie in it.
func (n *Node) openSpool(ctx context.Context) error {
	s, err := spool.Open(spool.Options{Dir: filepath.Join(n.o.Config.DataDir, "spool"), MaxBytes: n.o.SpoolBytes, Logger: n.o.Logger})
	if err != nil {
		return err
	}
	n.spool = s
	n.onStop(s.Close)
	if err := journal.Revoked(ctx, s, n.revoked.Add); err != nil {
		return err
	}
	n.writer, err = writer.New(writer.Options{
		Spool: s, Conn: n.db.Writer(), Feed: n.feed, Revoked: n.revoked, Node: n.name,
		Logger: n.o.Logger, Now: n.o.Now, FlushEvery: n.o.Every.Flush, Heartbeat: n.o.Every.Beat,
	})
	if err != nil {
		return err
	}
	n.journal, err = journal.New(s, n.o.Logger)
	return err
}

func (n *Node) onStop(f func() error) { n.close = append(n.close, f) }

// Stop ends the node: /readyz says so for a moment, in which those who send requests
// here may turn elsewhere; then it stops listening, lets requests under way end, flushes,
// leaves the rest to the spool, and closes what Start opened, last first.
func (n *Node) Stop(ctx context.Context) error {
	var errs []error
	n.health.stopping.Store(true)
	if len(n.apps) > 0 {
		pause(ctx, n.o.Every.Grace)
	}
	errs = append(errs, n.stopListening(ctx))
	// An application that was told to end before it had begun to listen would
	// listen for ever.
	for _, l := range []net.Listener{n.public, n.admin} {
		if l != nil {
			_ = l.Close() // closed already, as a rule
		}
	}
	if n.cancel != nil {
		n.cancel()
	}
	n.wait.Wait()
	for i := len(n.close) - 1; i >= 0; i-- {
		if err := n.close[i](); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	n.close = nil
	return errors.Join(errs...)
}

// stopListening ends both listeners and lets the requests under way end.
func (n *Node) stopListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopFor)
	defer cancel()
	ended := make([]error, len(n.apps))
	var all sync.WaitGroup
	for i, app := range n.apps {
		all.Go(func() { ended[i] = app.ShutdownWithContext(ctx) })
	}
	all.Wait()
	return errors.Join(ended...)
}

// pause waits, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// PublicURL is the address of the public listener.
func (n *Node) PublicURL() string { return "http://" + n.public.Addr().String() }

// AdminURL is the address of the dashboard.
func (n *Node) AdminURL() string { return "http://" + n.admin.Addr().String() }

// DB is the open database.
func (n *Node) DB() *storage.DB { return n.db }

// Engine is the embedded engine, or nil with a DSN.
func (n *Node) Engine() *embedded.Engine { return n.engine }

// Catalogue is the policies that are served.
func (n *Node) Catalogue() *policy.Catalogue { return n.policies.live.Now() }
