package spool

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// segment is a file that frames are appended to. Where the system can, its room is
// taken on the disk at once and it is mapped into memory: then appending is a copy
// that the kernel has as soon as it is made, and cannot find the disk full.
type segment struct {
	f      *os.File
	mapped []byte // nil: written with system calls
}

// mapLeast is the least size of a segment that is mapped.
const mapLeast = 1 << 20

func createSegment(path string, size int64) (*segment, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("spool: create segment: %w", err)
	}
	g := &segment{f: f}
	if size >= mapLeast {
		if g.mapped, err = mapFile(f, size); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return nil, errors.Join(fmt.Errorf("spool: create segment: %w", err), f.Close(), os.Remove(path))
		}
	}
	if err := g.writeAt(header[:], 0); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: create segment: %w", err), g.unmap(), f.Close(), os.Remove(path))
	}
	return g, nil
}

// room reports whether so many bytes fit behind an offset.
func (g *segment) room(at int64, size int) bool {
	return g.mapped == nil || at+int64(size) <= int64(len(g.mapped))
}

// errFault is what a page that could not be had becomes, on a file system that
// does not keep the room it promised.
var errFault = errors.New("spool: a page of the segment cannot be written")

func (g *segment) writeAt(b []byte, at int64) (err error) {
	if g.mapped == nil {
		_, err := g.f.WriteAt(b, at)
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = errFault
		}
	}()
	copy(g.mapped[at:], b)
	return nil
}

// cut takes back what was written behind an offset.
func (g *segment) cut(at int64) error {
	if g.mapped == nil {
		return g.f.Truncate(at)
	}
	return nil // the segment is ended, and cut to its length then
}

// end gives back the room that was not used, puts the file on disk and closes it.
func (g *segment) end(size int64) error {
	var err error
	if g.mapped != nil {
		err = errors.Join(g.unmap(), g.f.Truncate(size))
	}
	if err = errors.Join(err, datasync(g.f), g.f.Close()); err != nil {
		return fmt.Errorf("spool: end segment: %w", err)
	}
	return nil
}

func (g *segment) unmap() error {
	if g.mapped == nil {
		return nil
	}
	b := g.mapped
	g.mapped = nil
	return unmapFile(b)
}
