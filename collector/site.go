package collector

import (
	"fmt"

	"kelisim/banner"
	"kelisim/consent"
	"kelisim/consent/policy"
)

// served is what follows from the policies in force. It is immutable; another set
// of policies is another one.
type served struct {
	catalogue *policy.Catalogue
	k, pinned banner.Asset // the loader
	texts     shownTexts
	shared    sharing // who else's pages may embed the files
	asking    *askingLoaders
}

// Serve puts another set of policies in force. A request that is being answered
// goes on with those it began with. What decides about events (the gate) must know
// them first, or the first consents to a new edition would license nothing.
func (s *Server) Serve(catalogue *policy.Catalogue) error {
	k, err := s.o.Assets.Loader(catalogue.Keys(), catalogue.Modes())
	if err != nil {
		return err
	}
	pinned, err := s.o.Assets.Pinned(catalogue.Keys(), catalogue.Modes())
	if err != nil {
		return err
	}
	var known shownTexts
	if before := s.served.Load(); before != nil {
		known = before.texts
	}
	texts, err := textsOf(s.o.Banner, catalogue, known)
	if err != nil {
		return err
	}
	for _, site := range catalogue.Sites() {
		s.figures.site(site.ID())
	}
	s.served.Store(&served{catalogue: catalogue, k: k, pinned: pinned, texts: texts, shared: sharingOf(catalogue), asking: &askingLoaders{}})
	return nil
}

// site is what the handlers need of a policy in force: that of the moment at which
// they asked for it.
type site struct {
	id        string
	hosts     []string
	mode      policy.Mode
	domain    string // of the cookies, in mode subdomain
	langs     []string
	edition   *consent.Edition
	proofDays int
	known     *policy.Site
	texts     shownTexts
}

// site finds a site by its id. The id may lie in a buffer of the request; the
// one that is returned does not.
func (s *Server) site(id string) (site, bool) {
	now := s.served.Load()
	known, ok := now.catalogue.Site(id)
	if !ok {
		return site{}, false
	}
	return now.site(known), true
}

func (now *served) site(known *policy.Site) site {
	p := known.Policy()
	return site{
		id: known.ID(), hosts: p.Hosts, mode: p.Mode, domain: p.Domain, langs: p.Langs,
		edition: known.Edition(), proofDays: p.ProofDays, known: known, texts: now.texts,
	}
}

// errorType names the type of an error, whose text could repeat a request.
func errorType(err error) string { return fmt.Sprintf("%T", err) }
