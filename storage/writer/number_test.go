package writer_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/storage/storagetest"
	"kelisim/storage/storagetest/person"
)

// TestTwoDecisionsUnderOneNumber: an answer that did not arrive, or another node,
// can make two decisions under one number. Neither keeps the other out.
func TestTwoDecisionsUnderOneNumber(t *testing.T) {
	storagetest.DB(t)
	c := &clock{}
	elsewhere, here := site(t, c), site(t, c)
	p := elsewhere.Accept(t)
	before := p.Decision
	again := func(s *person.Site, decide func(s *person.Site)) {
		time.Sleep(2 * time.Millisecond) // it is of another moment
		p.Decision = before
		decide(s)
	}
	narrow := func(s *person.Site) { s.Narrow(t, p, consent.FieldPage) }
	withdraw := func(s *person.Site) { s.Withdraw(t, p) }
	again(elsewhere, narrow)
	again(elsewhere, withdraw)
	flush(t, elsewhere, "two")
	want := func(decisions, narrowed, withdrawn int) {
		t.Helper()
		counts(t, storagetest.Admin(t), map[string]int{
			"SELECT count() FROM consents":                              decisions,
			"SELECT uniqExact(commitment) FROM consents":                decisions,
			"SELECT count() FROM consent_payloads":                      decisions,
			"SELECT count() FROM revocations":                           decisions - 1,
			"SELECT count() FROM revocations WHERE lowest = 4294967295": withdrawn,
			"SELECT count() FROM erasures WHERE kind = 'narrowed'":      narrowed,
			"SELECT count() FROM erasures WHERE kind = 'withdrawn'":     withdrawn,
		})
	}
	want(3, 1, 1)
	again(here, narrow)
	again(here, withdraw)
	for range 2 { // in doubt: once with none of them there, once with all
		dir := copied(t, here)
		dir.Close()
		if err := os.RemoveAll(filepath.Join(dir.Dir, "checkpoint")); err != nil {
			t.Fatal(err)
		}
		flush(t, person.NewSite(t, dir.Dir, c.now), "one")
		want(5, 2, 2)
	}
}

// TestADemandThatCameTwice: a frame that was put aside can come back twice.
func TestADemandThatCameTwice(t *testing.T) {
	storagetest.DB(t)
	s := site(t, &clock{})
	if err := s.Journal.Erase(t.Context(), s.Demand(t, s.Accept(t))); err != nil {
		t.Fatal(err)
	}
	flush(t, s, "one")
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT count() FROM revocations": 1,
		"SELECT count() FROM erasures":    1,
	})
}
