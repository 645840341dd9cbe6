package revocation

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"kelisim/consent"
	"kelisim/storage/datadir"
)

// LocalOptions say where the local copy lies.
type LocalOptions struct {
	Dir    string // made where it is missing
	Logger *slog.Logger
	Now    func() time.Time
}

// Local is the copy of the set in a file of this node, so that a start without
// the database knows every withdrawal that was seen before. Open reads it; Run
// keeps it up to date. Run and Save must not overlap.
type Local struct {
	o      LocalOptions
	path   string
	set    *consent.Revocations
	cursor Cursor
	saved  state
	failed bool
}

// state is what a written file stands for.
type state struct {
	changes uint64
	cursor  Cursor
}

// Open reads the local copy. A file that cannot be believed is named and left
// aside: the set is empty then, and the feed reads everything from the database.
func Open(o LocalOptions) (*Local, error) {
	if o.Dir == "" || o.Logger == nil || o.Now == nil {
		return nil, errors.New("revocation: a folder, a logger and a clock are needed")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("revocation: %w", err)
	}
	l := &Local{o: o, path: filepath.Join(o.Dir, "withdrawn")}
	set, cursor, err := load(l.path)
	switch {
	case err == nil:
		l.set, l.cursor = set, cursor
	default:
		l.set = consent.NewRevocations()
		if !errors.Is(err, os.ErrNotExist) {
			o.Logger.Warn("revocation: the local copy of the withdrawals is not used; all are read from the database before anything is stored",
				"file", l.path, "error", err)
		}
	}
	l.saved = state{l.set.Changes(), l.cursor}
	return l, nil
}

// Set is the set that was read, for the gate to ask and the feed to fill.
func (l *Local) Set() *consent.Revocations { return l.set }

// Cursor is where the feed goes on.
func (l *Local) Cursor() Cursor { return l.cursor }

// How long Run waits: at least pause between two looks, and after a write
// restFor times as long as it took, so that a large set does not keep the disk
// busy; but never more than longest.
const (
	pause   = time.Second
	restFor = 50
	longest = time.Minute
)

// Run saves what changed until ctx ends.
func (l *Local) Run(ctx context.Context, feed *Feed) {
	wait := time.NewTimer(pause)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		began := l.o.Now()
		l.say(l.Save(feed))
		wait.Reset(min(max(pause, restFor*l.o.Now().Sub(began)), longest))
	}
}

// say logs the first of a row of failures.
func (l *Local) say(err error) {
	if err != nil && !l.failed {
		l.o.Logger.Warn("revocation: the local copy of the withdrawals cannot be written; it is tried again", "file", l.path, "error", err)
	}
	l.failed = err != nil
}

// Save writes the set and the feed's cursor if either changed. The cursor is
// taken first: what it promises is in the set by then.
func (l *Local) Save(feed *Feed) error {
	now := state{cursor: feed.Cursor()}
	now.changes = l.set.Changes()
	if now == l.saved {
		return nil
	}
	err := datadir.Replace(l.path, func(w io.Writer) error { return write(w, l.set, now.cursor) })
	if err != nil {
		return fmt.Errorf("revocation: save: %w", err)
	}
	l.saved = now
	return nil
}

// Layout of the file, little endian: magic, version, the cursor (table, since,
// whole, in milliseconds since 1970, 0 = never), the set, and the SHA-256 of all
// that stands before it.
const (
	magic      = "kelisimR"
	version    = 2
	first      = 1 // knew no demands
	headerSize = len(magic) + 4 + 16 + 8 + 8
	fileBuffer = 64 << 10
)

// Errors of a file that is not used.
var (
	errForeign  = errors.New("it is no copy of withdrawals")
	errVersion  = fmt.Errorf("it has another format than %d", version)
	errChecksum = errors.New("it is damaged: its checksum does not fit")
)

func write(w io.Writer, set *consent.Revocations, c Cursor) error {
	sum := sha256.New()
	b := bufio.NewWriterSize(w, fileBuffer)
	both := io.MultiWriter(b, sum)
	header := append(make([]byte, 0, headerSize), magic...)
	header = binary.LittleEndian.AppendUint32(header, version)
	header = append(header, c.Table[:]...)
	header = binary.LittleEndian.AppendUint64(header, milliseconds(c.Since))
	header = binary.LittleEndian.AppendUint64(header, milliseconds(c.Whole))
	if _, err := both.Write(header); err != nil {
		return err
	}
	if _, err := set.WriteTo(both); err != nil {
		return err
	}
	if _, err := b.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return b.Flush()
}

func milliseconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMilli())
}

func moment(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

func load(path string) (*consent.Revocations, Cursor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Cursor{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, Cursor{}, err
	}
	return read(f, info.Size())
}

// read reads a file of size bytes. Nothing of it is given out unless the
// checksum fits.
func read(r io.Reader, size int64) (*consent.Revocations, Cursor, error) {
	r = bufio.NewReaderSize(r, fileBuffer)
	sum := sha256.New()
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil || string(header[:len(magic)]) != magic {
		return nil, Cursor{}, errForeign
	}
	sum.Write(header[:])
	rest := header[len(magic):]
	if v := binary.LittleEndian.Uint32(rest); v < first || v > version {
		return nil, Cursor{}, errVersion
	}
	c := Cursor{
		Table: uuid.UUID(rest[4:20]),
		Since: moment(binary.LittleEndian.Uint64(rest[20:])), Whole: moment(binary.LittleEndian.Uint64(rest[28:])),
	}
	set, err := consent.ReadRevocations(io.TeeReader(r, sum), size-int64(headerSize)-sha256.Size)
	if errors.Is(err, consent.ErrRevocations) {
		return nil, Cursor{}, fmt.Errorf("%w (%w)", errChecksum, err)
	}
	if err != nil {
		return nil, Cursor{}, err
	}
	if err := check(r, sum); err != nil {
		return nil, Cursor{}, err
	}
	return set, c, nil
}

// check compares the sum of what was read with the one that follows.
func check(r io.Reader, sum hash.Hash) error {
	want, err := io.ReadAll(io.LimitReader(r, sha256.Size+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(want, sum.Sum(nil)) {
		return errChecksum
	}
	return nil
}
