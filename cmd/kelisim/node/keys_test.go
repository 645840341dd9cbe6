package node_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/node"
	"kelisim/consent"
)

// keyOf is the number of the key that signed a token.
func keyOf(t *testing.T, token string) uint32 {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < 5 {
		t.Fatal("no token")
	}
	return binary.BigEndian.Uint32(raw[1:])
}

// keys follows a folder by hand, at a time that the test sets.
type keys struct {
	*testing.T
	dir string
	now time.Time
	*node.Keys
	said bytes.Buffer
}

func openKeys(t *testing.T, dir string, now time.Time) *keys {
	t.Helper()
	k := &keys{T: t, dir: dir, now: now}
	var err error
	k.Keys, err = node.OpenKeys(node.KeysOptions{
		Dir: dir, Logger: slog.New(slog.NewTextHandler(&k.said, nil)), Now: func() time.Time { return k.now }, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// at moves the clock and reads the folder.
func (k *keys) at(now time.Time) {
	k.Helper()
	if k.now = now; k.Reload() != nil {
		k.Fatal("the folder cannot be read")
	}
}

func (k *keys) rotate() node.KeyFile {
	k.Helper()
	f, err := node.RotateKey(k.dir, k.now, rand.Reader)
	if err != nil {
		k.Fatal(err)
	}
	return f
}

// sign signs a new decision.
func (k *keys) sign() string {
	k.Helper()
	e, err := consent.NewEdition(consent.EditionOptions{
		Site: "demo", Hash: [32]byte{1}, TermMonths: 12, Items: []consent.Item{{ID: "a", Fields: consent.FieldsOf(consent.FieldPage), RetentionDays: 9}},
	})
	if err != nil {
		k.Fatal(err)
	}
	v, err := consent.Decide(consent.Choice{Action: consent.AcceptAll}, e, consent.Decision{}, nil, k.now, rand.Reader)
	if err != nil {
		k.Fatal(err)
	}
	token, err := k.Ring().Sign(v.Decision)
	if err != nil {
		k.Fatal(err)
	}
	return token
}

func (k *keys) accepts(token string) bool {
	_, err := k.Ring().Verify(token, k.now)
	return err == nil
}

// TestRotation: of two nodes that read the folder at different moments, neither
// ever sees a token whose key it does not have; nobody is logged out; a key goes
// when its last token is dead.
func TestRotation(t *testing.T) {
	dir, start := filepath.Join(t.TempDir(), "keys"), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	a := openKeys(t, dir, start)
	b := openKeys(t, dir, start)
	old := a.sign()
	if keyOf(t, old) != 1 || !b.accepts(old) {
		t.Fatal("two nodes on one folder do not share their first key")
	}
	rotated := start.Add(24 * time.Hour)
	a.at(rotated)
	next := a.rotate()
	a.at(rotated.Add(time.Second))
	if token := a.sign(); keyOf(t, token) != 1 {
		t.Error("a new key signs at once; the other node cannot know it yet")
	}
	a.at(next.Begins().Add(-time.Second))
	b.at(next.Begins().Add(-time.Second))
	if keyOf(t, a.sign()) != 1 {
		t.Error("a new key signs too early")
	}
	a.at(next.Begins())
	young := a.sign()
	if keyOf(t, young) != 2 {
		t.Error("a new key does not sign when its time has come")
	}
	if !b.accepts(young) || !a.accepts(old) || !b.accepts(old) {
		t.Error("a token is refused in a rotation")
	}
	dead := next.Begins().AddDate(0, 13, 0)
	for _, now := range []time.Time{rotated, next.Begins(), dead.Add(-time.Second)} {
		if removed, err := node.PruneKeys(dir, now); err != nil || len(removed) > 0 {
			t.Errorf("on %s %d keys are removed: %v", now, len(removed), err)
		}
	}
	removed, err := node.PruneKeys(dir, dead)
	if err != nil || len(removed) != 1 || removed[0].ID != 1 {
		t.Errorf("when the last token is dead %v is removed: %v", removed, err)
	}
	a.at(dead)
	if token := a.sign(); keyOf(t, token) != 2 || !a.accepts(token) {
		t.Error("the key that is left does not sign")
	}
	if removed, err := node.PruneKeys(dir, dead.AddDate(50, 0, 0)); err != nil || len(removed) > 0 {
		t.Errorf("the last key is removed: %v", err)
	}
}

// TestFirstKeysSign: the only key signs at once; of young ones the lowest does.
func TestFirstKeysSign(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	k := openKeys(t, dir, now)
	k.rotate()
	k.rotate()
	k.at(now.Add(time.Second))
	if got := keyOf(t, k.sign()); got != 1 {
		t.Errorf("key %d signs among young ones", got)
	}
	k.at(now.Add(time.Hour))
	if got := keyOf(t, k.sign()); got != 3 {
		t.Errorf("key %d signs among old ones", got)
	}
	// An operator takes the key away that somebody may know.
	leaked := k.sign()
	young := k.rotate()
	if err := os.Remove(filepath.Join(dir, "token-3.key")); err != nil {
		t.Fatal(err)
	}
	k.at(young.Created.Add(time.Second))
	if k.accepts(leaked) {
		t.Error("a key that was taken away verifies")
	}
}

// TestKeysWithoutMoment: a file of bare digits is a key as any other. When it was
// made is taken from the file where that only delays, and it lets no other go.
func TestKeysWithoutMoment(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	bare := func(id, digit string, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, "token-"+id+".key")
		if err := os.WriteFile(path, []byte(strings.Repeat(digit, 64)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	bare("1", "a", 0)
	k := openKeys(t, dir, now)
	if keyOf(t, k.sign()) != 1 {
		t.Error("the only key does not sign")
	}
	bare("7", "b", 0)
	k.at(now.Add(time.Second))
	if keyOf(t, k.sign()) != 1 {
		t.Error("a copied key signs at once")
	}
	k.at(now.Add(time.Hour))
	if keyOf(t, k.sign()) != 7 {
		t.Error("a copied key never signs")
	}
	bare("7", "b", 20_000*time.Hour)
	if removed, err := node.PruneKeys(dir, now); err != nil || len(removed) > 0 {
		t.Errorf("the age of a file let a key go: %v", err)
	}
}

// TestBadKeyFiles: what is no key ends a start; while a node runs it changes
// nothing, and no error tells what stands in a file.
func TestBadKeyFiles(t *testing.T) {
	secret := strings.Repeat("5ec4e7", 11)[:64]
	for name, c := range map[string]struct{ file, holds string }{
		"part of it": {"token-2.key", secret[:40]}, "empty": {"token-2.key", ""}, "no digits": {"token-2.key", "z" + secret[1:]},
		"too long": {"token-2.key", secret + "00"}, "no moment": {"token-2.key", secret + "\ncreated 5ec4e7"},
		"another line": {"token-2.key", secret + "\n" + secret}, "no number": {"token-two.key", secret}, "too high": {"token-4294967296.key", secret},
		"twice": {"token-01.key", secret},
	} {
		dir, now := t.TempDir(), time.Now()
		k := openKeys(t, dir, now)
		token := k.sign()
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.holds), 0o600); err != nil {
			t.Fatal(err)
		}
		err := k.Reload()
		if err == nil || strings.Contains(err.Error(), "5ec4e7") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v", name, err)
		}
		if !k.accepts(token) || keyOf(t, k.sign()) != 1 {
			t.Errorf("%s: the keys that were read before are gone", name)
		}
		if _, err := node.OpenKeys(node.KeysOptions{Dir: dir, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Random: rand.Reader}); err == nil {
			t.Errorf("%s: a start takes it", name)
		}
	}
	// The folder is gone for a while; it is said once.
	dir := t.TempDir()
	k := openKeys(t, dir, time.Now())
	token := k.sign()
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	k.Keys.Run(ctx, time.Millisecond)
	if n := strings.Count(k.said.String(), "\n"); n != 1 || !k.accepts(token) {
		t.Errorf("a folder that is gone: %d lines, the token is accepted: %v", n, k.accepts(token))
	}
}

// TestRotationUnderWay rotates while visitors decide and send: no request fails,
// old tokens go on, and new decisions get the new key when its time has come.
func TestRotationUnderWay(t *testing.T) {
	root, _ := folder(t)
	c, _, _, err := config.Load(flag.NewFlagSet("test", flag.ContinueOnError), []string{
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", filepath.Join(root, "data"),
		"--policies", filepath.Join(root, "policies"), "--clickhouse-dsn", nowhereDSN,
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	n, err := node.Start(t.Context(), node.Options{
		Config: c, Logger: slog.New(slog.DiscardHandler), Now: now, Every: node.Intervals{Keys: 5 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, n)
	g := newTarget(t, newHunt(), n, root)
	first := g.browser(nil)
	decides := func(b *browser) uint32 {
		t.Helper()
		if a := b.decide("accept_all", nil, nil); a.status != http.StatusCreated {
			t.Fatalf("decision: status %d", a.status)
		}
		return keyOf(t, b.cookies[tokenCookie])
	}
	if key := decides(first); key != 1 {
		t.Fatalf("key %d signs first", key)
	}
	old := first.cookies[tokenCookie]

	made, err := node.RotateKey(g.keys, now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var rotated sync.Once
	signs := map[uint32]int{}
	for end := time.Now().Add(30 * time.Second); signs[2] < 20 && time.Now().Before(end); {
		b := g.browser(nil)
		signs[decides(b)]++
		if got := view(b, b.cookies[tokenCookie]); len(got) > 0 {
			t.Fatalf("an event of a new decision was dropped as %v", got)
		}
		if got := view(first, old); len(got) > 0 {
			t.Fatalf("an event under an old token was dropped as %v", got)
		}
		if signs[2] > 0 && now().Before(made.Begins()) {
			t.Fatal("the new key signs too early")
		}
		if signs[1] >= 20 {
			rotated.Do(func() { ahead.Store(int64(6 * time.Minute)) })
		}
	}
	if signs[1] < 20 || signs[2] < 20 {
		t.Errorf("decisions by key: %v", signs)
	}
}
