package node_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kelisim/cmd/kelisim/node"
)

// readyz asks a node whether it is ready; status 0 means that nobody answers.
func readyz(n *node.Node) (status int, says string) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	res, err := client.Get(n.PublicURL() + "/readyz")
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body) // what came says enough
	return res.StatusCode, string(b)
}

// becomes waits until a node says of itself what it must, and nothing else; with no
// words, that it is ready. The metrics say the same.
func becomes(t *testing.T, n *node.Node, words ...string) {
	t.Helper()
	var status int
	var says string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		status, says = readyz(n)
		holds := status == http.StatusServiceUnavailable && strings.Count(says, "\n") == len(words)
		for _, w := range words {
			holds = holds && strings.Contains(says, w)
		}
		if len(words) == 0 {
			holds = status == http.StatusOK && says == "ready\n"
		}
		if !holds {
			continue
		}
		_, values := scrape(t, n)
		named := 0.0
		for series, v := range values {
			if strings.HasPrefix(series, "kelisim_not_ready{") {
				named += v
			}
		}
		if named == float64(len(words)) && values["kelisim_ready"] == map[bool]float64{true: 1}[len(words) == 0] {
			return
		}
	}
	t.Fatalf("/readyz does not come to say %q: status %d: %s", words, status, says)
}

// lives checks that a node that is not ready lives and takes events all the same.
func lives(t *testing.T, n *node.Node, b *browser) {
	t.Helper()
	if a := b.get(n.PublicURL(), "/livez"); a.status != http.StatusOK {
		t.Errorf("/livez: status %d", a.status)
	}
	if drops := b.events(b.event("pageview", "https://127.0.0.1/a", nil)); len(drops) > 0 {
		t.Errorf("events are dropped: %v", drops)
	}
}

// TestReadyWithoutDatabase: a node without its database says so, and when its spool
// is full, that as well.
func TestReadyWithoutDatabase(t *testing.T) {
	root, logFile := folder(t)
	n := start(t, root, logFile, nowhereDSN, func(o *node.Options) { o.SpoolBytes = 64 << 10 })
	b := newTarget(t, newHunt(), n, root).browser(nil)
	b.decide("accept_all", nil, nil)
	lives(t, n, b)
	becomes(t, n, "the node starts", "clickhouse cannot be reached")
	status := http.StatusAccepted
	for range 1000 {
		if status = b.post("/v1/events", b.body(nil, b.event("pageview", "https://127.0.0.1/"+strings.Repeat("a", 500), nil))).status; status != http.StatusAccepted {
			break
		}
	}
	if status != http.StatusServiceUnavailable {
		t.Fatalf("a full spool answers %d", status)
	}
	becomes(t, n, "the node starts", "clickhouse cannot be reached", "is full or nearly so")
	if a := b.decide("withdraw", nil, nil); a.status != http.StatusCreated {
		t.Errorf("with a full spool a withdrawal is answered with %d", a.status)
	}
	stop(t, n)
}

// TestReadyWithoutBallast: while no room is kept on the disk for decisions, events are
// refused, and a node says so before it has refused one; once there is room it is ready.
func TestReadyWithoutBallast(t *testing.T) {
	root, logFile := folder(t)
	ballast := filepath.Join(root, "data", "spool", "ballast")
	if err := os.MkdirAll(ballast, 0o700); err != nil { // in the way of the file
		t.Fatal(err)
	}
	n := start(t, root, logFile, nowhereDSN)
	away := []string{"the node starts", "clickhouse cannot be reached"}
	becomes(t, n, append(away, "is full or nearly so")...)
	b := newTarget(t, newHunt(), n, root).browser(nil)
	if a := b.decide("accept_all", nil, nil); a.status != http.StatusCreated {
		t.Errorf("a decision is answered with %d", a.status)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	becomes(t, n, away...)
	lives(t, n, b)
	stop(t, n)
}

// TestReadyWithDatabase: a node is ready, and says why it is not: its database does
// not answer, the news of withdrawals is old, frames are parked. Once that has passed
// it is ready again.
func TestReadyWithDatabase(t *testing.T) {
	root, logFile := folder(t)
	n := start(t, root, logFile, "", func(o *node.Options) { o.Every.Stale = time.Second })
	b := newTarget(t, newHunt(), n, root).browser(nil)
	b.decide("accept_all", nil, nil)
	becomes(t, n)

	if err := syscall.Kill(n.Engine().Access().EnginePID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	becomes(t, n, "clickhouse cannot be reached", "withdrawals on other nodes")
	lives(t, n, b)
	if err := syscall.Kill(n.Engine().Access().EnginePID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	becomes(t, n)

	conn := admin(t, n)
	exec := func(query string) {
		t.Helper()
		if err := conn.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("RENAME TABLE revocations TO revocations_away")
	becomes(t, n, "withdrawals on other nodes")
	exec("RENAME TABLE revocations_away TO revocations")
	becomes(t, n)

	exec("ALTER TABLE events ADD CONSTRAINT nothing CHECK site = ''")
	lives(t, n, b)
	becomes(t, n, "are kept aside")
	exec("ALTER TABLE events DROP CONSTRAINT nothing")
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	stop(t, n)
}

// TestNotReadyBeforeTheEnd: a node that stops says so while it still answers.
func TestNotReadyBeforeTheEnd(t *testing.T) {
	root, logFile := folder(t)
	const grace = 500 * time.Millisecond
	n := start(t, root, logFile, nowhereDSN, func(o *node.Options) { o.Every.Grace = grace })
	b := newTarget(t, newHunt(), n, root).browser(nil)
	b.decide("accept_all", nil, nil)
	began, ended := time.Now(), make(chan error, 1)
	go func() { // ends with Stop
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		ended <- n.Stop(ctx)
	}()
	becomes(t, n, "the node stops", "the node starts", "clickhouse cannot be reached")
	lives(t, n, b)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < grace {
		t.Errorf("it listened for only %s", took)
	}
	if status, _ := readyz(n); status != 0 {
		t.Errorf("after the stop it answers %d", status)
	}
}
