package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Read returns the frames from a position on, until max bytes are reached or
// what is on disk ends, and the position to go on from. It waits for the first
// frame until ctx ends; with a context that has ended it only looks.
func (s *Spool) Read(ctx context.Context, from Position, max int) (frames []Frame, next Position, err error) {
	for {
		s.mu.Lock()
		durable, more := s.durable, s.notify
		s.mu.Unlock()
		frames, next, err = s.read(from, durable, max)
		if err != nil || len(frames) > 0 {
			return frames, next, err
		}
		from = next
		select {
		case <-more:
		case <-s.done:
			return nil, next, ErrClosed
		case <-ctx.Done():
			return nil, next, nil
		}
	}
}

func (s *Spool) read(from, durable Position, max int) (frames []Frame, next Position, err error) {
	for size := 0; from.Before(durable) && size < max; {
		end, exists := s.end(from.Segment, durable)
		if !exists || from.Offset >= end {
			if from.Segment >= durable.Segment {
				return frames, from, nil
			}
			from = Position{Segment: s.following(from.Segment, durable), Offset: headerBytes}
			continue
		}
		got, to, err := s.readSegment(from, end, max-size)
		if err != nil {
			return frames, from, err
		}
		for _, f := range got {
			size += len(f.payload)
		}
		frames, from = append(frames, got...), to
	}
	return frames, from, nil
}

// end is where the durable frames of a segment end.
func (s *Spool) end(segment uint64, durable Position) (int64, bool) {
	if segment == durable.Segment {
		return durable.Offset, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	size, ok := s.sealed[segment]
	return size, ok
}

// following is the next segment that exists.
func (s *Spool) following(segment uint64, durable Position) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := durable.Segment
	for seg := range s.sealed {
		if seg > segment && seg < next {
			next = seg
		}
	}
	return next
}

func (s *Spool) readSegment(from Position, end int64, max int) ([]Frame, Position, error) {
	f, err := os.Open(s.path(from.Segment))
	if err != nil {
		return nil, from, fmt.Errorf("spool: open segment: %w", err)
	}
	defer f.Close()
	size := min(end-from.Offset, int64(max)+maxPayload+frameBytes)
	buf := make([]byte, size)
	if _, err := f.ReadAt(buf, from.Offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, from, fmt.Errorf("spool: read segment: %w", err)
	}
	var frames []Frame
	for taken := 0; len(buf) > 0 && taken < max; {
		kind, payload, n, ok := parseFrame(buf)
		if !ok {
			skip := resync(buf)
			s.opt.Logger.Error("spool: a damaged piece is skipped", "segment", s.path(from.Segment), "offset", from.Offset, "bytes", skip)
			buf, from.Offset = buf[skip:], from.Offset+int64(skip)
			continue
		}
		frames = append(frames, Frame{kind: kind, payload: bytes.Clone(payload), at: from})
		buf, from.Offset = buf[n:], from.Offset+int64(n)
		taken += n
	}
	return frames, from, nil
}

// resync finds how many bytes to skip until the next whole frame, or to the end.
func resync(b []byte) int {
	for i := 1; i+frameBytes <= len(b); i++ {
		if k := Kind(b[i+4]); k < Events || k > Erasure {
			continue
		}
		if _, _, _, ok := parseFrame(b[i:]); ok {
			return i
		}
	}
	return len(b)
}

// Checkpoint is where the reader goes on after a restart.
func (s *Spool) Checkpoint() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved
}

// Advance says that everything before a position stands in the database. When
// the reader has caught up, the active segment is closed and deleted too.
func (s *Spool) Advance(to Position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.saved.Before(to) {
		return nil
	}
	// A busy segment is closed now and then as well, so that what was flushed does
	// not lie in it until it is full.
	done := to == s.durable && to.Offset > headerBytes
	if s.active != nil && (done || s.opt.Now().Sub(s.begun) > s.opt.SealAfter) {
		s.seal()
	}
	// What was read goes first: on a full disk that makes room for the checkpoint,
	// and a checkpoint in a segment that is gone reads on in the next one.
	for seg, size := range s.sealed {
		if seg > to.Segment || seg == to.Segment && to.Offset < size {
			continue
		}
		if err := os.Remove(s.path(seg)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("spool: delete segment: %w", err)
		}
		delete(s.sealed, seg)
		s.size -= size
	}
	if err := s.save(to); err != nil {
		return err
	}
	s.saved = to
	return nil
}

const checkpointName = "checkpoint"

// save writes the checkpoint by rename, so that it is whole or the older one.
func (s *Spool) save(p Position) error {
	var b [20]byte
	binary.LittleEndian.PutUint64(b[:], p.Segment)
	binary.LittleEndian.PutUint64(b[8:], uint64(p.Offset))
	binary.LittleEndian.PutUint32(b[16:], crc32.Checksum(b[:16], castagnoli))
	path := filepath.Join(s.opt.Dir, checkpointName)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("spool: checkpoint: %w", err)
	}
	_, err = f.Write(b[:])
	if err == nil {
		err = datasync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("spool: checkpoint: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("spool: checkpoint: %w", err)
	}
	return syncDir(s.opt.Dir)
}

func (s *Spool) loadCheckpoint() Position {
	b, err := os.ReadFile(filepath.Join(s.opt.Dir, checkpointName))
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			s.opt.Logger.Warn("spool: the checkpoint cannot be read; everything is replayed", "error", err)
		}
		return Position{}
	}
	if len(b) != 20 || crc32.Checksum(b[:16], castagnoli) != binary.LittleEndian.Uint32(b[16:]) {
		s.opt.Logger.Warn("spool: the checkpoint is damaged; everything is replayed")
		return Position{}
	}
	return Position{Segment: binary.LittleEndian.Uint64(b[:]), Offset: int64(binary.LittleEndian.Uint64(b[8:]))}
}

// recover lists the segments, mends the tail of the last one and deletes what
// the checkpoint has passed. The next write begins a new segment.
func (s *Spool) recover() error {
	names, err := filepath.Glob(filepath.Join(s.opt.Dir, "*.seg"))
	if err != nil {
		return fmt.Errorf("spool: list segments: %w", err)
	}
	slices.Sort(names)
	s.saved = s.loadCheckpoint()
	s.durable = Position{Segment: s.saved.Segment, Offset: s.saved.Offset}
	for i, name := range names {
		seg, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), ".seg"), 16, 64)
		if err != nil {
			s.opt.Logger.Warn("spool: a foreign file is left alone", "file", name)
			continue
		}
		size, err := s.mend(name, i == len(names)-1)
		if err != nil {
			return err
		}
		if size == 0 {
			continue
		}
		if seg < s.saved.Segment || seg == s.saved.Segment && size <= s.saved.Offset {
			if err := os.Remove(name); err != nil {
				return fmt.Errorf("spool: delete segment: %w", err)
			}
		} else {
			s.sealed[seg], s.size = size, s.size+size
		}
		if seg >= s.durable.Segment {
			s.durable = Position{Segment: seg, Offset: size}
		}
	}
	return nil
}

// mend returns the length of a segment after cutting a torn tail off the last
// one; 0 means that the file is none of ours and is left alone.
func (s *Spool) mend(name string, last bool) (int64, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("spool: read segment: %w", err)
	}
	if len(b) < headerBytes || [headerBytes]byte(b[:headerBytes]) != header {
		if last && len(b) < headerBytes { // the process died while it began the segment
			return 0, os.Remove(name)
		}
		s.opt.Logger.Error("spool: a file with a foreign header is left alone", "file", name)
		return 0, nil
	}
	end := headerBytes
	for rest := b[headerBytes:]; len(rest) > 0; {
		_, _, n, ok := parseFrame(rest)
		if !ok {
			n = resync(rest)
			if n == len(rest) {
				break // nothing whole follows
			}
		}
		rest, end = rest[n:], end+n
	}
	if end == len(b) {
		return int64(end), nil
	}
	s.opt.Logger.Warn("spool: a torn tail was cut off; it was never acknowledged", "file", name, "bytes", len(b)-end)
	if err := os.Truncate(name, int64(end)); err != nil {
		return 0, fmt.Errorf("spool: cut torn tail: %w", err)
	}
	return int64(end), nil
}
