package node

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"kelisim/consent"
	"kelisim/storage/datadir"
)

// Terms of a key that signs tokens.
const (
	// signsAfter is how old a key is when it begins to sign: longer than a node
	// takes to read it and a shared folder to show it, and than two clocks differ.
	signsAfter = 5 * time.Minute
	// tokenMonths after a key stopped signing, its last token is dead: none lives
	// longer than twelve.
	tokenMonths = 13
)

// KeyFile is one key of the folder: token-<id>.key holds its secret as 64
// hexadecimal digits, and in a second line when it was made. A file may lack that
// line; then the time of the file stands for it where that only delays.
type KeyFile struct {
	ID       uint32
	Created  time.Time
	Recorded bool // the file itself tells Created
	path     string
	secret   []byte
}

// LogValue keeps secrets out of logs.
func (k KeyFile) LogValue() slog.Value { return slog.Uint64Value(uint64(k.ID)) }

// Begins is when the key begins to sign, unless it is the only one.
func (k KeyFile) Begins() time.Time { return k.Created.Add(signsAfter) }

// KeyFiles are the keys of a folder, the lowest id first.
type KeyFiles []KeyFile

// Signer is the key that signs: the highest that has begun to, or the lowest
// while none has.
func (k KeyFiles) Signer(now time.Time) KeyFile {
	for _, f := range slices.Backward(k) {
		if !now.Before(f.Begins()) {
			return f
		}
	}
	return k[0]
}

// Removable is when the last token of a key is dead; ok is false while no newer
// key signs, or none that tells when it was made.
func (k KeyFiles) Removable(id uint32, now time.Time) (at time.Time, ok bool) {
	for _, f := range k {
		if f.ID > id && f.Recorded && !now.Before(f.Begins()) {
			return f.Begins().AddDate(0, tokenMonths, 0), true
		}
	}
	return time.Time{}, false
}

// errNoKey is returned for a folder without a key.
var errNoKey = errors.New("holds no token-<number>.key")

// ReadKeys reads a folder of keys. It holds one at least, or there is an error.
func ReadKeys(dir string) (KeyFiles, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var keys KeyFiles
	for _, e := range entries {
		digits, prefix := strings.CutPrefix(e.Name(), "token-")
		digits, suffix := strings.CutSuffix(digits, ".key")
		if !prefix || !suffix {
			continue
		}
		k, err := readKey(filepath.Join(dir, e.Name()), digits)
		if errors.Is(err, os.ErrNotExist) {
			continue // pruned at this moment
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("keys: folder %s %w", dir, errNoKey)
	}
	slices.SortFunc(keys, func(a, b KeyFile) int { return cmp.Compare(a.ID, b.ID) })
	for i := range keys[1:] {
		if keys[i].ID == keys[i+1].ID {
			return nil, fmt.Errorf("keys: folder %s holds key %d twice", dir, keys[i].ID)
		}
	}
	return keys, nil
}

const createdLine = "created "

func readKey(name, digits string) (KeyFile, error) {
	id, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return KeyFile{}, fmt.Errorf("keys: file %s: the name must be token-<number>.key", name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return KeyFile{}, fmt.Errorf("keys: %w", err)
	}
	k, err := parseKey(b)
	if err != nil {
		return KeyFile{}, fmt.Errorf("keys: file %s: %w", name, err)
	}
	if k.ID, k.path = uint32(id), name; !k.Recorded {
		info, err := os.Stat(name)
		if err != nil {
			return KeyFile{}, fmt.Errorf("keys: %w", err)
		}
		k.Created = info.ModTime()
	}
	return k, nil
}

// parseKey reads what a file holds. Its errors tell nothing of that.
func parseKey(b []byte) (k KeyFile, err error) {
	first, second, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if k.secret, err = hex.DecodeString(strings.TrimSpace(first)); err != nil || len(k.secret) != 32 {
		return KeyFile{}, errors.New("must hold 64 hexadecimal digits")
	}
	if second == "" {
		return k, nil
	}
	moment, found := strings.CutPrefix(second, createdLine)
	if k.Created, err = time.Parse(time.RFC3339, moment); !found || err != nil {
		return KeyFile{}, errors.New("must hold nothing after the digits but a line such as " + createdLine + "2026-01-31T12:00:00Z")
	}
	k.Recorded = true
	return k, nil
}

// RotateKey makes the next key of a folder, or its first. It verifies on every
// node that has read it, and signs from Begins on.
func RotateKey(dir string, now time.Time, random io.Reader) (KeyFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return KeyFile{}, fmt.Errorf("keys: %w", err)
	}
	keys, err := ReadKeys(dir)
	if err != nil && !errors.Is(err, errNoKey) {
		return KeyFile{}, err
	}
	var id uint32 = 1
	if len(keys) > 0 {
		last := keys[len(keys)-1].ID
		if last == math.MaxUint32 {
			return KeyFile{}, fmt.Errorf("keys: there is no number after %d", last)
		}
		id = last + 1
	}
	return createKey(dir, id, now, random)
}

// createKey writes a key whole, or finds that somebody else was first.
func createKey(dir string, id uint32, now time.Time, random io.Reader) (KeyFile, error) {
	k := KeyFile{
		ID: id, Created: now.UTC().Truncate(time.Second), Recorded: true,
		path: filepath.Join(dir, fmt.Sprintf("token-%d.key", id)), secret: make([]byte, 32),
	}
	if _, err := io.ReadFull(random, k.secret); err != nil {
		return KeyFile{}, fmt.Errorf("keys: %w", err)
	}
	err := datadir.Create(k.path, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%x\n%s%s\n", k.secret, createdLine, k.Created.Format(time.RFC3339))
		return err
	})
	if err != nil {
		return KeyFile{}, fmt.Errorf("keys: %w", err)
	}
	return k, nil
}

// PruneKeys removes the keys whose last token is dead.
func PruneKeys(dir string, now time.Time) (removed KeyFiles, err error) {
	keys, err := ReadKeys(dir)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if at, ok := keys.Removable(k.ID, now); !ok || now.Before(at) {
			continue
		}
		if err := os.Remove(k.path); err != nil {
			return removed, fmt.Errorf("keys: %w", err)
		}
		removed = append(removed, k)
	}
	if len(removed) > 0 {
		err = datadir.SyncFolder(dir)
	}
	return removed, err
}

// KeysOptions say where the keys lie.
type KeysOptions struct {
	Dir    string
	Logger *slog.Logger
	Now    func() time.Time
	Random io.Reader
}

// Keys keeps a ring like its folder, which all nodes of an installation share.
// Run follows the folder; it and Reload must not overlap.
type Keys struct {
	o      KeysOptions
	ring   *consent.Keyring
	read   KeyFiles // what the ring holds
	signer uint32
	failed string // the last failure that was logged
	count  atomic.Int64
}

// OpenKeys reads the keys of a folder. One without any gets its first.
func OpenKeys(o KeysOptions) (*Keys, error) {
	if o.Dir == "" || o.Logger == nil || o.Now == nil || o.Random == nil {
		return nil, errors.New("keys: a folder, a logger, a clock and a source of randomness are needed")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	files, err := ReadKeys(o.Dir)
	if errors.Is(err, errNoKey) {
		if _, err := createKey(o.Dir, 1, o.Now(), o.Random); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		files, err = ReadKeys(o.Dir)
	}
	if err != nil {
		return nil, err
	}
	k := &Keys{o: o, read: files, signer: files.Signer(o.Now()).ID}
	k.count.Store(int64(len(files)))
	k.ring, err = consent.NewKeyring(files.ring(k.signer)...)
	return k, err
}

// ring lists the keys, the one that signs first.
func (k KeyFiles) ring(signer uint32) []consent.Key {
	var keys []consent.Key
	for _, f := range k {
		keys = append(keys, consent.Key{ID: f.ID, Secret: f.secret})
	}
	slices.SortStableFunc(keys, func(a, b consent.Key) int {
		switch {
		case a.ID == signer:
			return -1
		case b.ID == signer:
			return 1
		}
		return 0
	})
	return keys
}

// Ring is the ring that is kept. It stays the same one.
func (k *Keys) Ring() *consent.Keyring { return k.ring }

// Count is how many keys the ring holds.
func (k *Keys) Count() int { return int(k.count.Load()) }

// Reload makes the ring like the folder. A folder that cannot be read whole
// changes nothing: the keys that were read before go on.
func (k *Keys) Reload() error {
	files, err := ReadKeys(k.o.Dir)
	if err != nil {
		return err
	}
	signer := files.Signer(k.o.Now()).ID
	same := slices.EqualFunc(files, k.read, func(a, b KeyFile) bool {
		return a.ID == b.ID && subtle.ConstantTimeCompare(a.secret, b.secret) == 1
	})
	if same && signer == k.signer {
		return nil
	}
	if err := k.ring.Replace(files.ring(signer)...); err != nil {
		return err
	}
	k.read, k.signer = files, signer
	k.count.Store(int64(len(files)))
	k.o.Logger.Info("node: the keys of tokens changed", "keys", ids(files), "signs", signer)
	return nil
}

func ids(files KeyFiles) (all []uint32) {
	for _, f := range files {
		all = append(all, f.ID)
	}
	return all
}

// Run reloads until ctx ends. It logs a failure once.
func (k *Keys) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		said := ""
		if err := k.Reload(); err != nil {
			if said = err.Error(); said != k.failed {
				k.o.Logger.Warn("node: the keys cannot be read; the ones that were read before stay in use", "error", err)
			}
		}
		k.failed = said
	}
}
