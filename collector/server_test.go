package collector

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kelisim/pipeline/spool"
)

func TestAssets(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, body := e.send("GET", "/k.js", "")
	if res.Header.Get("Cache-Control") != fiveMinutes || !strings.HasPrefix(body, "self.kelisimBoot||(kelisimBoot={") {
		t.Errorf("k.js: %v", res.Header)
	}
	for name := range e.server.o.Assets.Files() {
		name = "a/" + e.server.o.Assets.Folder() + "/" + name
		for encoding, want := range map[string]string{"br, gzip": "br", "gzip": "gzip", "identity": ""} {
			res, body := e.send("GET", "/"+name, "", "Accept-Encoding", encoding)
			if res.StatusCode != 200 || res.Header.Get("Content-Encoding") != want || res.Header.Get("Cache-Control") != forever || body == "" {
				t.Errorf("%s as %q: %d %v", name, encoding, res.StatusCode, res.Header)
			}
		}
	}
	if res, _ := e.send("GET", "/k.js", "", "If-None-Match", res.Header.Get("ETag")); res.StatusCode != 304 {
		t.Errorf("a loader that is still good: %d", res.StatusCode)
	}
}

// TestOpenAPIKnowsEveryRoute compares the description with the routes.
func TestOpenAPIKnowsEveryRoute(t *testing.T) {
	e := newEdge(t, spool.Options{})
	text, err := os.ReadFile(filepath.Join("openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range e.app.GetRoutes(true) {
		path := strings.NewReplacer(":hash", "{hash}", ":file", "{file}", ":site", "{site}").Replace(r.Path)
		if r.Method == http.MethodHead || path == "/privacy/style.css" {
			continue
		}
		if !strings.Contains(string(text), "\n  "+path+":\n") {
			t.Errorf("%s %s is not in openapi.yaml", r.Method, path)
		}
	}
}
