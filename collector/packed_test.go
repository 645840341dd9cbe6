package collector

import (
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"kelisim/pipeline/spool"
)

// TestBannerIsPacked: the compressed answer is the plain one, for those who were
// asked and those who were not, and stays below what a first visit may cost.
func TestBannerIsPacked(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	for name, cookie := range map[string]string{"first": "", "decided": jar(accepted)} {
		for range 2 {
			_, plain := e.send("GET", "/v1/banner?site=demo&lang=kk", "", "Cookie", cookie)
			res, small := e.send("GET", "/v1/banner?site=demo&lang=kk", "", "Cookie", cookie, "Accept-Encoding", "gzip, br")
			got, err := io.ReadAll(brotli.NewReader(strings.NewReader(small)))
			if err != nil || string(got) != plain {
				t.Errorf("%s: the packed answer differs, %v", name, err)
			}
			if res.Header.Get("Content-Encoding") != "br" || res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(res.Header.Get("Vary"), "Accept-Encoding") {
				t.Errorf("%s: headers %v", name, res.Header)
			}
			if len(small)*3 > len(plain) {
				t.Errorf("%s: %d of %d bytes", name, len(small), len(plain))
			}
		}
	}
}

// TestFirstLayerIsLess: who was not asked yet gets the first layer, who has
// decided gets everything, with the choices.
func TestFirstLayerIsLess(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	_, first := e.send("GET", "/v1/banner?site=demo&lang=kk&layer=1", "")
	_, whole := e.send("GET", "/v1/banner?site=demo&lang=kk", "")
	_, decided := e.send("GET", "/v1/banner?site=demo&lang=kk&layer=1", "", "Cookie", jar(accepted))
	if strings.Contains(first, `"terms"`) || 2*len(first) > len(whole) {
		t.Errorf("the first layer has %d of %d bytes", len(first), len(whole))
	}
	if !strings.Contains(whole, `"terms"`) || !strings.Contains(decided, `"terms"`) || !strings.Contains(decided, `"choices":{`) {
		t.Errorf("who has decided gets %s", decided)
	}
}

// TestPackedIsBounded: what is kept does not grow with what is asked.
func TestPackedIsBounded(t *testing.T) {
	var p packed
	for i := range 3 * mostPacked {
		if _, err := p.of([]byte(strings.Repeat("a", i))); err != nil {
			t.Fatal(err)
		}
		if len(p.all) > mostPacked {
			t.Fatalf("%d answers are kept", len(p.all))
		}
	}
}
