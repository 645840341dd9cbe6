package geo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// What can be wrong with a file on disk, beside its content.
var (
	errMissing   = errors.New("geo: there is no file")
	errUnsettled = errors.New("geo: the file changed while it was read")
	errNoFile    = errors.New("geo: not a regular file")
	errSize      = errors.New("geo: the file is empty or too large")
)

// maxFile is the largest file that is read into memory, in bytes.
const maxFile = 1 << 30

// candidate is a file and what was last made of it.
type candidate struct {
	path    string
	good    *atlas            // the last that could be used
	sum     [sha256.Size]byte // of its file
	seen    fs.FileInfo       // of the last look; nil: there was no file
	problem error             // of the last look; nil: none
	inUse   bool
	saidOld bool
}

// look reads the file if it is not the one that was read last. It reports whether
// there is a problem to speak of: one that was not there at the last look.
func (c *candidate) look() bool {
	if c.path == "" {
		return false
	}
	info, err := os.Stat(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = errMissing
	}
	if err != nil {
		return c.again(err)
	}
	if c.seen != nil && unchanged(c.seen, info) {
		return false
	}
	content, err := read(c.path, info)
	if errors.Is(err, errUnsettled) {
		return c.again(err)
	}
	c.seen = info
	if err != nil {
		c.problem = err
		return true
	}
	sum := sha256.Sum256(content)
	if c.good != nil && sum == c.sum {
		c.problem = nil
		return false
	}
	good, err := parse(content)
	c.problem = err
	if err != nil {
		return true
	}
	c.good, c.sum, c.saidOld = good, sum, false
	return false
}

// again notes a problem that the next look may not find any more.
func (c *candidate) again(problem error) bool {
	before := c.problem
	c.problem, c.seen = problem, nil
	return before == nil || before.Error() != problem.Error()
}

func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// read takes a whole file into memory. One that changes meanwhile is refused.
func read(path string, before fs.FileInfo) (content []byte, err error) {
	if !before.Mode().IsRegular() {
		return nil, errNoFile
	}
	if before.Size() == 0 || before.Size() > maxFile {
		return nil, fmt.Errorf("%w: %d bytes", errSize, before.Size())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("geo: open: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content = make([]byte, before.Size())
	if _, err := io.ReadFull(f, content); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, errUnsettled
	} else if err != nil {
		return nil, fmt.Errorf("geo: read: %w", err)
	}
	after, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("geo: read: %w", err)
	}
	if !unchanged(before, after) {
		return nil, errUnsettled
	}
	return content, nil
}
