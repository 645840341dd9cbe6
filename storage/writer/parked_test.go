package writer_test

import (
	"fmt"
	"testing"
	"time"

	"kelisim/pipeline/spool"
	"kelisim/pipeline/validate"
	"kelisim/storage/storagetest"
	"kelisim/storage/storagetest/person"
)

// TestAFrameNobodyReadsIsParked: what stands beside it is stored, and it is kept
// aside until its term ends.
func TestAFrameNobodyReadsIsParked(t *testing.T) {
	storagetest.DB(t)
	c := &clock{}
	s := site(t, c)
	p := s.Accept(t)
	s.Visit(t, p, p.View("/before"))
	for _, k := range []spool.Kind{spool.Events, spool.Decision, spool.Outcomes, spool.Counts} {
		if err := s.Spool.Append(t.Context(), spool.Entry{Kind: k, Payload: []byte{99, 1, 2, 3}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Visit(t, p, p.View("/after"))
	want := map[string]int{
		"SELECT count() FROM events":                           2,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'": 2,
	}
	for range 2 { // the next start finds them aside and leaves them there
		w := newWriter(t, s, "one", connect(t, storagetest.Engine(t).Access().Address))
		stop := run(t, w)
		flushed(t, s)
		eventually(t, "the frames to be counted", func() bool { return w.Stats().Parked == 4 })
		stop()
		counts(t, storagetest.Admin(t), want)
	}
	c.forward(31 * 24 * time.Hour)
	flush(t, s, "one")
	if left, err := s.Spool.Parked(); err != nil || len(left) != 0 {
		t.Errorf("%d frames are aside after their term (%v)", len(left), err)
	}
}

// TestARowTheServerRefusesIsParked: the rows beside it are stored at once, and it
// is stored once the reason is gone.
func TestARowTheServerRefusesIsParked(t *testing.T) {
	storagetest.DB(t)
	admin := storagetest.Admin(t)
	exec := func(statement string) {
		if err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("ALTER TABLE events ADD CONSTRAINT refuses CHECK path NOT LIKE '/refused%'")
	s := site(t, &clock{})
	p, leaves := s.Accept(t), s.Accept(t)
	for i := range 20 {
		s.Visit(t, p, p.View(fmt.Sprintf("/%d", i)))
		if i%7 == 0 {
			s.Visit(t, p, p.View(fmt.Sprintf("/refused/%d", i)))
		}
	}
	s.Visit(t, leaves, leaves.View("/refused/leaves"))
	w := newWriter(t, s, "one", connect(t, storagetest.Engine(t).Access().Address))
	stop := run(t, w)
	flushed(t, s)
	stop()
	counts(t, admin, map[string]int{
		"SELECT count() FROM events":                           20,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'": 20,
	})
	if st := w.Stats(); st.Parked != 4 || st.Retries == 0 {
		t.Errorf("%d frames are parked, want 4 (%+v)", st.Parked, st)
	}
	s.Withdraw(t, leaves)
	exec("ALTER TABLE events DROP CONSTRAINT refuses")
	flush(t, s, "one")
	flush(t, s, "one")
	counts(t, admin, map[string]int{
		"SELECT count() FROM events":                              23,
		"SELECT uniqExact(session_id, seq) FROM events":           23,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'":    23,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'withdrawn'": 1,
	})
	if left, err := s.Spool.Parked(); err != nil || len(left) != 0 {
		t.Errorf("%d frames are still aside (%v)", len(left), err)
	}
}

// TestManyRows: rows leave in pieces, and the server makes one part of them.
func TestManyRows(t *testing.T) {
	storagetest.DB(t)
	admin := storagetest.Admin(t)
	if err := admin.Exec(t.Context(), "SYSTEM STOP MERGES kelisim.events"); err != nil {
		t.Fatal(err)
	}
	s := site(t, &clock{})
	const people, calls, views = 10, 50, 20
	for range people {
		p := s.Accept(t)
		for range calls {
			var page []validate.Raw
			for range views {
				page = append(page, p.View("/many"))
			}
			s.Visit(t, p, page...)
		}
	}
	w := newWriter(t, s, "one", connect(t, storagetest.Engine(t).Access().Address))
	stop := run(t, w)
	flushed(t, s)
	stop()
	counts(t, admin, map[string]int{
		"SELECT count() FROM events":                                     people * calls * views,
		"SELECT uniqExact(session_id, seq) FROM events":                  people * calls * views,
		"SELECT uniqExact(_part) - uniqExact(_partition_id) FROM events": 0,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'":           people * calls * views,
	})
	if st := w.Stats(); st.Rows["events"] != people*calls*views || st.Inserts["events"] != 1 {
		t.Errorf("%+v", st)
	}
}

// TestManyPartitions: the server takes at most a hundred partitions in one insert.
func TestManyPartitions(t *testing.T) {
	storagetest.DB(t)
	for _, days := range []int{1, 5, 150} {
		c := &clock{}
		s := site(t, c)
		p := s.Accept(t)
		for day := range days {
			c.ahead.Store(int64(day) * int64(24*time.Hour))
			q := s.Accept(t)
			s.Visit(t, q, q.View(fmt.Sprintf("/%d/%d", days, day)))
		}
		c.ahead.Store(0)
		s.Visit(t, p, p.View(fmt.Sprintf("/%d/last", days)))
		w := newWriter(t, s, fmt.Sprint(days), connect(t, storagetest.Engine(t).Access().Address))
		stop := run(t, w)
		flushed(t, s)
		stop()
		counts(t, storagetest.Admin(t), map[string]int{
			fmt.Sprintf("SELECT count() FROM events WHERE path LIKE '/%d/%%'", days):                           days + 1,
			fmt.Sprintf("SELECT uniqExact(expires_at) >= %d FROM events WHERE path LIKE '/%d/%%'", days, days): 1,
		})
		if st := w.Stats(); days > 100 && st.Inserts["events"] < 3 || st.Retries > 0 {
			t.Errorf("%d days: %+v", days, st)
		}
	}
}

// TestWhatIsParkedIsCheckedAgain: a parked frame whose rows may no longer be stored
// loses them, also while the reason for which it is parked stays.
func TestWhatIsParkedIsCheckedAgain(t *testing.T) {
	storagetest.DB(t)
	admin := storagetest.Admin(t)
	if err := admin.Exec(t.Context(), "ALTER TABLE events ADD CONSTRAINT refuses CHECK path NOT LIKE '/refused%'"); err != nil {
		t.Fatal(err)
	}
	c := &clock{}
	s := site(t, c)
	p, leaves := s.Accept(t), s.Accept(t)
	s.Visit(t, p, p.View("/refused"))
	s.Visit(t, leaves, leaves.View("/refused/leaves"), leaves.View("/beside"))
	if err := s.Spool.Append(t.Context(), spool.Entry{Kind: spool.Events, Payload: []byte{99}}); err != nil {
		t.Fatal(err)
	}
	flush(t, s, "one")
	parked := func(want int) {
		t.Helper()
		if all, err := s.Spool.Parked(); err != nil || len(all) != want {
			t.Fatalf("%d frames are aside (%v), want %d", len(all), err, want)
		}
	}
	again := func() {
		t.Helper()
		w := newWriter(t, s, "one", connect(t, storagetest.Engine(t).Access().Address))
		stop := run(t, w)
		eventually(t, "what is parked to be tried", func() bool { return w.Stats().Flushes > 0 })
		flushed(t, s)
		stop()
	}
	parked(3)
	again()
	parked(3)
	s.Withdraw(t, leaves)
	again()
	parked(2)
	c.forward((person.RetentionDays + 1) * 24 * time.Hour)
	again()
	parked(0)
	counts(t, admin, map[string]int{
		"SELECT count() FROM events":                              0,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'withdrawn'": 2,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'expired'":   1,
		"SELECT sum(n) FROM outcomes":                             3,
	})
}
