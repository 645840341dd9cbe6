package writer_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between a writer and ClickHouse and can cut the line at the worst
// moment. All of its fields below mu are guarded by it.
type proxy struct {
	t        *testing.T
	to       string
	listener net.Listener
	wait     sync.WaitGroup

	mu    sync.Mutex
	word  []byte // the query that is waited for; nil = none
	after bool   // cut once the query's data were sent, else before the query is
	kill  bool   // and let nothing through from then on
	dead  bool   // nothing comes through any more
	cuts  int
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, to: to, listener: l}
	p.wait.Go(p.accept) // ends with the listener
	t.Cleanup(func() {
		l.Close()
		p.wait.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// arm makes the proxy cut the line once: at the next query that begins with
// word, before it reaches the server, or when all of it has and only the answer
// is missing.
func (p *proxy) arm(word string, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word, p.after, p.kill = []byte(word), after, false
}

// killAt is arm for good: nothing but the rest of that query's data gets through
// from then on, as if the client's process had been killed.
func (p *proxy) killAt(word string, after bool) {
	p.arm(word, after)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill = true
}

// isDead reports whether nothing comes through any more.
func (p *proxy) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// dies lets nothing through from now on, if that is wanted.
func (p *proxy) dies() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = p.kill
}

// cut is how often the line was cut.
func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wait.Go(func() { p.serve(client) }) // ends with the connection
	}
}

// stage is how far an armed query has come on one connection.
type stage int

const (
	idle stage = iota
	asked
	sent
)

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	if p.isDead() {
		return
	}
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer server.Close()
	var (
		mu  sync.Mutex
		now stage
		up  sync.WaitGroup
	)
	up.Go(func() { // ends with either connection
		defer server.Close()
		p.pass(server, client, func(b []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case now == asked:
				now = sent // what follows the query is its data
				p.dies()
			case now != sent && p.isDead():
				return false
			}
			found, after := p.found(b)
			switch {
			case found && !after:
				p.dies()
				return false
			case found:
				now = asked
			}
			return true
		})
	})
	p.pass(client, server, func([]byte) bool {
		mu.Lock()
		defer mu.Unlock()
		if now == sent {
			p.mu.Lock()
			p.cuts++
			p.mu.Unlock()
			return false // the server has answered the data; nobody learns so
		}
		return true
	})
	client.Close()
	up.Wait()
}

// found looks for the armed query and disarms the proxy.
func (p *proxy) found(b []byte) (found, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.word == nil || !bytes.Contains(b, p.word) {
		return false, false
	}
	p.word = nil
	if !p.after {
		p.cuts++
	}
	return true, p.after
}

// pass copies until an end, or until look says no.
func (p *proxy) pass(to io.Writer, from io.Reader, look func([]byte) bool) {
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !look(buf[:n]) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				return // the other side went away, which is what the tests are about
			}
			return
		}
	}
}
