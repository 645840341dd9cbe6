package node_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Sorts of places that are searched.
const (
	inTable  = "table of kelisim"
	inSystem = "table of system"
	inFile   = "file"
	inSpool  = "spool"
	inLog    = "log line"
	inAnswer = "HTTP answer"
	inOutput = "output"
)

// canary is something that was planted, in every form it could take.
type canary struct {
	name  string
	forms map[string][]byte // by what the form is
	only  []string          // sorts of places it must not reach; none means no place at all
	but   string            // the one place that may show it
}

// hunt plants canaries and searches for them. Whatever is planted is forbidden
// everywhere, but for what permit planted.
type hunt struct {
	mu        sync.Mutex
	forbidden map[string]*canary
	permitted map[string]*canary
	found     map[string]map[string]int // permitted canary, sort of place -> places
	places    map[string]int            // by sort
	bytes     map[string]int            // by sort
	leaks     map[string]string         // what was found where it must not be
	notes     []string
}

func newHunt() *hunt {
	return &hunt{
		forbidden: map[string]*canary{}, permitted: map[string]*canary{}, found: map[string]map[string]int{},
		places: map[string]int{}, bytes: map[string]int{}, leaks: map[string]string{},
	}
}

// word draws a word that stands nowhere else.
func word() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "zq" + hex.EncodeToString(b[:])
}

// plant gives the forbidden word of a name, the same for the same name.
func (h *hunt) plant(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.forbidden[name]; c != nil {
		return string(c.forms["text"])
	}
	w := word()
	h.forbidden[name] = &canary{name: name, forms: textForms(w)}
	return w
}

// plantHash gives a forbidden word of 64 hexadecimal digits.
func (h *hunt) plantHash(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.forbidden[name]; c != nil {
		return string(c.forms["text"])
	}
	w := randomHex(32)
	h.forbidden[name] = &canary{name: name, forms: textForms(w)}
	return w
}

// plantIn gives a word that may be kept, but must not reach some sorts of places.
func (h *hunt) plantIn(name string, sorts ...string) string {
	w := h.plant(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forbidden[name].only = sorts
	return w
}

// permit gives the permitted word of a name: one that the search must find.
func (h *hunt) permit(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.permitted[name]; c != nil {
		return string(c.forms["text"])
	}
	w := word()
	h.permitted[name] = &canary{name: name, forms: map[string][]byte{"text": []byte(w)}}
	return w
}

// permitAs adds a permitted canary that was not drawn here.
func (h *hunt) permitAs(name string, forms map[string][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.permitted[name] = &canary{name: name, forms: forms}
}

// forbid adds a canary that was not drawn here.
func (h *hunt) forbid(name string, forms map[string][]byte, only ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forbidden[name] = &canary{name: name, forms: forms, only: only}
}

// except lets one place show a canary.
func (h *hunt) except(name, place string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forbidden[name].but = place
}

// textForms are the ways in which a text could be written down.
func textForms(s string) map[string][]byte {
	whole := base64.RawStdEncoding.EncodeToString([]byte(s[:len(s)/3*3]))
	forms := map[string][]byte{
		"text": []byte(s), "base64": []byte(whole),
		"hexadecimal": []byte(hex.EncodeToString([]byte(s))), "HEXADECIMAL": []byte(strings.ToUpper(hex.EncodeToString([]byte(s)))),
	}
	for name, other := range map[string]string{"url-encoded": url.QueryEscape(s), "path-encoded": url.PathEscape(s)} {
		if other != s {
			forms[name] = []byte(other)
		}
	}
	return forms
}

// addressForms are the ways in which an address could be written down.
func addressForms(a netip.Addr) map[string][]byte {
	b16 := a.As16()
	forms := map[string][]byte{
		"text": []byte(a.String()), "expanded": []byte(netip.AddrFrom16(b16).StringExpanded()),
		"16 bytes": b16[:], "hexadecimal": []byte(hex.EncodeToString(b16[:])),
		"16 bytes, halves turned": turned(b16), "base64": []byte(base64.RawStdEncoding.EncodeToString(b16[:15])),
	}
	if a.Is4() {
		b := a.As4()
		n := binary.BigEndian.Uint32(b[:])
		forms["4 bytes"] = b[:]
		forms["4 bytes, turned"] = binary.LittleEndian.AppendUint32(nil, n)
		forms["number"] = strconv.AppendUint(nil, uint64(n), 10)
		forms["hexadecimal"] = []byte(hex.EncodeToString(b[:]))
		forms["in IPv6 text"] = fmt.Appendf(nil, "%x:%x", n>>16, n&0xffff)
		delete(forms, "base64")
	}
	return forms
}

// turned is how a database keeps 16 bytes as two little-endian halves.
func turned(b [16]byte) []byte {
	slices.Reverse(b[:8])
	slices.Reverse(b[8:])
	return b[:]
}

// tokenForms are a token, its bytes, and pieces of both. The consent id that
// stands in it is no secret by itself; the signature is.
func tokenForms(token string) map[string][]byte {
	forms := map[string][]byte{
		"text": []byte(token), "its begin": []byte(token[:24]), "its middle": []byte(token[24:48]), "its end": []byte(token[len(token)-24:]),
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return forms
	}
	mac := raw[len(raw)-32:]
	forms["bytes"], forms["signature"] = raw, mac
	forms["half a signature"], forms["other half"] = mac[:16], mac[16:]
	forms["hexadecimal"] = []byte(hex.EncodeToString(mac[:16]))
	forms["HEXADECIMAL"] = []byte(strings.ToUpper(hex.EncodeToString(mac[:16])))
	forms["base64"] = []byte(base64.StdEncoding.EncodeToString(raw)[:24])
	forms["base64 of the signature"] = []byte(base64.StdEncoding.EncodeToString(mac)[:40])
	return forms
}

// search looks for every canary in one place.
func (h *hunt) search(sort, place string, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.places[sort]++
	h.bytes[sort] += len(data)
	for _, c := range h.forbidden {
		if c.but == place || len(c.only) > 0 && !slices.Contains(c.only, sort) {
			continue
		}
		for form, b := range c.forms {
			at := bytes.Index(data, b)
			if at < 0 {
				continue
			}
			// Said in the end: what is printed now would be searched as output.
			h.leaks[c.name+sort+place] = fmt.Sprintf("%s %s holds the %s (%s): …%q…", sort, place, c.name, form,
				data[max(0, at-60):min(len(data), at+len(b)+60)])
		}
	}
	for _, c := range h.permitted {
		for _, b := range c.forms {
			if !bytes.Contains(data, b) {
				continue
			}
			if h.found[c.name] == nil {
				h.found[c.name] = map[string]int{}
			}
			h.found[c.name][sort]++
			break
		}
	}
}

// mustFind proves that the search finds what is there.
func (h *hunt) mustFind(t *testing.T, name string, sorts ...string) {
	t.Helper()
	for _, sort := range sorts {
		if h.found[name][sort] == 0 {
			t.Errorf("the search finds no %s in any %s: it proves nothing there", name, sort)
		}
	}
}

// mustHaveSearched proves that there was something to search.
func (h *hunt) mustHaveSearched(t *testing.T, sort string, places, size int) {
	t.Helper()
	if h.places[sort] < places || h.bytes[sort] < size {
		t.Errorf("%s: %d places and %d bytes were searched, want at least %d and %d", sort, h.places[sort], h.bytes[sort], places, size)
	}
}

// report says what was searched and what was found.
func (h *hunt) report(t *testing.T) {
	t.Helper()
	for _, leak := range h.leaks {
		t.Error(leak)
	}
	for _, note := range h.notes {
		t.Log(note)
	}
	forms := 0
	for _, c := range h.forbidden {
		forms += len(c.forms)
	}
	t.Logf("%d forbidden canaries in %d forms", len(h.forbidden), forms)
	for _, sort := range []string{inTable, inSystem, inFile, inSpool, inLog, inAnswer, inOutput} {
		t.Logf("%-16s %6d places %10d bytes", sort, h.places[sort], h.bytes[sort])
	}
}

// TestHuntFindsEveryForm proves the search itself, form by form.
func TestHuntFindsEveryForm(t *testing.T) {
	token := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb, 7, 0x90}, 30))
	for name, forms := range map[string]map[string][]byte{
		"word": textForms("a word & more"), "token": tokenForms(token),
		"IPv4": addressForms(netip.MustParseAddr(address4)), "IPv6": addressForms(netip.MustParseAddr(address6)),
	} {
		if len(forms) < 6 {
			t.Errorf("%s: only %d forms", name, len(forms))
		}
		for form, b := range forms {
			h := newHunt()
			h.forbid(name, forms)
			h.search(inFile, "empty", []byte("nothing\x00of it"))
			if len(h.leaks) != 0 {
				t.Errorf("%s, %s: found where it is not", name, form)
			}
			h.search(inFile, "full", slices.Concat([]byte("x\x00"), b, []byte("\xffy")))
			if len(h.leaks) != 1 {
				t.Errorf("%s, %s: not found", name, form)
			}
		}
	}
}
