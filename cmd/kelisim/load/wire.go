package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// The wire is plain HTTP/1.1 over connections that stay open. Requests are bytes
// that were made before; of an answer only what matters here is read. The
// client of the standard library takes several times the processor time.

// Bounds of the wire.
const (
	dialFor    = 5 * time.Second
	answerFor  = 15 * time.Second // the least time that an answer may take
	maxAnswer  = 1 << 20          // bytes of a body
	bufferSize = 16 << 10         // bytes; a line of a header must fit
)

// answer is what came back. Its bytes hold until the next request.
type answer struct {
	status  int
	retry   time.Duration // Retry-After
	cookies []cookie
	body    []byte
	closes  bool // the collector ends the connection
}

// cookie is one that was set; without a value it was taken away.
type cookie struct{ name, value string }

// connection is one connection to the collector. It dials when it must.
type connection struct {
	target  *url.URL
	c       net.Conn
	r       *bufio.Reader
	body    []byte
	bounded time.Time // when the deadline was last moved
	now     func() time.Time
	open    atomic.Pointer[net.Conn] // the same as c, for interrupt
}

// interrupt ends the wait for an answer; it may be called from anywhere.
func (c *connection) interrupt() {
	if conn := c.open.Load(); conn != nil {
		_ = (*conn).SetDeadline(time.Unix(1, 0)) // it is closed already, or ends now
	}
}

// exchange sends a request and reads its answer. reached says whether the
// collector can have seen the request although there is no answer.
func (c *connection) exchange(ctx context.Context, request []byte) (a answer, reached bool, err error) {
	if c.c == nil {
		if err := c.dial(ctx); err != nil {
			return a, false, err
		}
	}
	if now := c.now(); now.Sub(c.bounded) > answerFor/3 {
		// Moving a deadline costs, so it moves now and then and is generous.
		if err := c.c.SetDeadline(now.Add(2 * answerFor)); err != nil {
			c.close()
			return a, false, fmt.Errorf("load: deadline: %w", err)
		}
		c.bounded = now
	}
	if ctx.Err() != nil { // after the deadline moved: interrupt could have come before
		return a, false, fmt.Errorf("load: send: %w", ctx.Err())
	}
	if _, err := c.c.Write(request); err != nil {
		c.close()
		return a, true, fmt.Errorf("load: send: %w", err)
	}
	if a, err = c.read(); err != nil {
		c.close()
		return a, true, fmt.Errorf("load: answer: %w", err)
	}
	if a.closes {
		c.close()
	}
	return a, true, nil
}

func (c *connection) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialFor)
	defer cancel()
	address, d := c.target.Host, net.Dialer{}
	if c.target.Port() == "" {
		address = net.JoinHostPort(c.target.Hostname(), map[bool]string{true: "443", false: "80"}[c.target.Scheme == "https"])
	}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("load: connect: %w", err)
	}
	if c.target.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: c.target.Hostname()})
		if err := secure.HandshakeContext(ctx); err != nil {
			return errors.Join(fmt.Errorf("load: connect: %w", err), conn.Close())
		}
		conn = secure
	}
	c.c, c.bounded = conn, time.Time{}
	c.open.Store(&conn)
	if c.r == nil {
		c.r = bufio.NewReaderSize(conn, bufferSize)
	} else {
		c.r.Reset(conn)
	}
	return nil
}

func (c *connection) close() {
	if c.c != nil {
		_ = c.c.Close() // nothing more is wanted of it
		c.c = nil
	}
}

var errAnswer = errors.New("load: this is no HTTP/1.1")

// read reads one answer.
func (c *connection) read() (a answer, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if len(line) < 13 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, errAnswer
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, errAnswer
	}
	length, chunked := -1, false
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return a, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if err := a.header(line, &length, &chunked); err != nil {
			return a, err
		}
	}
	switch {
	case a.status == 204 || a.status == 304:
		length = 0
	case chunked:
		return a, c.readChunks(&a)
	case length < 0, length > maxAnswer:
		return a, errAnswer
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	a.body = c.body[:length]
	_, err = io.ReadFull(c.r, a.body)
	return a, err
}

// header reads what matters of one line.
func (a *answer) header(line []byte, length *int, chunked *bool) (err error) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return errAnswer
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch len(name) {
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if *length, err = strconv.Atoi(string(value)); err != nil || *length < 0 {
				return errAnswer
			}
		}
	case len("Retry-After"):
		if bytes.EqualFold(name, []byte("Retry-After")) {
			seconds, err := strconv.Atoi(string(value))
			if err == nil && seconds > 0 {
				a.retry = time.Duration(min(seconds, 3600)) * time.Second
			}
		}
	case len("Connection"): // as long as Set-Cookie
		if bytes.EqualFold(name, []byte("Connection")) {
			a.closes = bytes.EqualFold(value, []byte("close"))
		} else if bytes.EqualFold(name, []byte("Set-Cookie")) {
			a.cookies = append(a.cookies, readCookie(value))
		}
	case len("Transfer-Encoding"):
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			*chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
	return nil
}

// readCookie reads the pair of a Set-Cookie and whether it takes the cookie away.
func readCookie(line []byte) cookie {
	pair, rest, _ := bytes.Cut(line, []byte(";"))
	name, value, _ := bytes.Cut(pair, []byte("="))
	if gone(rest) {
		value = nil
	}
	return cookie{string(bytes.TrimSpace(name)), string(bytes.TrimSpace(value))}
}

// gone reports attributes that end a cookie: a Max-Age of nothing, or, without
// one, an expiry in the year that a collector writes for it.
func gone(attributes []byte) bool {
	lower := bytes.ToLower(attributes)
	if _, age, ok := bytes.Cut(lower, []byte("max-age=")); ok {
		return len(age) == 0 || age[0] == '-' || age[0] == '0'
	}
	return bytes.Contains(lower, []byte("expires=thu, 01 jan 1970"))
}

// readChunks reads a body without a length, as proxies send it.
func (c *connection) readChunks(a *answer) error {
	body, err := io.ReadAll(io.LimitReader(httputil.NewChunkedReader(c.r), maxAnswer))
	if err != nil {
		return err
	}
	a.body = body
	_, err = c.r.ReadSlice('\n') // the empty line after the last chunk
	return err
}
