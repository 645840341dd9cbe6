package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"kelisim/cmd/kelisim/accesslog"
	"kelisim/cmd/kelisim/visitor"
)

// playAccessLog plays the visitors of an access log through the public HTTP
// interface. Times are shifted to now: the server's clock rules, so an event
// cannot be sent as of another year.
func playAccessLog(ctx context.Context, l loadFlags, out io.Writer) error {
	if l.workers < 1 || l.workers > 256 {
		return errors.New("load: --workers must be from 1 to 256")
	}
	f, err := os.Open(l.file)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer f.Close()
	p := newPlayer(l.workers, l.insist, visitor.Options{
		Base: l.url, Site: l.site, Origin: l.origin, Lang: "en", Now: time.Now,
		Client: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: l.workers}},
	})
	counts, err := p.play(ctx, f)
	p.report(out, counts)
	return err
}

// tally is what the visitors of one worker saw.
type tally struct {
	visitors, consenting, refusing int
	sent, accepted, unsent         int
	dropped                        map[string]int
	slowest                        time.Duration
}

// player deals page views to workers, all of one visitor to the same one.
type player struct {
	queues []chan accesslog.Pageview
	insist bool
	o      visitor.Options

	mu    sync.Mutex
	total tally
	errs  []error
}

func newPlayer(workers int, insist bool, o visitor.Options) *player {
	p := &player{insist: insist, o: o, total: tally{dropped: map[string]int{}}}
	for range workers {
		p.queues = append(p.queues, make(chan accesslog.Pageview, 64))
	}
	return p
}

// play reads the log to its end, or until a worker fails.
func (p *player) play(ctx context.Context, log io.Reader) (accesslog.Counts, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for _, q := range p.queues {
		wg.Go(func() {
			if err := p.work(ctx, q); err != nil {
				p.mu.Lock()
				p.errs = append(p.errs, err)
				p.mu.Unlock()
				stop()
			}
		})
	}
	counts, err := accesslog.Read(log, func(v accesslog.Pageview) error {
		h := fnv.New32a()
		_, _ = h.Write([]byte(v.Visitor())) // never fails
		select {
		case p.queues[int(h.Sum32())%len(p.queues)] <- v:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	for _, q := range p.queues {
		close(q)
	}
	wg.Wait()
	if len(p.errs) > 0 {
		return counts, errors.Join(p.errs...)
	}
	return counts, err
}

// idle is after how long a visit is over, by the log's own times.
const idle = 30 * time.Minute

// known is one visitor of a worker.
type known struct {
	browser  *visitor.Visitor
	consents bool
	last     time.Time
}

func (p *player) work(ctx context.Context, queue <-chan accesslog.Pageview) error {
	t, visitors := tally{dropped: map[string]int{}}, map[string]*known{}
	defer func() { p.add(t) }()
	for view := range queue {
		k := visitors[view.Visitor()]
		if k == nil {
			var err error
			if k, err = p.meet(ctx, view, &t); err != nil {
				return err
			}
			visitors[view.Visitor()] = k
		}
		if err := p.visit(ctx, k, view, &t); err != nil {
			return err
		}
	}
	return nil
}

// meet plays a visitor's first view: the banner, and the decision.
func (p *player) meet(ctx context.Context, view accesslog.Pageview, t *tally) (*known, error) {
	o := p.o
	o.Address, o.UserAgent = view.Address, view.UserAgent
	k := &known{browser: visitor.New(o), consents: accesslog.Consents(view.Visitor())}
	t.visitors++
	action := "refuse_all"
	if k.consents {
		action = "accept_all"
		t.consenting++
	} else {
		t.refusing++
	}
	return k, k.browser.Decide(ctx, action, nil)
}

func (p *player) visit(ctx context.Context, k *known, view accesslog.Pageview, t *tally) error {
	if !k.consents && !p.insist {
		t.unsent++
		return nil
	}
	if view.Time.Sub(k.last) > idle {
		k.browser.NewSession()
	}
	k.last = view.Time
	began := time.Now()
	a, err := k.browser.Send(ctx, k.browser.Pageview(p.o.Origin+view.Path, view.Referrer))
	if err != nil {
		return err
	}
	t.sent++
	t.accepted += a.Accepted
	for reason, n := range a.Dropped {
		t.dropped[reason] += n
	}
	t.slowest = max(t.slowest, time.Since(began))
	return nil
}

func (p *player) add(t tally) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total.visitors += t.visitors
	p.total.consenting += t.consenting
	p.total.refusing += t.refusing
	p.total.sent += t.sent
	p.total.accepted += t.accepted
	p.total.unsent += t.unsent
	p.total.slowest = max(p.total.slowest, t.slowest)
	for reason, n := range t.dropped {
		p.total.dropped[reason] += n
	}
}

func (p *player) report(out io.Writer, c accesslog.Counts) {
	t := p.total
	fmt.Fprintf(out, "lines: %d\nmalformed lines: %d\npage views: %d\n", c.Lines, c.Malformed, c.Pageviews)
	fmt.Fprintf(out, "visitors: %d\nconsenting: %d\nrefusing: %d\n", t.visitors, t.consenting, t.refusing)
	fmt.Fprintf(out, "sent: %d\naccepted: %d\nnot sent for lack of consent: %d\n", t.sent, t.accepted, t.unsent)
	for reason, n := range t.dropped {
		fmt.Fprintf(out, "dropped %s: %d\n", reason, n)
	}
	fmt.Fprintf(out, "slowest answer: %s\n", t.slowest.Round(time.Millisecond))
}
