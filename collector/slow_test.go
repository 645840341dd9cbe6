package collector

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/pipeline/spool"
)

// serving is an edge on a port of its own.
type serving struct {
	*edge
	address string
	app     *fiber.App
}

// patience is how long the clients of a test may take: short, so that the test is.
const patience = 400 * time.Millisecond

func serve(t *testing.T, b Bounds) *serving {
	t.Helper()
	e := newEdge(t, spool.Options{})
	e.server.o.Bounds = b.withDefaults()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{edge: e, address: l.Addr().String(), app: e.server.App()}
	ended := make(chan error, 1)
	go func() { ended <- s.app.Listener(l) }() // ends with the clean-up
	t.Cleanup(func() {
		if err := s.app.ShutdownWithTimeout(10 * time.Second); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *serving) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// cut waits until the server ends a connection, and returns how long that took and
// what it said before.
func cut(t *testing.T, c net.Conn) (after time.Duration, said string) {
	t.Helper()
	began := time.Now()
	if err := c.SetReadDeadline(began.Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Fatal("the connection is never cut")
	}
	return time.Since(began), string(b)
}

// trickle sends a text byte by byte until it is cut off.
func trickle(c net.Conn, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestSlowClients: whatever a client sends slowly, or not at all, it holds its
// connection for no longer than is allowed, and others do not notice.
func TestSlowClients(t *testing.T) {
	long := strings.Repeat("a", 2000)
	for name, send := range map[string]func(net.Conn){
		"nothing":       func(net.Conn) {},
		"slow headers":  func(c net.Conn) { trickle(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: "+long) },
		"half a header": func(c net.Conn) { fmt.Fprint(c, "GET /livez HTTP/1.1\r\nHost: loc") },
		"slow body": func(c net.Conn) {
			fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", len(long))
			trickle(c, long)
		},
		"slow chunks": func(c net.Conn) {
			fmt.Fprint(c, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
			trickle(c, strings.Repeat("1\r\na\r\n", 500))
		},
		"half a body": func(c net.Conn) {
			fmt.Fprint(c, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
		},
		"a body that is announced": func(c net.Conn) {
			fmt.Fprint(c, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
		},
		"one request, and no other": func(c net.Conn) { fmt.Fprint(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, Bounds{Read: patience, Write: patience, Idle: patience})
			c := s.dial(t)
			go send(c) // ends with the connection
			if after, _ := cut(t, c); after > 20*patience {
				t.Errorf("it was cut off after %s", after)
			}
			if status, _, _ := strings.Cut(ask(t, s, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), "\r\n"); status != "HTTP/1.1 200 OK" {
				t.Errorf("another client is told %q", status)
			}
		})
	}
}

// ask sends a request on a connection of its own and returns the answer.
func ask(t *testing.T, s *serving, request string) string {
	t.Helper()
	c := s.dial(t)
	if _, err := io.WriteString(c, request); err != nil {
		return ""
	}
	_, said := cut(t, c)
	return said
}

// TestClientThatDoesNotRead: answers that nobody takes are not kept.
func TestClientThatDoesNotRead(t *testing.T) {
	s := serve(t, Bounds{Read: patience, Write: patience, Idle: patience})
	c := s.dial(t)
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	go func() { // ends when the server cuts the connection
		for {
			if _, err := io.WriteString(c, "GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				return
			}
		}
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if open := s.app.Server().GetOpenConnectionsCount(); open == 0 && s.server.Stats().of("other", "2xx") > 0 {
			return
		} else if time.Now().After(end) {
			t.Fatalf("%d connections are open still", open)
		}
	}
}

// TestTooMuch: headers and bodies beyond the bound are refused before they are read
// whole, in words, and counted as no request.
func TestTooMuch(t *testing.T) {
	s := serve(t, Bounds{})
	body := strings.Repeat("a", maxBody+1)
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for name, call := range map[string]struct {
		request string
		status  int
	}{
		"headers":    {"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", headerBuffer) + "\r\n\r\n", 431},
		"a long URL": {"GET /" + strings.Repeat("a", headerBuffer) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 431},
		"a body":     {fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", 1<<40), 413},
		"chunks":     {"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, 413},
		"no HTTP":    {"HELLO\r\n\r\n", 400},
	} {
		before := s.server.Stats().of("unread", "4xx")
		c := s.dial(t)
		go io.WriteString(c, call.request) // ends when the server has read it or cut it off
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, _ := io.ReadAll(res.Body) // what came says enough
		res.Body.Close()
		if res.StatusCode != call.status || !strings.Contains(string(b), `"error"`) {
			t.Errorf("%s: status %d: %s", name, res.StatusCode, b)
		}
		if n := s.server.Stats().of("unread", "4xx"); n != before+1 {
			t.Errorf("%s: %d are counted, want %d", name, n, before+1)
		}
	}
}

// TestMultipartIsNotUnpacked: a form of many parts is a body like any other.
func TestMultipartIsNotUnpacked(t *testing.T) {
	s := serve(t, Bounds{})
	body := "--b\r\nContent-Disposition: form-data; name=\"action\"; filename=\"f\"\r\n\r\nwithdraw\r\n--b--\r\n"
	for _, path := range []string{"/v1/events", "/v1/consent", "/privacy/demo"} {
		said := ask(t, s, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\nConnection: close\r\n"+
			"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body))
		if !strings.HasPrefix(said, "HTTP/1.1 400 ") {
			t.Errorf("%s: %s", path, said)
		}
	}
}

// TestTooManyConnections: beyond the bound a connection is refused at once; when one
// ends there is room again.
func TestTooManyConnections(t *testing.T) {
	const most = 8
	s := serve(t, Bounds{Connections: most, Read: time.Minute})
	var held []net.Conn
	for range most {
		c := s.dial(t)
		fmt.Fprint(c, "GET /livez HTTP/1.1\r\n")
		held = append(held, c)
	}
	for end := time.Now().Add(20 * time.Second); s.app.Server().GetOpenConnectionsCount() < most; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connections are not taken")
		}
	}
	const request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	if said := ask(t, s, request); !strings.HasPrefix(said, "HTTP/1.1 503 ") {
		t.Errorf("one too many is told %q", said)
	}
	for _, c := range held {
		c.Close()
	}
	for end := time.Now().Add(20 * time.Second); !strings.HasPrefix(ask(t, s, request), "HTTP/1.1 200 "); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("there is no room again")
		}
	}
}

// TestMemoryOfIdleConnections: connections that wait take no more than is promised.
func TestMemoryOfIdleConnections(t *testing.T) {
	const (
		connections = 1000
		most        = 40 << 10 // bytes each, with what the client of the test takes
	)
	s := serve(t, Bounds{})
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse + m.StackInuse)
	}
	before := inUse()
	for range connections {
		c := s.dial(t)
		fmt.Fprint(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := c.Read(make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
	}
	each := (inUse() - before) / connections
	t.Logf("%d bytes a connection", each)
	if each > most {
		t.Errorf("an idle connection takes %d bytes, at most %d are promised", each, most)
	}
}
