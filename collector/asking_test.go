package collector

import (
	"encoding/json"
	"strings"
	"testing"

	"kelisim/pipeline/spool"
	"kelisim/storage/journal"
)

// shown is how many banners are counted as shown.
func (e *edge) shown() (n uint64) {
	e.t.Helper()
	if err := e.journal.Flush(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	frames, _, err := e.spool.Read(e.t.Context(), e.spool.Checkpoint(), 8<<20)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, f := range frames {
		if f.Kind() != spool.Counts {
			continue
		}
		var counts []journal.Count
		if err := json.Unmarshal(f.Payload(), &counts); err != nil {
			e.t.Fatal(err)
		}
		for _, c := range counts {
			if c.Kind == journal.CountShown {
				n += c.N
			}
		}
	}
	return n
}

// Who has not decided gets the loader with the first layer, in the language of the
// page; everybody else gets the small one, and so does who cannot be told from them.
func TestLoaderThatAsks(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	refused, _ := e.send("POST", "/v1/consent", e.decision("refuse_all", "2"))
	plain, small := e.send("GET", "/k.js", "")
	if strings.Contains(small, `,d:{`) || plain.Header.Get("Cache-Control") != fiveMinutes {
		t.Fatalf("without a page: %s, %d bytes", plain.Header.Get("Cache-Control"), len(small))
	}
	for name, test := range map[string]struct {
		page, languages, cookie string
		lang                    string // empty for the small one
	}{
		"language of the address":        {"https://localhost/ru/page", "en", "", "ru"},
		"language of the browser":        {"https://localhost/shop/page", "ru,en-US;q=0.7,en;q=0.3", "", "ru"},
		"a language that nobody offers":  {"https://localhost/", "de-DE,de;q=0.9,en;q=0.8", "", "en"},
		"no language":                    {"https://localhost/", "", "", "kk"},
		"only the origin of the page":    {"https://localhost", "en-GB", "", "en"},
		"consent":                        {"https://localhost/ru/", "ru", jar(accepted), ""},
		"refusal":                        {"https://localhost/ru/", "ru", jar(refused), ""},
		"a mark that is none":            {"https://localhost/ru/", "ru", "__Host-kelisim-state=1", ""},
		"no page":                        {"", "ru", "", ""},
		"a page of nobody":               {"https://example.org/ru/", "ru", "", ""},
		"a page without a host":          {"about:blank", "ru", "", ""},
		"an address that cannot be read": {"https://[", "ru", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := e.send("GET", "/k.js", "", "Referer", test.page, "Accept-Language", test.languages, "Cookie", test.cookie, "Sec-Fetch-Site", "", "Sec-Fetch-Mode", "no-cors")
			if test.lang == "" {
				if body != small || res.Header.Get("Cache-Control") != fiveMinutes {
					t.Errorf("%s, %d bytes", res.Header.Get("Cache-Control"), len(body))
				}
				return
			}
			if !strings.Contains(body, `,d:{"demo":{"v":1,`) || !strings.Contains(body, `"lang":"`+test.lang+`"`) {
				t.Errorf("it does not ask in %s: %.200s", test.lang, body)
			}
			if cache := res.Header.Get("Cache-Control"); cache != privately {
				t.Errorf("kept for %s", cache)
			}
			if len(res.Cookies()) > 0 {
				t.Errorf("cookies %v", res.Cookies())
			}
			if again, _ := e.send("GET", "/k.js", "", "Referer", test.page, "Accept-Language", test.languages, "If-None-Match", res.Header.Get("ETag")); again.StatusCode != 304 {
				t.Errorf("the same once more: %d", again.StatusCode)
			}
		})
	}
	if _, body := e.send("GET", "/k.js?lang=kk", "", "Referer", "https://localhost/ru/", "Accept-Language", "en"); !strings.Contains(body, `"lang":"kk"`) {
		t.Errorf("what the tag says does not count: %.200s", body)
	}
	if n := e.shown(); n != 0 {
		t.Errorf("%d banners are counted as shown", n)
	}
	res, body := e.send("GET", "/v1/banner?site=demo&lang=ru&layer=0", "")
	if res.StatusCode != 204 || body != "" {
		t.Errorf("layer=0: %d %s", res.StatusCode, body)
	}
	if n := e.shown(); n != 1 {
		t.Errorf("%d banners are counted as shown, want 1", n)
	}
}

// A collector that is another site knows nobody's decision.
func TestLoaderThatAsksNotAcross(t *testing.T) {
	e := newEdge(t, spool.Options{})
	_, small := e.send("GET", "/k.js", "")
	e.serveWith("mode: path", "mode: cross-origin")
	_, body := e.send("GET", "/k.js", "", "Referer", "https://localhost/ru/")
	if strings.Contains(body, `,d:{`) || body == small {
		t.Errorf("it asks: %.200s", body)
	}
}
