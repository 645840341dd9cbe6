package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A frame that its reader cannot get rid of is parked: put aside in a file of its
// own, so that what follows it is not held up.
const (
	parkedFolder = "parked"
	parkedSuffix = ".frame"
)

// Parked is a frame that was put aside.
type Parked struct {
	Frame
	Since time.Time
	path  string
}

// Park puts a frame aside, for good when it returns. Of its payload it keeps what
// the reader wants to be kept: all of it, or less.
func (s *Spool) Park(f Frame, payload []byte) error {
	dir := filepath.Join(s.opt.Dir, parkedFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("spool: park: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%016x-%016x%s", f.at.Segment, f.at.Offset, parkedSuffix))
	out, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("spool: park: %w", err)
	}
	_, err = out.Write(appendFrame(nil, Entry{Kind: f.kind, Payload: payload}))
	if err == nil {
		err = datasync(out)
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return classify(fmt.Errorf("spool: park: %w", err))
	}
	return syncDir(dir)
}

// Parked lists what was put aside. A file that is no whole frame is named and
// left alone.
func (s *Spool) Parked() ([]Parked, error) {
	paths, err := filepath.Glob(filepath.Join(s.opt.Dir, parkedFolder, "*"+parkedSuffix))
	if err != nil {
		return nil, fmt.Errorf("spool: list parked frames: %w", err)
	}
	var all []Parked
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("spool: read a parked frame: %w", err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("spool: read a parked frame: %w", err)
		}
		kind, payload, n, ok := parseFrame(b)
		if !ok || n != len(b) {
			s.opt.Logger.Error("spool: a damaged file among the parked frames is left alone", "file", path)
			continue
		}
		all = append(all, Parked{Frame: Frame{kind: kind, payload: payload}, Since: info.ModTime(), path: path})
	}
	return all, nil
}

// Unpark appends a parked frame again, and deletes the file once that is on disk. A
// process that ends in between leaves it parked and appended: its reader must be
// able to tell a repeat.
func (s *Spool) Unpark(ctx context.Context, p Parked) error {
	if err := s.append(ctx, true, []Entry{{Kind: p.kind, Payload: p.payload}}); err != nil {
		return err
	}
	return s.Forget(p)
}

// Forget deletes a parked frame.
func (s *Spool) Forget(p Parked) error {
	if err := os.Remove(p.path); err != nil {
		return fmt.Errorf("spool: delete a parked frame: %w", err)
	}
	return nil
}
