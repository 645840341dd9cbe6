package chaos_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/storage"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

// line stands between the collector and ClickHouse: it can cut a connection when
// the server has taken a block and its answer is on the way, and be down.
type line struct {
	to       string
	listener net.Listener

	mu    sync.Mutex
	word  []byte // of the insert whose answer is swallowed; nil = none
	cuts  int
	down  bool
	conns map[net.Conn]bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{to: to, listener: l, conns: map[net.Conn]bool{}}
	var wait sync.WaitGroup
	wait.Go(func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.setDown(true)
		wait.Wait()
	})
	return p
}

// setDown cuts every connection and refuses new ones, until it is up again.
func (p *line) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	for c := range p.conns {
		if down {
			_ = c.Close()
		}
	}
}

func (p *line) arm(word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word = []byte(word)
}

func (p *line) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *line) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *line) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	server, err := net.Dial("tcp", p.to)
	if err != nil || !p.keep(server) {
		_ = client.Close()
		return
	}
	defer func() {
		_, _ = client.Close(), server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, server)
	}()
	var (
		mu    sync.Mutex
		asked bool // the armed insert was begun on this connection
		sent  bool // its block was sent
		up    sync.WaitGroup
	)
	up.Go(func() { // ends with either connection
		defer server.Close()
		copyWhile(server, client, func(b []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			sent = sent || asked
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.word != nil && bytes.Contains(b, p.word) {
				asked, p.word = true, nil
			}
			return true
		})
	})
	copyWhile(client, server, func([]byte) bool {
		mu.Lock()
		defer mu.Unlock()
		if sent {
			p.mu.Lock()
			p.cuts++
			p.mu.Unlock()
		}
		return !sent // the server has answered the block; nobody learns so
	})
	_ = client.Close()
	up.Wait()
}

func copyWhile(to io.Writer, from io.Reader, pass func([]byte) bool) {
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !pass(buf[:n]) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// behind gives a world a database of its own behind a line.
func behind(t *testing.T, w *world) *line {
	t.Helper()
	dir := filepath.Join(w.dir, "database")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	engine, err := startEngine(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	l := newLine(t, engine.Address)
	for name, role := range map[string]schema.Role{
		"": schema.RoleWriter, "REPORTS_": schema.RoleReports, "RIGHTS_": schema.RoleRights, "MAINTENANCE_": schema.RoleMaintenance,
	} {
		who := engine.Roles[role]
		dsn := url.URL{Scheme: "clickhouse", User: url.UserPassword(who.User, who.Password), Host: l.listener.Addr().String(), Path: "/" + schema.Database}
		w.env = append(w.env, "KELISIM_CLICKHOUSE_"+name+"DSN="+dsn.String())
	}
	w.open = func(w *world) (*storage.DB, error) {
		return storage.Open(w.t.Context(), storage.Options{Engine: engine})
	}
	return l
}

// startEngine starts an engine in this process's child.
func startEngine(t *testing.T, dir string) (*embedded.Access, error) {
	e, err := embedded.Start(t.Context(), embedded.Options{DataDir: dir, Library: library(t)})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = e.Stop(t.Context()) })
	return e.Access(), nil
}

// TestCutLine cuts the connection after the server took a block and before its
// answer arrives.
func TestCutLine(t *testing.T) {
	t.Parallel()
	for i, table := range []string{"events", "consents", "outcomes"} {
		for _, partitions := range partitions(i) {
			t.Run(fmt.Sprintf("%s, %d partitions", table, partitions), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, partitions)
				l := behind(t, w)
				w.play()
				w.launch()
				for range rounds() {
					before := l.cut()
					l.arm("INSERT INTO " + table + " (")
					w.wait("the line to be cut", func() bool { return l.cut() > before })
					w.hits++
					w.waitMore(rand.IntN(50))
				}
				w.judge("answer cut off, " + table)
			})
		}
	}
}

// TestAway takes ClickHouse away for a while under load.
func TestAway(t *testing.T) {
	away := 15 * time.Second
	if !long() {
		away = 3 * time.Second
	}
	t.Parallel()
	for _, partitions := range partitions(0) {
		t.Run(fmt.Sprintf("%d partitions", partitions), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, partitions)
			l := behind(t, w)
			w.play()
			w.launch()
			for range rounds() {
				w.waitStored()
				l.setDown(true)
				time.Sleep(away)
				w.waitMore(10) // acknowledging goes on
				l.setDown(false)
				w.hits++
			}
			w.judge(fmt.Sprintf("ClickHouse away for %s", away))
		})
	}
}

// rss is the resident memory of the collector in bytes.
func (w *world) rss() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	if err != nil {
		w.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return kb << 10
}
