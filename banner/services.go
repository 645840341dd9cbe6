package banner

import (
	"slices"

	"kelisim/banner/locale"
	"kelisim/consent/policy"
)

// Service is a tool that a purpose turns on in the page.
type Service struct {
	Name      string   `json:"name"`
	Provider  string   `json:"provider"`
	Country   string   `json:"country"`
	Retention string   `json:"retention"`
	Stores    []string `json:"stores"` // names of what it keeps in a browser, wherever it keeps it
}

// services are the tools of a purpose, as they are shown.
func services(q policy.Purpose, lang string) []Service {
	var out []Service
	for _, s := range q.Services {
		one := Service{
			Name: s.Name.In(lang), Provider: s.Provider.In(lang), Country: locale.Country(lang, s.Country),
			Retention: s.Retention.In(lang), Stores: []string{},
		}
		for _, kept := range s.Stores() {
			for _, name := range kept.Names {
				if !slices.Contains(one.Stores, name) {
					one.Stores = append(one.Stores, name)
				}
			}
		}
		out = append(out, one)
	}
	return out
}

// Kept is the answer of GET /v1/services: what the services of a site keep in a
// browser, and what is done about it there. It is asked for only where something
// can have to be cleared or held back, so that nobody else carries it.
type Kept struct {
	V        int           `json:"v"`
	Reload   bool          `json:"reload"` // load the page anew when something was taken back in it
	GPC      []string      `json:"gpc"`    // ids of the items that a Global Privacy Control signal lowers
	Services []KeptService `json:"services"`
}

// KeptService is what one service keeps in a browser: names, exactly or with one
// `*` at the end.
type KeptService struct {
	Purpose        string   `json:"purpose"`
	Cookies        []string `json:"cookies,omitempty"`
	LocalStorage   []string `json:"local_storage,omitempty"`
	SessionStorage []string `json:"session_storage,omitempty"`
	IndexedDB      []string `json:"indexed_db,omitempty"`
	Caches         []string `json:"caches,omitempty"`
	ServiceWorkers []string `json:"service_workers,omitempty"`
}

// KeptBy is what the services of a policy keep.
func KeptBy(p *policy.Policy) Kept {
	out := Kept{V: 1, Reload: p.Reload, GPC: []string{}, Services: []KeptService{}}
	for _, it := range p.Items() {
		if it.GPC {
			out.GPC = append(out.GPC, it.ID)
		}
	}
	for _, q := range p.Purposes {
		for _, s := range q.Services {
			out.Services = append(out.Services, KeptService{
				Purpose: q.ID, Cookies: s.Cookies, LocalStorage: s.LocalStorage, SessionStorage: s.SessionStorage,
				IndexedDB: s.IndexedDB, Caches: s.Caches, ServiceWorkers: s.ServiceWorkers,
			})
		}
	}
	return out
}
