package demo

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kelisim/consent/policy"
)

// look is a banner of the page that shows them all.
type look struct{ Lang, Place, Theme, Width string }

// What the page of looks shows: every language, each place and the settings, both
// themes, both widths.
var (
	places = []string{"bar", "box", "corner", "settings"}
	themes = []string{"light", "dark"}
	widths = []string{"phone", "desk"}
)

// preview serves the page of looks, and its frames. Each frame is a page with the
// real banner, whose collector is one that can only be read: it passes on the files
// and the question, says that the question was asked before, so that nothing is
// counted, and takes no decision and no cookie.
func (s *site) preview(mux *http.ServeMux, collector *url.URL) {
	for _, l := range langs {
		mux.HandleFunc("GET /"+l+"/preview", s.looks(l))
	}
	mux.HandleFunc("GET /preview.js", static("text/javascript; charset=utf-8", "site/preview.js"))
	mux.HandleFunc("GET /preview/{theme}/{lang}/{place}", s.frame)
	readOnly := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(collector)
			path := r.In.PathValue("path")
			r.Out.URL.Path, r.Out.URL.RawPath = "/"+path, ""
			r.Out.Header.Del("Cookie")
			r.Out.Header.Del("Referer")         // or the loader would bring what is asked along
			r.Out.Header.Del("Accept-Encoding") // the answer is changed below
			if path == "v1/banner" {
				query := r.Out.URL.Query()
				query.Set("again", "1")
				r.Out.URL.RawQuery = query.Encode()
				for _, name := range []string{"place", "theme"} { // for dressed; the collector does not read them
					r.Out.Header.Set("Preview-"+name, r.In.PathValue(name))
				}
			}
		},
		ModifyResponse: dressed,
	}
	mux.Handle("GET /preview/of/{theme}/{place}/{path...}", readOnly)
}

// dressed puts the banner where the frame wants it and gives it the theme of the
// frame: policies have one place each, and browsers one theme.
func dressed(r *http.Response) error {
	r.Header.Del("Set-Cookie")
	place, theme := r.Request.Header.Get("Preview-Place"), r.Request.Header.Get("Preview-Theme")
	if place == "" || r.StatusCode != http.StatusOK {
		return nil
	}
	doc := map[string]any{}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&doc); err != nil {
		return fmt.Errorf("demo: read a banner: %w", err)
	}
	delete(doc, "place")
	if place == "box" || place == "corner" {
		doc["place"] = "k-" + place
	}
	own, _ := doc["style"].(string)
	doc["style"] = styleOf(theme, own)
	body, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("demo: write a banner: %w", err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// styleOf is the look of one theme, whatever the browser prefers. own is the
// site's own style.
func styleOf(theme, own string) string {
	shown, dark := policy.DefaultThemes()
	if theme == "dark" {
		shown = dark
	}
	own = strings.NewReplacer("(prefers-color-scheme:"+theme+")", " all", "(prefers-color-scheme:", " not all and (prefers-color-scheme:").Replace(own)
	return "@layer kelisim{#kelisim{color-scheme:" + theme + "!important;--k-back:#" + shown.Background + "!important;--k-text:#" + shown.Text +
		"!important;--k-accent:#" + shown.Accent + "!important;--k-on:#" + shown.AccentText + "!important}}" + own
}

// looks is the page with a frame for every look.
func (s *site) looks(lang string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		all := map[string][]look{}
		for _, l := range langs {
			for _, place := range places {
				for _, theme := range themes {
					for _, width := range widths {
						all[place] = append(all[place], look{l, place, theme, width})
					}
				}
			}
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		p := struct {
			page
			Places []string
			Looks  map[string][]look
		}{page{Lang: lang, Name: "preview", Langs: langs, T: s.texts[lang]}, places, all}
		if err := s.pages.ExecuteTemplate(w, "preview.html", p); err != nil {
			s.log.Debug("demo: the page of looks was not sent whole", "error", err)
		}
	}
}

// frame is a page with one banner.
func (s *site) frame(w http.ResponseWriter, r *http.Request) {
	of := look{Lang: r.PathValue("lang"), Place: r.PathValue("place"), Theme: r.PathValue("theme")}
	if !slices.Contains(themes, of.Theme) || !slices.Contains(langs, of.Lang) || !slices.Contains(places, of.Place) {
		http.NotFound(w, r)
		return
	}
	nonce, err := newNonce(rand.Reader)
	if err != nil {
		http.Error(w, "no randomness", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"' 'strict-dynamic'; style-src 'self'; "+
		"connect-src 'self'; base-uri 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'")
	p := struct {
		look
		Nonce string
		T     map[string]string
	}{of, nonce, s.texts[of.Lang]}
	if err := s.pages.ExecuteTemplate(w, "frame.html", p); err != nil {
		s.log.Debug("demo: a frame was not sent whole", "error", err)
	}
}
