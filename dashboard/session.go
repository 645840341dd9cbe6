package dashboard

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"sync"
	"time"

	"kelisim/dashboard/accounts"
)

// Bounds of being signed in.
const (
	idleLimit     = 30 * time.Minute
	absoluteLimit = 12 * time.Hour
	maxSessions   = 10_000
	tokenBytes    = 32
)

// session is one signed-in browser.
type session struct {
	account accounts.Account
	csrf    string
	began   time.Time
	seen    time.Time
}

// sessions holds who is signed in, in memory only: a restart signs everybody
// out. It knows a browser by the hash of its token, so that its memory does not
// hold what would let somebody in.
type sessions struct {
	now    func() time.Time
	random io.Reader

	mu  sync.Mutex
	all map[[sha256.Size]byte]session
}

func newSessions(now func() time.Time, random io.Reader) *sessions {
	return &sessions{now: now, random: random, all: map[[sha256.Size]byte]session{}}
}

// begin signs a browser in and returns the token for its cookie.
func (s *sessions) begin(account accounts.Account) (token string, err error) {
	token, err = randomToken(s.random)
	if err != nil {
		return "", err
	}
	csrf, err := randomToken(s.random)
	if err != nil {
		return "", err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= maxSessions {
		s.sweep(now)
	}
	if len(s.all) >= maxSessions {
		return "", fmt.Errorf("dashboard: more than %d people are signed in", maxSessions)
	}
	s.all[sha256.Sum256([]byte(token))] = session{account: account, csrf: csrf, began: now, seen: now}
	return token, nil
}

// find returns the session of a token and notes that it was used.
func (s *sessions) find(token string) (session, bool) {
	if token == "" {
		return session{}, false
	}
	key, now := sha256.Sum256([]byte(token)), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[key]
	if !ok {
		return session{}, false
	}
	if found.over(now) {
		delete(s.all, key)
		return session{}, false
	}
	found.seen = now
	s.all[key] = found
	return found, true
}

// end signs a browser out.
func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(token)))
}

// sweep forgets what is over. The caller holds the lock.
func (s *sessions) sweep(now time.Time) {
	for key, one := range s.all {
		if one.over(now) {
			delete(s.all, key)
		}
	}
}

func (s session) over(now time.Time) bool {
	return now.Sub(s.seen) >= idleLimit || now.Sub(s.began) >= absoluteLimit
}

func randomToken(random io.Reader) (string, error) {
	raw := make([]byte, tokenBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("dashboard: random token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}
