package load

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// row is a row of the fake database.
type row struct {
	session [16]byte
	seq     uint32
	name    string
}

// decisions are the rows of one consent, and how many of them differ.
type decisions struct{ rows, different uint64 }

// table is a database in memory: it honours its context, and fails when told to.
type table struct {
	rows     []row
	consents map[[16]byte]decisions
	refusals uint64
	dropped  map[string]uint64
	err      error
}

func (t *table) fails(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	return ctx.Err()
}

func (t *table) Events(ctx context.Context, _ string, _ time.Time, names []string, each func([16]byte, uint32, uint8)) error {
	for _, r := range t.rows {
		place := uint8(0)
		for i, name := range names {
			if name == r.name {
				place = uint8(i + 1)
			}
		}
		each(r.session, r.seq, place)
	}
	return t.fails(ctx)
}

func (t *table) Decisions(ctx context.Context, _ string, _ time.Time, each func([16]byte, uint64, uint64)) error {
	for id, d := range t.consents {
		each(id, d.rows, d.different)
	}
	return t.fails(ctx)
}

func (t *table) Count(ctx context.Context, _ string, _ time.Time) (uint64, error) {
	return uint64(len(t.rows)), t.fails(ctx)
}

func (t *table) Refusals(ctx context.Context, _ string) (uint64, error) {
	return t.refusals, t.fails(ctx)
}

func (t *table) Dropped(ctx context.Context, _, reason string) (uint64, error) {
	return t.dropped[reason], t.fails(ctx)
}

func testLedger(t *testing.T, workers int) *Ledger {
	t.Helper()
	l, err := newLedger("demo", []string{pageview, "download", "signup", engagement}, workers, [16]byte{1}, 42)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLedgerFindsEveryFault plants losses, doubles and forbidden rows of every
// kind among many sessions, and wants exactly them.
func TestLedgerFindsEveryFault(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			l, db, want := testLedger(t, 3), &table{consents: map[[16]byte]decisions{}}, Verdict{}
			for worker, s := range l.shards {
				last := none
				for range 150 {
					last = s.open(last, kept)
					if random.IntN(3) == 0 {
						s.sessions[last].before = none // another visitor
					}
					for range 1 + random.IntN(9) {
						s.plan(uint8(random.IntN(3)), random.IntN(2) == 0)
					}
					s.sessions[last].fate = fate(random.IntN(4))
					plant(l, worker, last, random, db, &want)
				}
				plantDecisions(s, random, db, &want)
			}
			for range random.IntN(5) { // of another run, and of visits nobody made
				db.rows = append(db.rows, row{[16]byte{byte(random.IntN(256)), 7}, 1, pageview}, row{l.id(ofSession, 0, 1<<20), 1, pageview})
				want.Foreign += 2
			}
			random.Shuffle(len(db.rows), func(i, j int) { db.rows[i], db.rows[j] = db.rows[j], db.rows[i] })
			for range 2 { // it can be asked again
				got, err := l.Check(t.Context(), db, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("(-want +got)\n%s", d)
				}
			}
		})
	}
}

// plant decides what became of each event of a session, and what stands of it.
func plant(l *Ledger, worker int, n uint32, random *rand.Rand, db *table, want *Verdict) {
	s := l.shards[worker]
	is := s.sessions[n]
	for i := range 2 * uint32(is.events) {
		b := &s.slots[is.first+i]
		if *b&exists == 0 {
			continue
		}
		name := l.names[*b&nameOf>>nameShift]
		if i%2 == 1 {
			name = engagement
		}
		state, rows := byte(random.IntN(4)), random.IntN(3)
		*b |= state
		for range rows {
			db.rows = append(db.rows, row{l.id(ofSession, worker, n), i/2 + 1, name})
		}
		want.Stored += uint64(rows)
		expect(want, is.fate, state, uint64(rows))
	}
	id := l.id(ofSession, worker, n)
	switch random.IntN(6) {
	case 0: // a number that was never used
		db.rows = append(db.rows, row{id, uint32(is.events) + 1, pageview}, row{id, 0, pageview})
		want.Forbidden, want.Stored = want.Forbidden+2, want.Stored+2
	case 1: // a name that the event does not have
		other := l.names[(s.slots[is.first]&nameOf>>nameShift+1)%3]
		db.rows = append(db.rows, row{id, 1, other}, row{id, 1, "unheard_of"})
		want.Forbidden, want.Stored = want.Forbidden+2, want.Stored+2
	}
}

// expect says in words what must be found of one event.
func expect(want *Verdict, f fate, state byte, rows uint64) {
	if state == planned { // it was never sent
		want.Forbidden += rows
		return
	}
	if rows > 1 {
		want.Doubled += rows - 1
	}
	switch state {
	case acked:
		want.Acknowledged++
	case sent:
		want.Unanswered++
	}
	switch {
	case rows > 0 && f == withdrawn:
		want.Forbidden++
		want.Unerased++
	case rows > 0 && (f == barred || state == dropped):
		want.Forbidden++
	case rows > 0 && state == sent:
		want.Extra++
	case rows == 0 && state == acked:
		*map[fate]*uint64{kept: &want.Lost, barred: &want.Lost, narrowed: &want.Ended, withdrawn: &want.Erased}[f]++
	}
}

func plantDecisions(s *shard, random *rand.Rand, db *table, want *Verdict) {
	for range 50 {
		g := given{decisions: uint32(1 + random.IntN(3))}
		for i := range g.id {
			g.id[i] = byte(random.IntN(256))
		}
		s.consents = append(s.consents, g)
		want.Decisions += uint64(g.decisions)
		different := uint64(random.IntN(5))
		if different < uint64(g.decisions) {
			want.DecisionsLost += uint64(g.decisions) - different
		}
		if different == 0 {
			continue
		}
		rows := different + uint64(random.IntN(2))
		want.DecisionsDoubled += rows - different
		want.DecisionsStored += rows
		db.consents[g.id] = decisions{rows, different}
	}
	db.consents[[16]byte{9, 9}] = decisions{3, 1} // of somebody else
}

// TestPartialAnswers: of a call of which a part was accepted, that many rows
// must stand, whichever they are.
func TestPartialAnswers(t *testing.T) {
	for stand, lost := range map[int]uint64{0: 2, 1: 1, 2: 0, 3: 0} {
		l := testLedger(t, 1)
		s := l.shards[0]
		n := s.open(none, kept)
		for range 3 {
			s.plan(0, false)
		}
		s.set(0, 6, sent)
		s.partials = append(s.partials, partial{0, 6, 2})
		db := &table{}
		for i := range stand {
			db.rows = append(db.rows, row{l.id(ofSession, 0, n), uint32(i + 1), pageview})
		}
		v, err := l.Check(t.Context(), db, time.Time{})
		if err != nil || v.Lost != lost {
			t.Errorf("%d of 2 rows stand: %d lost, want %d; %v", stand, v.Lost, lost, err)
		}
	}
}

// TestJudge: a withdrawal is about every visit of the visitor and of nobody
// else, and nothing takes it back.
func TestJudge(t *testing.T) {
	s := &shard{}
	mine := s.open(none, kept)
	others := s.open(none, kept)
	last := s.open(mine, kept)
	s.judge(last, withdrawn)
	s.judge(last, narrowed)
	got := map[uint32]fate{mine: s.sessions[mine].fate, others: s.sessions[others].fate, last: s.sessions[last].fate}
	if want := (map[uint32]fate{mine: withdrawn, others: kept, last: withdrawn}); !maps.Equal(got, want) {
		t.Errorf("fates = %v, want %v", got, want)
	}
}

// TestIDs: an id names its session in this run and in no other, and does not
// name it to those who look at it.
func TestIDs(t *testing.T) {
	l, other := testLedger(t, 2), testLedger(t, 2)
	other.tag = 43
	for range 300 {
		l.shards[1].open(none, kept)
	}
	seen, ones := map[[16]byte]bool{}, 0
	for n := range uint32(300) {
		id := l.id(ofSession, 1, n)
		if s, is := l.find(id); s != l.shards[1] || is != &s.sessions[n] {
			t.Fatalf("session %d is not found by its id", n)
		}
		if _, is := other.find(id); is != nil {
			t.Fatal("an id names a session of another run")
		}
		if _, is := l.find(l.id(ofKey, 1, n)); is != nil {
			t.Fatal("the key of a decision names a session")
		}
		if seen[id] {
			t.Fatal("two sessions have the same id")
		}
		seen[id] = true
		for _, b := range id {
			for ; b > 0; b &= b - 1 {
				ones++
			}
		}
	}
	if share := float64(ones) / (300 * 128); share < 0.48 || share > 0.52 {
		t.Errorf("%.2f of the bits of ids are set: they do not look random", share)
	}
}

// TestCheckPassesErrorsOn: a database that fails gives no verdict.
func TestCheckPassesErrorsOn(t *testing.T) {
	l := testLedger(t, 1)
	if _, err := l.Check(t.Context(), &table{err: context.DeadlineExceeded}, time.Time{}); err == nil {
		t.Error("the failure of the database is no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Check(ctx, &table{}, time.Time{}); err == nil {
		t.Error("the end of the context is no error")
	}
}

// TestLedgerIsSmall: ten million events in 100 MB.
func TestLedgerIsSmall(t *testing.T) {
	const events = 2_000_000
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	w := testPlayer(t, Options{Visitors: 1, Connections: 1}).workers[0]
	n, v := uint32(0), &w.crowd[0]
	for n < events {
		w.open(v, time.Unix(1_700_000_000, 0))
		n += w.shard.rest(v.at, v.end)
	}
	if each := float64(used()-before) / events; each > 10 {
		t.Errorf("an event takes %.1f bytes", each)
	} else {
		t.Logf("an event takes %.1f bytes", each)
	}
	runtime.KeepAlive(w)
}
