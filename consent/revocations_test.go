package consent_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	mrand "math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/consent"
)

// newYear is a first of a month: nothing is rounded.
var newYear = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

func randomID(r *mrand.Rand) consent.ID {
	var id consent.ID
	binary.BigEndian.PutUint64(id[:], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	return id
}

// known is what a plain map says of one consent.
type known struct {
	whole          bool
	until          time.Time // of the withdrawal, a first of a month
	lowest, spared uint32
	expires        time.Time // of the numbers
}

type plain map[consent.ID]known

func (m plain) add(v consent.Revocation) {
	k := m[v.ID]
	switch {
	case v.Lowest == consent.NothingValid && !v.Spares:
		until := v.Expires
		if first := time.Date(until.Year(), until.Month(), 1, 0, 0, 0, 0, time.UTC); first.Before(until) {
			until = first.AddDate(0, 1, 0)
		}
		if k.whole = true; until.After(k.until) {
			k.until = until
		}
		m[v.ID] = k
		return
	case v.Spares:
		k.spared = max(k.spared, v.Lowest)
	default:
		k.lowest = max(k.lowest, v.Lowest)
	}
	if v.Expires.After(k.expires) {
		k.expires = v.Expires
	}
	m[v.ID] = k
}

func (m plain) forget(now time.Time) {
	for id, k := range m {
		if !now.Before(k.until) {
			k.whole, k.until = false, time.Time{}
		}
		if !now.Before(k.expires) {
			k.lowest, k.spared, k.expires = 0, 0, time.Time{}
		}
		if m[id] = k; k == (known{}) {
			delete(m, id)
		}
	}
}

func (m plain) standing(id consent.ID, number uint32) consent.Standing {
	switch k := m[id]; {
	case k.whole:
		return consent.WithdrawnWhole
	case number < k.lowest:
		return consent.Narrowed
	case number < k.spared:
		return consent.Changed
	}
	return consent.Stands
}

// TestRevocationsAreAMap does at random what nodes do, also writing the set and
// reading it back, and compares every answer with a plain map.
func TestRevocationsAreAMap(t *testing.T) {
	r := mrand.New(mrand.NewPCG(5, 6))
	set, model, now := consent.NewRevocations(), plain{}, newYear
	ids := make([]consent.ID, 20_000)
	for i := range ids {
		ids[i] = randomID(r)
		if i%100 == 0 { // not random at all
			ids[i] = consent.ID{3, 7, byte(i / 100), 15: 1}
		}
	}
	seen := map[consent.Standing]int{}
	for step := range 100_000 {
		id := ids[r.IntN(len(ids))]
		switch what := r.IntN(1000); {
		case what < 500:
			v := consent.Revocation{ID: id, Lowest: consent.NothingValid, Expires: now.AddDate(0, r.IntN(14), 0)}
			if r.IntN(3) == 0 {
				v.Lowest, v.Spares = 1+r.Uint32N(4), r.IntN(2) == 0
			}
			if r.IntN(20) == 0 {
				v.Expires = v.Expires.Add(time.Duration(r.Int64N(int64(40 * 24 * time.Hour))))
			}
			set.Add(v)
			model.add(v)
		case what == 500 && r.IntN(4) == 0:
			now = now.Add(time.Duration(r.Int64N(int64(20 * 24 * time.Hour))))
			set.Forget(now)
			model.forget(now)
		case what == 501:
			set = again(t, set)
		}
		if step%1000 == 0 && set.Len() < max(len(model)/2, 1)-1 || set.Len() > 2*len(model) {
			t.Fatalf("%d entries, %d consents are known", set.Len(), len(model))
		}
		id, number := ids[r.IntN(len(ids))], r.Uint32N(5)
		want := model.standing(id, number)
		seen[want]++
		if got := set.Standing(id, number); got != want {
			t.Fatalf("step %d: standing %d, want %d", step, got, want)
		}
		if set.Covers(id, number) != (want != consent.Stands) || set.Ends(id, number) != (want >= consent.Narrowed) {
			t.Fatalf("standing %d: covered %v, ended %v", want, set.Covers(id, number), set.Ends(id, number))
		}
	}
	for s := consent.Stands; s <= consent.WithdrawnWhole; s++ {
		if seen[s] < 500 {
			t.Errorf("standing %d came up %d times only", s, seen[s])
		}
	}
	set.Forget(now.AddDate(5, 0, 0))
	if set.Len() != 0 {
		t.Errorf("%d entries outlived everything", set.Len())
	}
}

// again writes a set and reads it back.
func again(t testing.TB, set *consent.Revocations) *consent.Revocations {
	t.Helper()
	var b bytes.Buffer
	n, err := set.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("%d of %d bytes: %v", n, b.Len(), err)
	}
	back, err := consent.ReadRevocations(&b, n)
	if err != nil {
		t.Fatal(err)
	}
	if back.Len() != set.Len() {
		t.Fatalf("%d entries came back, want %d", back.Len(), set.Len())
	}
	return back
}

// TestRevocationsWhileTheyGrow: whatever was added is found by everybody from
// that moment on, while tables grow, arrays are merged, months are dropped and
// the set is written; what was not added is not found.
func TestRevocationsWhileTheyGrow(t *testing.T) {
	const n = 30_000
	r := mrand.New(mrand.NewPCG(7, 8))
	ids, strangers := make([]consent.ID, n), make([]consent.ID, n)
	for i := range n {
		ids[i], strangers[i] = randomID(r), randomID(r)
	}
	set := consent.NewRevocations()
	var added atomic.Int64
	var wg sync.WaitGroup
	for seed := range uint64(3) {
		wg.Go(func() {
			r := mrand.New(mrand.NewPCG(seed, 9))
			for {
				count := added.Load()
				if count == n {
					return
				}
				if count == 0 {
					runtime.Gosched()
					continue
				}
				i := r.Int64N(count)
				want := consent.WithdrawnWhole
				if i%10 == 0 {
					want = consent.Narrowed
				}
				if got := set.Standing(ids[i], 1); got != want {
					t.Errorf("consent %d of %d: standing %d, want %d", i, count, got, want)
					return
				}
				if set.Covers(strangers[i], 1) {
					t.Error("a stranger is withdrawn")
					return
				}
			}
		})
	}
	wg.Go(func() {
		for added.Load() < n {
			if _, err := set.WriteTo(io.Discard); err != nil {
				t.Error(err)
			}
		}
	})
	for i, id := range ids {
		v := consent.Revocation{ID: id, Lowest: consent.NothingValid, Expires: newYear.AddDate(9, 0, 0)}
		if i%10 == 0 {
			v.Lowest = 2
		}
		set.Add(v)
		set.Add(consent.Revocation{ID: randomID(r), Lowest: consent.NothingValid, Expires: newYear.AddDate(0, i/1000, 0)})
		if i%1000 == 999 {
			set.Forget(newYear.AddDate(0, i/1000-1, 0))
		}
		added.Add(1)
	}
	wg.Wait()
}

// TestTermsOfRevocations: a withdrawal is known until its tokens are dead and
// forgotten at the beginning of that month; the later of two ends counts.
func TestTermsOfRevocations(t *testing.T) {
	for name, c := range map[string]struct{ expires, until time.Time }{
		"a first of a month": {newYear, newYear},
		"a moment later":     {newYear.Add(time.Nanosecond), newYear.AddDate(0, 1, 0)},
		"another zone":       {newYear.In(time.FixedZone("", 5*3600)), newYear},
		"mid-month":          {newYear.AddDate(0, 0, 13), newYear.AddDate(0, 1, 0)},
	} {
		set := consent.NewRevocations()
		id := consent.ID{1}
		set.Add(consent.Revocation{ID: id, Lowest: consent.NothingValid, Expires: newYear.AddDate(0, -2, 0)})
		set.Add(consent.Revocation{ID: id, Lowest: consent.NothingValid, Expires: c.expires})
		set.Add(consent.Revocation{ID: id, Lowest: consent.NothingValid, Expires: newYear.AddDate(0, -1, 0)})
		set.Forget(c.until.Add(-time.Nanosecond))
		if !set.Covers(id, 1) || set.Len() != 1 {
			t.Errorf("%s: forgotten too early", name)
		}
		set.Forget(c.until)
		if set.Covers(id, 1) || set.Len() != 0 {
			t.Errorf("%s: not forgotten", name)
		}
	}
	far := consent.NewRevocations()
	far.Add(consent.Revocation{ID: consent.ID{1}, Lowest: consent.NothingValid, Expires: newYear.AddDate(100, 0, 0)})
	far.Forget(newYear.AddDate(99, 0, 0))
	if !far.Covers(consent.ID{1}, consent.NothingValid) {
		t.Error("an end that the set cannot count was forgotten")
	}
}

// TestRepeatsCostNothing: what a feed reads twice takes no memory and is no change.
func TestRepeatsCostNothing(t *testing.T) {
	set, r := consent.NewRevocations(), mrand.New(mrand.NewPCG(1, 1))
	var all []consent.Revocation
	for i := range 3000 {
		v := consent.Revocation{ID: randomID(r), Lowest: consent.NothingValid, Expires: newYear.AddDate(0, i%12, 0)}
		if i%7 == 0 {
			v.Lowest, v.Spares = 3, i%2 == 0
		}
		all = append(all, v)
		set.Add(v)
	}
	changes := set.Changes()
	for range 3 {
		for _, v := range all {
			set.Add(v)
		}
	}
	if set.Len() != len(all) || set.Changes() != changes {
		t.Errorf("%d entries, %d changes by repeats", set.Len(), set.Changes()-changes)
	}
}

// TestDemands: a demand to erase reaches what was collected until then, also in
// the written form, ends no decision, and lasts as long as its term. A written set
// of before there were demands is read.
func TestDemands(t *testing.T) {
	set, r := consent.NewRevocations(), mrand.New(mrand.NewPCG(20, 21))
	var before bytes.Buffer
	if _, err := set.WriteTo(&before); err != nil {
		t.Fatal(err)
	}
	before.Truncate(before.Len() - 4)
	if _, err := consent.ReadRevocations(&before, int64(before.Len())); err != nil {
		t.Errorf("a set of before: %v", err)
	}
	ids := make([]consent.ID, 1000)
	for i := range ids {
		ids[i] = randomID(r)
		set.Add(consent.Revocation{ID: ids[i], Erased: newYear.Add(time.Duration(i) * time.Second), Expires: newYear.AddDate(0, 0, 1+i%2)})
	}
	changes := set.Changes()
	set.Add(consent.Revocation{ID: ids[0], Erased: newYear.Add(-time.Hour), Expires: newYear})
	if set.Changes() != changes || set.Len() != 0 {
		t.Error("an earlier demand changed a later one, or ended a consent")
	}
	check := func(set *consent.Revocations, lasting int) {
		t.Helper()
		for i, id := range ids {
			at, known := newYear.Add(time.Duration(i)*time.Second), i%2 >= lasting
			if set.Erased(id, at) != known || set.Erased(id, at.Add(-time.Hour)) != known || set.Erased(id, at.Add(time.Millisecond)) {
				t.Fatalf("demand %d", i)
			}
			if set.Standing(id, 1) != consent.Stands {
				t.Fatal("a demand ended a decision")
			}
		}
	}
	check(set, 0)
	back := again(t, set)
	check(back, 0)
	back.Forget(newYear.AddDate(0, 0, 1))
	check(back, 1)
	back.Forget(newYear.AddDate(0, 0, 2))
	check(back, 2)
	if id := ids[0]; testing.AllocsPerRun(100, func() { set.Erased(id, newYear) }) != 0 {
		t.Error("a question allocates")
	}
}

// FuzzReadRevocations: no bytes make a set that answers otherwise than what it
// says it holds, and none panic.
func FuzzReadRevocations(f *testing.F) {
	set, r := consent.NewRevocations(), mrand.New(mrand.NewPCG(18, 19))
	empty, full := new(bytes.Buffer), new(bytes.Buffer)
	if _, err := set.WriteTo(empty); err != nil {
		f.Fatal(err)
	}
	for i := range 20 {
		v := consent.Revocation{ID: randomID(r), Lowest: consent.NothingValid, Expires: newYear}
		if i%5 == 0 {
			v.Lowest = 4
		}
		set.Add(v)
	}
	set.Add(consent.Revocation{ID: randomID(r), Erased: newYear, Expires: newYear})
	if _, err := set.WriteTo(full); err != nil {
		f.Fatal(err)
	}
	f.Add(empty.Bytes())
	f.Add(full.Bytes())
	f.Add(full.Bytes()[:full.Len()-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := consent.ReadRevocations(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, consent.ErrRevocations) {
				t.Fatal(err)
			}
			return
		}
		back := again(t, set)
		for range 10 {
			id := randomID(r)
			back.Add(consent.Revocation{ID: id, Lowest: consent.NothingValid, Expires: newYear})
			if !back.Covers(id, 1) {
				t.Fatal("an addition is lost")
			}
		}
	})
}
