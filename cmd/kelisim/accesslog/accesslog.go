// Package accesslog reads a web server's access log in the combined format and
// finds the page views of people in it.
package accesslog

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Pageview is one line that is a page view.
type Pageview struct {
	Address   string
	UserAgent string
	Path      string // without query and fragment
	Referrer  string
	Time      time.Time
}

// line is: address ident user [time] "request" status bytes "referrer" "user agent"
var line = regexp.MustCompile(`^(\S+) \S+ \S+ \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) \S+ "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"`)

const timeFormat = "02/Jan/2006:15:04:05 -0700"

// Counts is what was read.
type Counts struct {
	Lines, Malformed, Pageviews int
}

// Read calls visit for every page view in the order of the lines: method GET,
// status 200 or 304, and a path without a file extension.
func Read(r io.Reader, visit func(Pageview) error) (Counts, error) {
	var c Counts
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 1<<20)
	for s.Scan() {
		c.Lines++
		p, view, ok := parse(s.Text())
		if !ok {
			c.Malformed++
		}
		if !view {
			continue
		}
		c.Pageviews++
		if err := visit(p); err != nil {
			return c, err
		}
	}
	if err := s.Err(); err != nil {
		return c, fmt.Errorf("access log: line %d: %w", c.Lines+1, err)
	}
	return c, nil
}

func parse(text string) (p Pageview, view, ok bool) {
	m := line.FindStringSubmatch(text)
	if m == nil {
		return p, false, false
	}
	at, err := time.Parse(timeFormat, m[2])
	if err != nil {
		return p, false, false
	}
	if _, err := netip.ParseAddr(m[1]); err != nil {
		return p, false, false
	}
	method, rest, _ := strings.Cut(m[3], " ")
	target, _, _ := strings.Cut(rest, " ")
	target, _, _ = strings.Cut(target, "?")
	target, _, _ = strings.Cut(target, "#")
	p = Pageview{Address: m[1], UserAgent: m[6], Path: target, Referrer: m[5], Time: at}
	if p.Referrer == "-" {
		p.Referrer = ""
	}
	status, _ := strconv.Atoi(m[4])
	view = method == "GET" && (status == 200 || status == 304) && strings.HasPrefix(target, "/") && path.Ext(target) == ""
	return p, view, true
}

// Visitor names who made a page view: address and User-Agent.
func (p Pageview) Visitor() string { return p.Address + p.UserAgent }

// consentBelow is the first byte of SHA-256(visitor) from which on a visitor
// refuses: 154 of 256 consent.
const consentBelow = 154

// Consents decides for a visitor, always the same way.
func Consents(visitor string) bool { return sha256.Sum256([]byte(visitor))[0] < consentBelow }
