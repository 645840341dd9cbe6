package policy

import (
	"fmt"
	"slices"
	"strings"

	"kelisim/banner/locale"
)

// Service is one tool of a site that a purpose turns on: a tag, a frame, a pixel.
// The names say what it keeps in a browser, exactly or with one `*` at the end,
// and so what is cleared when the purpose is taken back.
type Service struct {
	ID             string   `yaml:"id" json:"id"` // [a-z][a-z0-9_]{0,31}
	Name           Text     `yaml:"name" json:"name"`
	Provider       Text     `yaml:"provider" json:"provider"` // the operator, or one of the recipients
	Country        string   `yaml:"country" json:"country"`   // where it takes the data: ISO 3166-1 alpha-2
	Retention      Text     `yaml:"retention" json:"retention"`
	Cookies        []string `yaml:"cookies" json:"cookies,omitempty"`
	LocalStorage   []string `yaml:"local_storage" json:"local_storage,omitempty"`
	SessionStorage []string `yaml:"session_storage" json:"session_storage,omitempty"`
	IndexedDB      []string `yaml:"indexed_db" json:"indexed_db,omitempty"`           // names of databases
	Caches         []string `yaml:"caches" json:"caches,omitempty"`                   // names of caches
	ServiceWorkers []string `yaml:"service_workers" json:"service_workers,omitempty"` // paths of their scripts
}

// Store is one place in a browser where a service keeps something.
type Store struct {
	Kind  string // as the policy file calls it
	Names []string
}

// Stores lists what the service keeps in a browser, by place.
func (s Service) Stores() []Store {
	return []Store{
		{"cookies", s.Cookies},
		{"local_storage", s.LocalStorage},
		{"session_storage", s.SessionStorage},
		{"indexed_db", s.IndexedDB},
		{"caches", s.Caches},
		{"service_workers", s.ServiceWorkers},
	}
}

// Patterns of the names of what is kept in a browser, without the `*` at the end.
// A cookie's name is a token of RFC 6265; the other places take any text.
const (
	cookiePattern = "^[!#$%&'+.^_`|~0-9A-Za-z-]+$"
	workerPattern = `^/[^?#\s]*$`
	storePattern  = `^[^\x00-\x1f\x7f*]{1,128}$`
)

// services checks what the purposes turn on.
func (c *checker) services() {
	ids := map[string]bool{}
	for i, q := range c.p.Purposes {
		for j, s := range q.Services {
			at := index(index("purposes", i)+".services", j)
			switch {
			case !matches(itemPattern, s.ID):
				c.add(at+".id", s.ID, "an id is a small letter and up to 31 small letters, digits or underscores")
			case ids[s.ID]:
				c.add(at+".id", s.ID, "stands twice")
			}
			ids[s.ID] = true
			c.provider(at, q, s)
			for _, kept := range s.Stores() {
				c.stored(at+"."+kept.Kind, kept)
			}
		}
	}
}

// provider checks that who runs a service is named in the consent, and where.
func (c *checker) provider(at string, q Purpose, s Service) {
	if s.Provider != c.p.Operator.Name && !s.Provider.isZero() {
		i := slices.IndexFunc(c.p.Recipients, func(r Recipient) bool { return r.Name == s.Provider })
		switch {
		case i < 0:
			c.add(at+".provider", s.Provider.KK, "is neither the operator nor a recipient: name who is given data in recipients, in the same words")
		case !slices.Contains(c.p.Recipients[i].Purposes, q.ID):
			c.add(at+".provider", s.Provider.KK, "is a recipient, but not for the purpose "+q.ID)
		}
	}
	switch {
	case !locale.KnownCountry(s.Country):
		c.add(at+".country", s.Country, "is a country code of ISO 3166-1, as KZ")
	case s.Country != home && c.has("cross_border") && c.p.CrossBorder.none:
		c.add(at+".country", s.Country, "a service abroad needs a cross_border item, and the policy says `none`")
	}
}

// stored checks the names of what a service keeps in one place.
func (c *checker) stored(at string, kept Store) {
	pattern, is := storePattern, "a name of up to 128 characters, with at most one * and that at its end"
	switch kept.Kind {
	case "cookies":
		pattern, is = cookiePattern, "the name of a cookie, with at most one * and that at its end"
	case "service_workers":
		pattern, is = workerPattern, "the path of the worker's script, as /worker.js, with at most one * and that at its end"
	}
	for i, name := range kept.Names {
		here := index(at, i)
		bare, open := strings.CutSuffix(name, "*")
		switch {
		case !matches(pattern, bare) || len(name) > 128:
			c.add(here, name, "is "+is)
		case open && len(bare) < 2:
			c.add(here, name, "is too wide: two characters at least stand before the *")
		case ours(bare, open):
			c.add(here, name, "reaches what this program itself keeps: names that begin with kelisim, __Host-kelisim or __Secure-kelisim")
		case slices.Index(kept.Names, name) != i:
			c.add(here, name, "stands twice")
		}
	}
}

// ours reports whether a name, or one that begins with it, is of this program.
func ours(bare string, open bool) bool {
	for _, own := range []string{"kelisim", "__Host-kelisim", "__Secure-kelisim"} {
		if strings.HasPrefix(bare, own) || open && strings.HasPrefix(own, bare) {
			return true
		}
	}
	return false
}

// serviceAbroad is the country of a service that is not at home, or "".
func (p *Policy) serviceAbroad() string {
	for _, q := range p.Purposes {
		for _, s := range q.Services {
			if s.Country != home && locale.KnownCountry(s.Country) {
				return s.Country
			}
		}
	}
	return ""
}

// Service finds a service by its id, and the id of its purpose.
func (p *Policy) Service(id string) (s Service, purpose string, ok bool) {
	for _, q := range p.Purposes {
		for _, s := range q.Services {
			if s.ID == id {
				return s, q.ID, true
			}
		}
	}
	return Service{}, "", false
}

// widenedServices lists what the services of an edition add to those of an older
// one. Other names of what a known service keeps are no such thing: its author
// renames them, and what it does with the data stays the same.
func widenedServices(older, newer *Policy) []string {
	var out []string
	for _, q := range newer.Purposes {
		for _, s := range q.Services {
			was, purpose, known := older.Service(s.ID)
			switch {
			case !known:
				out = append(out, "the service "+s.ID)
			case purpose != q.ID:
				out = append(out, fmt.Sprintf("the purpose %s for the service %s", q.ID, s.ID))
			case was.Provider != s.Provider:
				out = append(out, "another provider of the service "+s.ID)
			case was.Country != s.Country:
				out = append(out, "another country for the service "+s.ID)
			}
		}
	}
	return out
}

// canonicalServices are the services with the names they keep in one order.
func canonicalServices(services []Service) []Service {
	out := slices.Clone(services)
	for i := range out {
		s := &out[i]
		for _, names := range []*[]string{&s.Cookies, &s.LocalStorage, &s.SessionStorage, &s.IndexedDB, &s.Caches, &s.ServiceWorkers} {
			*names = slices.Clone(*names)
			slices.Sort(*names)
		}
	}
	return out
}
