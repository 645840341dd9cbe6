package writer_test

import (
	"testing"
	"time"

	"kelisim/storage/storagetest"
)

// TestDemandReachesWhatIsFlushedLater: a demand that another node took reaches what
// was collected before it and waits here, and nothing else.
func TestDemandReachesWhatIsFlushedLater(t *testing.T) {
	storagetest.DB(t)
	c := &clock{}
	here, elsewhere := site(t, c), site(t, c)
	p, other := here.Accept(t), here.Accept(t)
	here.Visit(t, p, p.View("/before"), p.View("/too"))
	here.Visit(t, other, other.View("/other"))
	c.forward(time.Second)
	elsewhere.Demand(t, p)
	flush(t, elsewhere, "two")
	c.forward(time.Second)
	here.Visit(t, p, p.View("/after"))
	c.forward(30 * 24 * time.Hour) // the node was away
	flush(t, here, "one")
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT count() FROM events":                                                       2,
		"SELECT count() FROM events WHERE path IN ('/after', '/other')":                    2,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'withdrawn' AND detail = 'withdrawn'": 2,
		"SELECT sum(n) FROM outcomes":                                                      4,
	})
}
