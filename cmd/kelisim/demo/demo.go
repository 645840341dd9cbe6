// Package demo is a small site in three languages that carries the banner, as a
// site of one's own would: a script tag, and a path that is passed on to the
// collector. It can also play visitors, so that the dashboard is alive at once.
package demo

import (
	"crypto/rand"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed site
var files embed.FS

// Site is the id of the demo's policy.
const Site = "demo"

// Path is where the collector lives as the browser sees it.
const Path = "/kelisim/"

// page is what the template of a page gets.
type page struct {
	Lang, Name, Nonce string
	Langs, Pages      []string
	T                 map[string]string
}

// site serves the pages.
type site struct {
	pages *template.Template
	texts map[string]map[string]string
	log   *slog.Logger
}

// The languages and pages of the site.
var (
	langs = []string{"kk", "ru", "en"}
	names = []string{"home", "plans", "files", "about"}
)

// Handler is the site, with the collector at an address behind Path.
func Handler(collector string, log *slog.Logger) (http.Handler, error) {
	target, err := url.Parse(collector)
	if err != nil {
		return nil, fmt.Errorf("demo: collector: %w", err)
	}
	s := &site{texts: map[string]map[string]string{}, log: log}
	if s.pages, err = template.ParseFS(files, "site/page.html", "site/preview.html", "site/frame.html"); err != nil {
		return nil, fmt.Errorf("demo: pages: %w", err)
	}
	for _, l := range langs {
		b, err := files.ReadFile("site/" + l + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("demo: texts: %w", err)
		}
		var t map[string]string
		if err := yaml.Unmarshal(b, &t); err != nil {
			return nil, fmt.Errorf("demo: texts of %s: %w", l, err)
		}
		s.texts[l] = t
	}
	proxy := &httputil.ReverseProxy{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			// What stands left of the own entry was written by the visitor; the
			// collector does not read it.
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
		},
	}
	mux := http.NewServeMux()
	mux.Handle(Path, http.StripPrefix(strings.TrimSuffix(Path, "/"), proxy))
	mux.Handle("GET /.well-known/gpc.json", proxy)
	mux.HandleFunc("GET /demo.css", static("text/css; charset=utf-8", "site/demo.css"))
	mux.HandleFunc("GET /demo.js", static("text/javascript; charset=utf-8", "site/demo.js"))
	mux.HandleFunc("GET /partner.js", static("text/javascript; charset=utf-8", "site/partner.js"))
	mux.HandleFunc("GET /partner.html", static("text/html; charset=utf-8", "site/partner.html"))
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /{$}", s.choose)
	for _, l := range langs {
		mux.HandleFunc("GET /"+l+"/{$}", s.page(l))
		mux.HandleFunc("GET /"+l+"/{page}", s.page(l))
	}
	s.preview(mux, target)
	return mux, nil
}

func static(kind, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := files.ReadFile(name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(b) // the browser went away
	}
}

// choose sends a visitor to the language that their browser asks for first.
func (s *site) choose(w http.ResponseWriter, r *http.Request) {
	for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if slices.Contains(langs, tag) {
			http.Redirect(w, r, "/"+tag+"/", http.StatusFound)
			return
		}
	}
	http.Redirect(w, r, "/"+langs[0]+"/", http.StatusFound)
}

func (s *site) page(lang string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("page")
		if name == "" {
			name = "home"
		}
		if !slices.Contains(names, name) {
			http.NotFound(w, r)
			return
		}
		s.render(w, lang, name)
	}
}

func (s *site) render(w http.ResponseWriter, lang, name string) {
	nonce, err := newNonce(rand.Reader)
	if err != nil {
		http.Error(w, "no randomness", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"' 'strict-dynamic'; style-src 'self'; "+
		"connect-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
	p := page{Lang: lang, Name: name, Nonce: nonce, Langs: langs, Pages: names, T: s.texts[lang]}
	if err := s.pages.ExecuteTemplate(w, "page.html", p); err != nil {
		s.log.Debug("demo: a page was not sent whole", "error", err)
	}
}

func newNonce(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("demo: nonce: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(b[:]), nil
}
