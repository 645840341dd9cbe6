package blackbox_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slow is a request that has arrived in half.
type slow struct {
	net.Conn
	rest string
}

// half sends half of a call with one event.
func (n *node) half(t *testing.T) *slow {
	t.Helper()
	c, err := net.Dial("tcp", n.listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	body := `{"v":1,"site":"demo","session":{"id":"00112233445566778899aabbccddeeff","start":1},"events":[{"seq":1,"name":"pageview"}]}`
	if _, err := fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:40]); err != nil {
		t.Fatal(err)
	}
	return &slow{c, body[40:]}
}

// end sends the other half and returns the status of the answer.
func (s *slow) end(t *testing.T) int {
	t.Helper()
	if err := s.SetDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(s, s.rest); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(s), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// deaf waits until nobody listens any more.
func (n *node) deaf(t *testing.T) {
	t.Helper()
	eventually(t, deadline, "the end of listening", func() bool {
		c, err := net.Dial("tcp", n.listen)
		if err != nil {
			return true
		}
		c.Close()
		return false
	})
}

// TestStopUnderLoad: a program that is told to end says that it is not ready, stops
// listening, answers what has begun to arrive, and puts into the database all that
// it acknowledged. The next one goes on, and nothing is lost or doubled.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	n := install(t)
	n.serve(t)
	acknowledged, end := n.traffic(t)
	more(t, acknowledged, 300)
	underway := n.half(t)
	n.signal(syscall.SIGTERM)
	eventually(t, deadline, "/readyz to say that the node stops", func() bool {
		res, err := http.Get(n.url() + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body) // what came says enough
		return res.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(b), "the node stops")
	})
	n.deaf(t)
	if status := underway.end(t); status != http.StatusAccepted {
		t.Errorf("a request that was under way is answered with %d", status)
	}
	if code := n.exit(deadline); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(n.errs.String(), "stays in the spool") {
		t.Error("not all of the spool was flushed")
	}
	n.serve(t)
	more(t, acknowledged, 100)
	end()
	conn, want := n.sql(t), int(acknowledged.Load())
	settles(t, conn, want, "SELECT count() FROM events")
	settles(t, conn, 1, "SELECT sum(n) FROM outcomes WHERE outcome = 'no_consent'")
	once(t, conn)
	n.stop()
}

// TestSecondSignal: who cannot wait says so again, and the program ends at once. Its
// engine ends with it, and nothing that was acknowledged is lost.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	n := install(t)
	n.serve(t)
	v := n.consenting(t)
	view(t, v, "/one")
	engine := n.access(t).EnginePID
	n.half(t) // it would be waited for
	n.signal(syscall.SIGTERM)
	n.deaf(t)
	began := time.Now()
	n.signal(syscall.SIGTERM)
	if code := n.exit(deadline); code != -1 {
		t.Errorf("exit code %d, want the end by a signal", code)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it ended after %s", took)
	}
	eventually(t, deadline, "the engine to end with its parent", func() bool { return !runs(engine) })
	n.serve(t)
	view(t, v, "/two")
	conn := n.sql(t)
	settles(t, conn, 2, "SELECT count() FROM events")
	once(t, conn)
	n.stop()
}
