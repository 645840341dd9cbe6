package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"kelisim/dashboard/accounts"
)

const password = "correct horse battery"

func open(t *testing.T, path string) *accounts.Accounts {
	t.Helper()
	a, err := accounts.Open(accounts.Options{Path: path, Cost: bcrypt.MinCost})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAddVerifyRemove(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "accounts.json")
	a := open(t, path)
	if err := a.Add(ctx, "Aigerim", accounts.Marketing, password); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, _ := os.ReadFile(path)
	if strings.Contains(string(text), password) {
		t.Error("the password stands in the file")
	}

	other := open(t, path) // as another process would
	got, err := other.Verify(ctx, "aigerim", password)
	if err != nil || got.Name != "aigerim" || got.Role != accounts.Marketing {
		t.Errorf("verify: %+v, %v", got, err)
	}
	for name, pair := range map[string][2]string{
		"wrong password": {"aigerim", password + "!"},
		"unknown name":   {"bolat", password},
		"empty":          {"", ""},
		"long":           {"aigerim", strings.Repeat("x", 300)},
		"decoy":          {"bolat", "no account has this password"},
	} {
		if _, err := other.Verify(ctx, pair[0], pair[1]); !errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := other.Remove(ctx, "aigerim"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Find(ctx, "aigerim"); !errors.Is(err, accounts.ErrUnknown) {
		t.Errorf("after removal: %v", err)
	}
	if err := a.Remove(ctx, "aigerim"); !errors.Is(err, accounts.ErrUnknown) {
		t.Errorf("second removal: %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	ctx := context.Background()
	a := open(t, filepath.Join(t.TempDir(), "accounts.json"))
	f := func(name string, role accounts.Role, pw string, want error) {
		t.Helper()
		if err := a.Add(ctx, name, role, pw); !errors.Is(err, want) {
			t.Errorf("Add(%q, %q): %v, want %v", name, role, err, want)
		}
	}
	f("x", accounts.Privacy, password, accounts.ErrName)
	f("a b", accounts.Privacy, password, accounts.ErrName)
	f("-dash", accounts.Privacy, password, accounts.ErrName)
	f("bolat", "root", password, accounts.ErrRole)
	f("bolat", accounts.Privacy, "elevenchars", accounts.ErrPassword)
	f("bolat", accounts.Privacy, strings.Repeat("x", 73), accounts.ErrPassword)
	f("bolat", accounts.Privacy, password, nil)
	f("BOLAT", accounts.Privacy, password, accounts.ErrExists)
}

func TestAddAtTheSameTime(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "accounts.json")
	var wg sync.WaitGroup
	for i := range 8 {
		a := open(t, path)
		wg.Go(func() {
			if err := a.Add(ctx, fmt.Sprintf("user%d", i), accounts.Marketing, password); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := open(t, path).List(ctx)
	if err != nil || len(list) != 8 {
		t.Errorf("%d accounts, %v", len(list), err)
	}
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.json")
	if err := os.WriteFile(path, []byte(`{"v":1,"accounts":[{"nam`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.Open(accounts.Options{Path: path, Cost: bcrypt.MinCost}); err == nil {
		t.Error("a damaged file is accepted")
	}
}

func TestGeneratePassword(t *testing.T) {
	got, err := accounts.GeneratePassword(strings.NewReader(strings.Repeat("kelisim", 4)))
	if err != nil || len(got) < accounts.MinPassword || strings.Count(got, "-") != 3 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := accounts.GeneratePassword(strings.NewReader("short")); err == nil {
		t.Error("too little randomness is accepted")
	}
}
