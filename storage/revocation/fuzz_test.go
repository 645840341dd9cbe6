package revocation

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/consent"
)

// FuzzLocal: no bytes panic, and none are believed but with the right checksum,
// as they are or with one that is made to fit.
func FuzzLocal(f *testing.F) {
	set := consent.NewRevocations()
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range byte(10) {
		set.Add(consent.Revocation{ID: consent.ID{i, 1}, Lowest: consent.NothingValid, Expires: end})
		set.Add(consent.Revocation{ID: consent.ID{i, 2}, Lowest: 3, Spares: i%2 == 0, Expires: end})
	}
	var b bytes.Buffer
	if err := write(&b, set, Cursor{Table: uuid.UUID{7}, Since: end, Whole: end}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-1])
	f.Add(b.Bytes()[:headerSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, _, err := read(bytes.NewReader(file), int64(len(file))); err == nil {
			body := len(file) - sha256.Size
			if sum := sha256.Sum256(file[:body]); !bytes.Equal(sum[:], file[body:]) {
				t.Fatal("a wrong checksum was believed")
			}
		}
		sum := sha256.Sum256(file)
		set, _, err := read(bytes.NewReader(append(bytes.Clone(file), sum[:]...)), int64(len(file)+sha256.Size))
		if (err == nil) != (set != nil) {
			t.Fatalf("a set %v with error %v", set, err)
		}
	})
}
