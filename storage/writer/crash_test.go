package writer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kelisim/storage/storagetest"
	"kelisim/storage/storagetest/person"
	"kelisim/storage/writer"
)

// copied opens what a site's spool holds at this moment, as the process after a
// killed one finds it.
func copied(t *testing.T, s *person.Site) *person.Site {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.Dir)); err != nil {
		t.Fatal(err)
	}
	return person.NewSite(t, dir, s.Now)
}

// killed runs a writer that is cut off for good at the insert into a table, and
// gives its spool to the next process.
func killed(t *testing.T, s *person.Site, node, table string, after bool) (next *person.Site, end func()) {
	t.Helper()
	p := newProxy(t, storagetest.Engine(t).Access().Address)
	w := newWriter(t, s, node, connect(t, p.address()), func(o *writer.Options) { o.DrainFor = time.Millisecond })
	p.killAt("INSERT INTO "+table+" (", after)
	stop := run(t, w)
	eventually(t, "the line to be cut for good", p.isDead)
	next = copied(t, s)
	return next, func() {
		p.listener.Close()
		stop()
	}
}

// TestReplayAfterEveryInsert kills the writer before and after each of its
// inserts; the next process finishes the run.
func TestReplayAfterEveryInsert(t *testing.T) {
	storagetest.DB(t)
	admin := storagetest.Admin(t)
	runs := 0
	for _, after := range []bool{false, true} {
		for _, table := range []string{"consent_payloads", "revocations", "erasures", "consents", "banner_counts", "events", "outcomes"} {
			runs++
			s := site(t, &clock{})
			everything(t, s)
			node := fmt.Sprint("node ", runs)
			next, end := killed(t, s, node, table, after)
			if next.Spool.Backlog() == 0 {
				t.Fatalf("%s, after %v: the spool is empty", table, after)
			}
			flush(t, next, node)
			end()
			if counts(t, admin, all(runs)); t.Failed() {
				t.Fatalf("%s, after %v", table, after)
			}
		}
	}
}

// TestAnInsertOfTheProcessBefore: the server still carries out an insert of a
// process that was killed when the next one flushes the same run.
func TestAnInsertOfTheProcessBefore(t *testing.T) {
	storagetest.DB(t)
	admin := storagetest.Admin(t)
	if err := admin.Exec(t.Context(), "ALTER TABLE events ADD CONSTRAINT slow CHECK sleepEachRow(0.5) = 0"); err != nil {
		t.Fatal(err)
	}
	s := site(t, &clock{})
	everything(t, s)
	next, end := killed(t, s, "one", "events", true)
	stands := number(t, admin, "SELECT count() FROM events")
	began := time.Now()
	flush(t, next, "one")
	took := time.Since(began)
	end()
	if stands != 0 || took < time.Second {
		t.Fatalf("%d events stood already, and the next process took %s: the insert was over", stands, took)
	}
	counts(t, admin, all(1))
}

// TestRunsThatComeBackAsOne: without its checkpoint a spool brings back a run that
// was flushed and one that was not as one; only what is missing is counted.
func TestRunsThatComeBackAsOne(t *testing.T) {
	storagetest.DB(t)
	s := site(t, &clock{})
	everything(t, s)
	again := copied(t, s)
	flush(t, s, "one")
	everything(t, again)
	again.Close()
	if err := os.RemoveAll(filepath.Join(again.Dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	last := person.NewSite(t, again.Dir, s.Now)
	flush(t, last, "one")
	counts(t, storagetest.Admin(t), all(2))
}
