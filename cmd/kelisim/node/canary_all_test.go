//go:build !race

// Under the race detector the search takes a minute and finds the same: make test
// runs it without.

package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kelisim/policies"
)

// TestCanary plants what must never be kept wherever a visitor, a proxy or
// anybody else can put it, and then looks for it in everything a node leaves:
// tables, files, spool, log, output and answers. A word that may be kept is
// planted beside it and must be found, or the search would prove nothing.
//
// Left out of the search, because they hold secrets by design: the folder of
// keys. Two files that are searched hold other secrets by design: engine.json
// the passwords of the database roles, accounts.json the bcrypt hashes of the
// dashboard's passwords.
func TestCanary(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	for _, dir := range []string{"tmp", "policies", filepath.Join("data", "spool")} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", filepath.Join(root, "tmp")) // what is written there is searched as well
	if err := os.WriteFile(filepath.Join(root, "policies", "demo.yaml"), policies.Demo(), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHunt()
	t.Cleanup(func() { h.report(t) })
	plantClient(t, h)
	// Paths of visitors reach no log. For the proof that the log is searched, the
	// node meets a file with the same word in its name and says so.
	strange := filepath.Join(root, "data", "spool", h.permit("path")+".seg")
	if err := os.WriteFile(strange, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	logFile, output := filepath.Join(out, "log"), filepath.Join(out, "output")
	release := capture(t, output)

	// First without a database, so that everything stays in the spool.
	waiting := start(t, root, logFile, "clickhouse://visitor:password@127.0.0.1:1/kelisim")
	g := newTarget(t, h, waiting, root)
	g.drive()
	h.searchFolder(t, root)
	h.mustFind(t, "path", inSpool)
	h.mustFind(t, "campaign", inSpool)
	stop(t, waiting)
	h.searchFolder(t, root)

	// Then with one: what waited is flushed, and all is done once more.
	n := start(t, root, logFile, "")
	again := newTarget(t, h, n, root)
	again.drive()
	conn := admin(t, n)
	refuseRows(t, conn, again)
	settle(t, conn, h, g, again)
	again.look()
	h.searchDatabase(t, conn)
	h.searchFolder(t, root)
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	stop(t, n)
	h.searchFolder(t, root)

	fmt.Fprintln(os.Stderr, "a line of the test with the permitted word", h.permit("path"))
	release()
	h.searchLog(t, logFile)
	written, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	h.search(inOutput, "standard output and error", written)

	t.Logf("answers by status: %v and %v", g.status, again.status)
	t.Logf("accepted %d events, dropped %v and %v", g.taken+again.taken, g.drops, again.drops)
	h.mustFind(t, "path", inTable, inFile, inSpool, inLog, inAnswer, inOutput)
	h.mustFind(t, "campaign", inTable, inFile, inSpool)
	h.mustFind(t, "network of an address", inTable, inFile, inSpool)
	for _, least := range []struct {
		sort          string
		places, bytes int
	}{
		{inTable, 12, 20_000}, {inSystem, 60, 500_000}, {inFile, 200, 200_000}, {inSpool, 3, 10_000},
		{inLog, 15, 2_000}, {inAnswer, 150, 200_000}, {inOutput, 1, 40},
	} {
		h.mustHaveSearched(t, least.sort, least.places, least.bytes)
	}
}
