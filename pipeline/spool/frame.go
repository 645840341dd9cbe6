package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A segment is a header and frames. Header: "KSPOOL", version, 0. Frame: length
// of the payload (4 bytes, little endian), kind (1), CRC-32C over length, kind
// and payload (4), payload.
const (
	headerBytes = 8
	frameBytes  = 9
	maxPayload  = 8 << 20
)

var header = [headerBytes]byte{'K', 'S', 'P', 'O', 'O', 'L', 1, 0}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(b []byte, e Entry) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Payload)))
	b = append(b, byte(e.Kind))
	sum := crc32.Update(crc32.Checksum(b[start:], castagnoli), castagnoli, e.Payload)
	b = binary.LittleEndian.AppendUint32(b, sum)
	return append(b, e.Payload...)
}

// parseFrame reads the frame at the head of b; n is its whole length. ok is
// false when the bytes are not a whole, intact frame.
func parseFrame(b []byte) (kind Kind, payload []byte, n int, ok bool) {
	if len(b) < frameBytes {
		return 0, nil, 0, false
	}
	size := binary.LittleEndian.Uint32(b)
	if size > maxPayload || len(b) < frameBytes+int(size) {
		return 0, nil, 0, false
	}
	payload = b[frameBytes : frameBytes+int(size)]
	sum := crc32.Update(crc32.Checksum(b[:5], castagnoli), castagnoli, payload)
	if sum != binary.LittleEndian.Uint32(b[5:]) {
		return 0, nil, 0, false
	}
	return Kind(b[4]), payload, frameBytes + int(size), true
}

func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return fmt.Errorf("spool: open folder: %w", err)
	}
	if err := d.Sync(); err != nil {
		return errors.Join(fmt.Errorf("spool: sync folder: %w", err), d.Close())
	}
	return d.Close()
}

// classify turns "no space" into ErrFull, so that the edge can answer 503.
func classify(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
