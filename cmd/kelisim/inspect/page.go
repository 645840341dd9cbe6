package inspect

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// page is a page that carries the tag.
type page struct {
	url         *url.URL
	src         *url.URL // of the tag
	base        string   // where the collector lives, ends in a slash
	site        string
	nonce       string
	integrity   string
	crossorigin bool
	policies    policies
}

var loaderName = regexp.MustCompile(`^k(\.[0-9a-f]{16})?\.js$`)

// pageOf reads the first tag of ours, and the policies in the headers and in the
// page itself.
func pageOf(a *answer) (*page, bool) {
	if !strings.Contains(a.header.Get("Content-Type"), "html") {
		return nil, false
	}
	p := &page{url: a.url}
	for _, line := range a.header.Values("Content-Security-Policy") {
		p.policies = append(p.policies, parsePolicies(line)...)
	}
	z := html.NewTokenizer(bytes.NewReader(a.body))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return p, true // without a tag of ours
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		t := z.Token()
		at := map[string]string{}
		for _, a := range t.Attr {
			at[a.Key] = a.Val
		}
		switch {
		case t.Data == "meta" && strings.EqualFold(at["http-equiv"], "Content-Security-Policy"):
			p.policies = append(p.policies, parsePolicies(at["content"])...)
		case t.Data == "script" && p.src == nil:
			_, p.crossorigin = at["crossorigin"]
			p.tag(at)
		}
	}
}

// tag takes a script for ours by the name of its file.
func (p *page) tag(at map[string]string) {
	src, err := p.url.Parse(at["src"])
	if err != nil || at["src"] == "" {
		return
	}
	i := strings.LastIndexByte(src.Path, '/')
	if !loaderName.MatchString(src.Path[i+1:]) {
		return
	}
	base := *src
	base.Path, base.RawQuery, base.Fragment = src.Path[:i+1], "", ""
	p.src, p.base = src, base.String()
	p.site, p.nonce, p.integrity = at["data-site"], at["nonce"], at["integrity"]
	if p.nonce == "" {
		p.nonce = at["data-nonce"]
	}
}
