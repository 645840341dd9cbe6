package collector

import (
	"fmt"

	"kelisim/consent"
	"kelisim/consent/policy"
)

// site is what the handlers need of a policy in force.
type site struct {
	id        string
	hosts     []string
	langs     []string
	edition   *consent.Edition
	proofDays int
	known     *policy.Site
}

// site finds a site by its id. The id may lie in a buffer of the request; the
// one that is returned does not.
func (s *Server) site(id string) (site, bool) {
	known, ok := s.o.Catalogue.Site(id)
	if !ok {
		return site{}, false
	}
	p := known.Policy()
	return site{
		id: known.ID(), hosts: p.Hosts, langs: p.Langs, edition: known.Edition(), proofDays: p.ProofDays, known: known,
	}, true
}

// errorType names the type of an error, whose text could repeat a request.
func errorType(err error) string { return fmt.Sprintf("%T", err) }
