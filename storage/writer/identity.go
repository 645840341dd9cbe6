package writer

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/google/uuid"

	"kelisim/pipeline/minimise"
	"kelisim/pipeline/validate"
)

// identity tells an event from every other one in the database. A row without a
// session is told by the moment it happened.
type identity struct {
	consent uuid.UUID
	session uuid.UUID
	seq     uint32
	name    string
	extra   int64 // engaged milliseconds, or the time of a row without a session
}

func identify(v *minimise.Values) identity {
	id := identity{consent: uuid.UUID(v.ConsentID), session: uuid.UUID(v.Session), seq: v.Seq, name: v.Name}
	switch {
	case v.Name == validate.Engagement:
		id.extra = v.Engaged.Milliseconds()
	case v.Session == [16]byte{}:
		id.extra = v.Time.UnixMilli()
	}
	return id
}

// digest stands for an identity within one process: 128 bits under a random key,
// so that no two identities ever share one.
type digest [2]uint64

// digester makes digests.
type digester struct{ a, b maphash.Seed }

func newDigester() digester { return digester{a: maphash.MakeSeed(), b: maphash.MakeSeed()} }

func (d digester) of(id identity) digest {
	var buf [16 + 16 + 4 + 8 + 64]byte
	copy(buf[:], id.consent[:])
	copy(buf[16:], id.session[:])
	binary.LittleEndian.PutUint32(buf[32:], id.seq)
	binary.LittleEndian.PutUint64(buf[36:], uint64(id.extra))
	n := 44 + copy(buf[44:], id.name)
	sum := digest{maphash.Bytes(d.a, buf[:n]), maphash.Bytes(d.b, buf[:n])}
	if len(id.name) > len(buf)-44 {
		sum[0] ^= maphash.String(d.a, id.name)
		sum[1] ^= maphash.String(d.b, id.name)
	}
	return sum
}

// seen is a set of digests that is used again for every run.
type seen struct {
	slots []digest
	held  int
}

// seenLeast is the least room of a set.
const seenLeast = 1 << 10

// reset empties the set.
func (s *seen) reset() {
	if s.held = 0; s.slots == nil {
		s.slots = make([]digest, seenLeast)
		return
	}
	clear(s.slots)
}

// add reports whether a digest is new.
func (s *seen) add(d digest) bool {
	if 2*s.held >= len(s.slots) {
		all := s.slots
		s.slots, s.held = make([]digest, 2*len(all)), 0
		for _, d := range all {
			if d != (digest{}) {
				s.add(d)
			}
		}
	}
	mask := uint64(len(s.slots) - 1)
	for i := d[0] & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case digest{}:
			s.slots[i] = d
			s.held++
			return true
		case d:
			return false
		}
	}
}
