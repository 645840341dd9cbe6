package erasure_test

import (
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/storage/storagetest/person"
)

// TestManyAtOnce: more jobs than one change or one look may hold are carried out
// by one pass, in a few mutations, and each is certified by what it erased.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	const withdrawals, narrowings, demands, stays = 50, 1200, 250, 10
	people := make([]*person.Person, withdrawals+narrowings+demands+stays)
	for i := range people {
		people[i] = w.Accept(t)
		w.Visit(t, people[i], people[i].View("/a"))
	}
	w.flush(t)
	w.forward(time.Second)
	rest := people
	take := func(n int, do func(p *person.Person)) {
		for _, p := range rest[:n] {
			do(p)
		}
		rest = rest[n:]
	}
	take(narrowings, func(p *person.Person) { w.Narrow(t, p, consent.FieldCountry) })
	take(demands, func(p *person.Person) { w.Demand(t, p) })
	take(withdrawals, func(p *person.Person) { w.Withdraw(t, p) })
	twice := rest[0] // two demands of one person
	w.Demand(t, twice)
	w.forward(time.Second)
	w.Demand(t, twice)
	w.flush(t)
	w.finish(t)
	w.counts(t, map[string]int{
		"SELECT count() FROM events":                                                             narrowings + stays - 1,
		"SELECT count() FROM events WHERE country = ''":                                          narrowings,
		"SELECT count() FROM erasures WHERE done_at IS NOT NULL":                                 withdrawals + narrowings + demands + 2,
		"SELECT sum(rows) FROM erasures WHERE kind = 'withdrawn'":                                withdrawals,
		"SELECT sum(rows) FROM erasures WHERE kind = 'narrowed'":                                 narrowings,
		"SELECT sum(rows) FROM erasures WHERE kind = 'erased'":                                   demands + 1,
		"SELECT countIf(rows != 1) FROM erasures WHERE done_at IS NOT NULL AND kind != 'erased'": 0,
		"SELECT count() <= 20 FROM system.mutations WHERE database = 'kelisim'":                  1,
	})
}
