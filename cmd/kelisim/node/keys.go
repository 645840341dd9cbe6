package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"kelisim/consent"
)

// LoadKeys reads the keys that sign tokens, token-<id>.key with 64 hexadecimal
// digits each; the one with the highest id signs. A folder without any gets its
// first one. All nodes of an installation share the folder.
func LoadKeys(dir string, random io.Reader) (*consent.Keyring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys, err := readKeys(dir)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		if err := createKey(dir, 1, random); err != nil {
			return nil, err
		}
		if keys, err = readKeys(dir); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(keys, func(a, b consent.Key) int { return int(int64(b.ID) - int64(a.ID)) })
	return consent.NewKeyring(keys...)
}

func readKeys(dir string) ([]consent.Key, error) {
	names, err := filepath.Glob(filepath.Join(dir, "token-*.key"))
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var keys []consent.Key
	for _, name := range names {
		digits := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "token-"), ".key")
		id, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("keys: file %s: the name must be token-<number>.key", name)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		secret, err := hex.DecodeString(strings.TrimSpace(string(b)))
		if err != nil || len(secret) != 32 {
			return nil, fmt.Errorf("keys: file %s: must hold 64 hexadecimal digits", name)
		}
		keys = append(keys, consent.Key{ID: uint32(id), Secret: secret})
	}
	return keys, nil
}

// createKey writes a key under a name that nobody else can be writing at the
// same time: it is linked into place whole, or another node was first.
func createKey(dir string, id uint32, random io.Reader) error {
	secret := make([]byte, 32)
	if _, err := io.ReadFull(random, secret); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(secret) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	err = os.Link(f.Name(), filepath.Join(dir, fmt.Sprintf("token-%d.key", id)))
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}
