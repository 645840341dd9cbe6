package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"kelisim/collector"
	"kelisim/consent/policy"
	"kelisim/dashboard"
	"kelisim/storage/editions"
)

// policies are the policies in force, and all that must be told of others.
type policies struct {
	live  *policy.Live
	edge  *collector.Server
	board *dashboard.Dashboard

	mu       sync.Mutex        // held by one reload; guards what follows
	served   [sha256.Size]byte // of the files that are in force
	refused  [sha256.Size]byte // of the files that were found wrong last
	unshared bool              // an edition is in force that the database may not have

	done, failed atomic.Uint64 // reloads
}

// openEditions joins the policy files with every edition known before. A first
// look at the database may fail; the local copies stand in for it.
func (n *Node) openEditions(ctx context.Context) error {
	reached := n.prepareDatabase(ctx, n.o.Logger)
	n.answers(reached)
	catalogue, files, err := n.read()
	if err != nil {
		return err
	}
	if err := n.keep(catalogue); err != nil {
		return err
	}
	n.policies.live, n.policies.served = policy.NewLive(catalogue), sumOf(files, nil)
	if reached && n.shareEditions(ctx) == nil {
		n.health.prepared.Store(true)
	}
	return nil
}

// read makes a catalogue of the policy files and every edition known before.
func (n *Node) read() (*policy.Catalogue, policyFiles, error) {
	files, err := readPolicies(n.o.Config.Policies)
	if err != nil {
		return nil, nil, err
	}
	all, problems := files.parse()
	if len(problems) > 0 {
		return nil, files, problems.Err()
	}
	docs, err := Archive(n.o.Config.DataDir)
	if err != nil {
		return nil, files, err
	}
	catalogue, problems := policy.NewCatalogue(all, docs)
	if len(problems) > 0 {
		return nil, files, problems.Err()
	}
	return catalogue, files, nil
}

// keep adds the editions in force to the local copies, before anybody can consent
// to one.
func (n *Node) keep(c *policy.Catalogue) error {
	for _, site := range c.Sites() {
		p := site.Policy()
		if err := writeArchive(n.o.Config.DataDir, p.Site, p.HashString(), p.Document()); err != nil {
			return err
		}
	}
	return nil
}

// Reload reads the policy files again and puts them in force, if all of them can be
// used; else those of before stay, and the error says why. No request waits for it
// or notices more than the change itself.
func (n *Node) Reload(ctx context.Context) error {
	p := &n.policies
	p.mu.Lock()
	defer p.mu.Unlock()
	n.learnEditions(ctx)
	next, files, err := n.read()
	if err == nil {
		err = n.replace(next)
	}
	if err != nil {
		p.failed.Add(1)
		p.refused = sumOf(files, err)
		n.health.policies.Store(&err)
		return fmt.Errorf("node: reload: %w", err)
	}
	p.done.Add(1)
	p.served, p.unshared = sumOf(files, nil), true
	n.health.policies.Store(nil)
	n.shareNew(ctx)
	return nil
}

// replace puts a catalogue in force. The gate knows it first: no consent is given to
// an edition that it does not know.
func (n *Node) replace(next *policy.Catalogue) error {
	sites, err := reported(next)
	if err == nil {
		err = n.keep(next)
	}
	if err != nil {
		return err
	}
	before := n.policies.live.Now()
	n.policies.live.Replace(next)
	if err := errors.Join(n.policies.edge.Serve(next), n.policies.board.Serve(sites)); err != nil {
		n.policies.live.Replace(before)
		return errors.Join(err, n.policies.edge.Serve(before))
	}
	for _, site := range next.Sites() {
		if old, ok := before.Site(site.ID()); !ok || old.Edition().Key() != site.Edition().Key() {
			n.o.Logger.Info("node: an edition is in force", "site", site.ID(), "edition", site.Policy().Issue.Number)
		}
	}
	n.o.Logger.Info("node: the policies were read again", "sites", len(next.Sites()))
	return nil
}

// ReloadAndSay reloads, and logs why it could not.
func (n *Node) ReloadAndSay(ctx context.Context) {
	if err := n.Reload(ctx); err != nil {
		n.o.Logger.Error("node: the policies cannot be used; those of before stay in force", "error", err)
	}
}

// followPolicies looks at the folder until ctx ends. A change must stand for one
// interval, so that no half of it is read; a set that was found wrong is read again
// when it changes.
func (n *Node) followPolicies(ctx context.Context) {
	tick := time.NewTicker(n.o.Every.Files)
	defer tick.Stop()
	var seen [sha256.Size]byte
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		sum := sumOf(readPolicies(n.o.Config.Policies))
		if n.changed(sum) && sum == seen {
			n.ReloadAndSay(ctx)
		}
		seen = sum
		n.policies.mu.Lock()
		n.shareNew(ctx)
		n.policies.mu.Unlock()
	}
}

// changed reports whether files are others than those in force and those that were
// found wrong. When the former are back, all is well.
func (n *Node) changed(sum [sha256.Size]byte) bool {
	p := &n.policies
	p.mu.Lock()
	defer p.mu.Unlock()
	if sum == p.served {
		p.refused = [sha256.Size]byte{}
		n.health.policies.Store(nil)
		return false
	}
	return sum != p.refused
}

// learnWithin bounds a look into the archive of the database.
const learnWithin = 5 * time.Second

// learnEditions takes in what other nodes published, if the database answers.
func (n *Node) learnEditions(ctx context.Context) {
	if n.holds("database") {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, learnWithin)
	defer cancel()
	if _, err := n.takeEditions(ctx); err != nil {
		n.o.Logger.Warn("node: what other nodes published cannot be read; the local copies stand in for it", "error", err)
	}
}

// shareNew archives editions that came since the start, once the database answers.
func (n *Node) shareNew(ctx context.Context) {
	if !n.policies.unshared || n.holds("starting") || n.holds("database") {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, learnWithin)
	defer cancel()
	if err := n.shareEditions(ctx); err != nil {
		n.o.Logger.Warn("node: the editions in force are not archived yet", "error", err)
		return
	}
	n.policies.unshared = false
}

// takeEditions adds the archive of the database to the local one, and says what is
// in it.
func (n *Node) takeEditions(ctx context.Context) (there map[string]bool, err error) {
	known, err := editions.List(ctx, n.db.Maintenance())
	if err != nil {
		return nil, err
	}
	there = map[string]bool{}
	for _, e := range known {
		there[e.Site+" "+e.Hash] = true
		if err := writeArchive(n.o.Config.DataDir, e.Site, e.Hash, e.Document); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// shareEditions makes the archive of the database and the local one the same.
func (n *Node) shareEditions(ctx context.Context) error {
	there, err := n.takeEditions(ctx)
	if err != nil {
		return err
	}
	if n.policies.live == nil {
		return nil // not joined yet: the own editions may still turn out wrong
	}
	var missing []editions.Edition
	for _, site := range n.policies.live.Now().Sites() {
		for _, p := range site.History() {
			if !there[p.Site+" "+p.HashString()] {
				missing = append(missing, archived(p))
			}
		}
	}
	if err := editions.Archive(ctx, n.db.Maintenance(), missing); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

func archived(p *policy.Policy) editions.Edition {
	return editions.Edition{
		Site: p.Site, Hash: p.HashString(), Number: p.Issue.Number, Effective: p.Issue.Date(), Document: p.Document(),
	}
}
