// Package accounts keeps the people who may sign in to the dashboard: a small
// file with names, roles and password hashes. The file is read at every use, so
// that an account added or removed by the command line counts at once in a
// running server.
package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Role says what an account is for.
type Role string

// The roles.
const (
	Marketing Role = "marketing" // sees reports
	Privacy   Role = "privacy"   // the privacy officer: sees reports
)

// Roles lists every role.
func Roles() []Role { return []Role{Marketing, Privacy} }

// Account is one person who may sign in.
type Account struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Created time.Time `json:"created"`
}

// Bounds of a password, in bytes. bcrypt reads no more than 72.
const (
	MinPassword = 12
	MaxPassword = 72
)

// Errors that a caller can tell apart.
var (
	ErrCredentials = errors.New("accounts: wrong user name or password")
	ErrName        = errors.New("accounts: a name is 2 to 64 of a-z, 0-9, dot, dash, underscore or @, and begins with a letter or digit")
	ErrRole        = errors.New("accounts: unknown role")
	ErrPassword    = fmt.Errorf("accounts: a password has %d to %d bytes", MinPassword, MaxPassword)
	ErrExists      = errors.New("accounts: this name is taken")
	ErrUnknown     = errors.New("accounts: no such account")
)

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{1,63}$`)

// Options is what Open needs.
type Options struct {
	Path string           // the file; its folder must exist, the file need not
	Now  func() time.Time // default time.Now
	Cost int              // bcrypt cost; default 12, tests use the least
}

// Accounts is the file of accounts. It is safe for use by several goroutines
// and by several processes.
type Accounts struct {
	path string
	now  func() time.Time
	cost int
	// decoy is compared with when a name is unknown, so that an unknown name
	// takes as long as a wrong password.
	decoy []byte
	// turns bounds how many passwords are checked at the same time.
	turns chan struct{}
}

// concurrentChecks is the most passwords checked at once: each costs a quarter
// of a second of one core.
const concurrentChecks = 2

// Open prepares the file of accounts; it need not exist yet.
func Open(o Options) (*Accounts, error) {
	if o.Path == "" {
		return nil, errors.New("accounts: options: Path is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Cost == 0 {
		o.Cost = 12
	}
	decoy, err := bcrypt.GenerateFromPassword([]byte("no account has this password"), o.Cost)
	if err != nil {
		return nil, fmt.Errorf("accounts: prepare: %w", err)
	}
	a := &Accounts{path: o.Path, now: o.Now, cost: o.Cost, decoy: decoy, turns: make(chan struct{}, concurrentChecks)}
	if _, err := a.read(); err != nil {
		return nil, err
	}
	return a, nil
}

// Add makes an account.
func (a *Accounts) Add(ctx context.Context, name string, role Role, password string) error {
	name = strings.ToLower(name)
	switch {
	case !namePattern.MatchString(name):
		return ErrName
	case !slices.Contains(Roles(), role):
		return ErrRole
	case len(password) < MinPassword || len(password) > MaxPassword:
		return ErrPassword
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), a.cost)
	if err != nil {
		return fmt.Errorf("accounts: hash: %w", err)
	}
	return a.change(ctx, func(f *file) error {
		if f.find(name) >= 0 {
			return ErrExists
		}
		f.Accounts = append(f.Accounts, entry{
			Account: Account{Name: name, Role: role, Created: a.now().UTC().Truncate(time.Microsecond)},
			Hash:    string(hash),
		})
		slices.SortFunc(f.Accounts, func(x, y entry) int { return strings.Compare(x.Name, y.Name) })
		return nil
	})
}

// Remove takes an account away; whoever is signed in with it is signed out.
func (a *Accounts) Remove(ctx context.Context, name string) error {
	return a.change(ctx, func(f *file) error {
		i := f.find(strings.ToLower(name))
		if i < 0 {
			return ErrUnknown
		}
		f.Accounts = slices.Delete(f.Accounts, i, i+1)
		return nil
	})
}

// List is all accounts by name.
func (a *Accounts) List(ctx context.Context) ([]Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := a.read()
	if err != nil {
		return nil, err
	}
	list := make([]Account, len(f.Accounts))
	for i, e := range f.Accounts {
		list[i] = e.Account
	}
	return list, nil
}

// Find looks an account up by its exact name; ErrUnknown when there is none.
func (a *Accounts) Find(ctx context.Context, name string) (Account, error) {
	if err := ctx.Err(); err != nil {
		return Account{}, err
	}
	f, err := a.read()
	if err != nil {
		return Account{}, err
	}
	i := f.find(name)
	if i < 0 {
		return Account{}, ErrUnknown
	}
	return f.Accounts[i].Account, nil
}

// Verify checks a name and a password. An unknown name and a wrong password
// give the same error, ErrCredentials, after the same work.
func (a *Accounts) Verify(ctx context.Context, name, password string) (Account, error) {
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return Account{}, ctx.Err()
	}
	f, err := a.read()
	if err != nil {
		return Account{}, err
	}
	hash, account := a.decoy, Account{}
	if i := f.find(strings.ToLower(name)); i >= 0 {
		hash, account = []byte(f.Accounts[i].Hash), f.Accounts[i].Account
	}
	if len(password) > MaxPassword {
		password = password[:MaxPassword] // wrong anyway; keeps the work the same
		account = Account{}
	}
	if err := bcrypt.CompareHashAndPassword(hash, []byte(password)); err != nil || account.Name == "" {
		return Account{}, ErrCredentials
	}
	return account, nil
}

// alphabet has no characters that are easily confused; its 32 letters make five
// bits each.
const alphabet = "abcdefghijkmnpqrstuvwxyz23456789"

// GeneratePassword makes a password of 20 letters and digits in four groups,
// 100 bits strong, from a source of randomness.
func GeneratePassword(random io.Reader) (string, error) {
	raw := make([]byte, 20)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("accounts: generate password: %w", err)
	}
	var b strings.Builder
	for i, r := range raw {
		if i > 0 && i%5 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[int(r)%len(alphabet)])
	}
	return b.String(), nil
}
