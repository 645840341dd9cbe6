package batch

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/consent"
	"kelisim/pipeline/minimise"
)

var equal = cmp.Options{
	cmp.AllowUnexported(Batch{}, Row{}),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func values(r *rand.Rand) minimise.Values {
	text := func() string {
		b := make([]byte, r.IntN(30))
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	v := minimise.Values{
		Site: text(), Time: time.UnixMilli(r.Int64N(1 << 42)).UTC(), Name: text(), Number: r.Uint32(), Seq: r.Uint32(),
		Visitor: r.IntN(2) == 0, Path: text(), Referrer: text(), UTMSource: text(), Country: text(), Browser: text(),
		BrowserVersion: text(), OS: text(), Device: text(), Engaged: time.Duration(r.Uint32()) * time.Millisecond,
		Expires: time.UnixMilli(1 + r.Int64N(1<<42)).UTC(),
	}
	v.ConsentID = consent.ID{byte(1 + r.IntN(255)), byte(r.IntN(256))}
	if r.IntN(2) == 0 {
		v.Session[3] = 9
		v.Network = minimise.Network(netip.AddrFrom4([4]byte{byte(r.IntN(256)), 2, 3, 4}))
		v.NetworkExpires = time.UnixMilli(1 + r.Int64N(1<<42)).UTC()
		v.Props = map[string]string{"plan": text(), "b": ""}
	}
	return v
}

func TestCodecReadsBackWhatItWrote(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b Batch
		for range r.IntN(5) {
			b.rows = append(b.rows, Row{v: values(r)})
		}
		b.verify = r.IntN(2) == 0
		got, err := decode(b.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, got, equal); d != "" {
			t.Fatal(d)
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	f.Add(Batch{rows: []Row{{v: values(r)}, {v: values(r)}}}.Encode())
	f.Add([]byte{1, 0, 1})
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decode(b, nil)
		if err != nil && got.Len() > 0 {
			t.Fatal("a refused batch has rows")
		}
		for _, row := range got.Rows() {
			if row.IsZero() {
				t.Fatal("a row that was never made came from bytes")
			}
		}
	})
}

func TestRecentTellsRepeats(t *testing.T) {
	m := NewRecent(10)
	session := [16]byte{1}
	row := func(seq uint32, name string, engaged time.Duration) Row {
		return Row{v: minimise.Values{ConsentID: consent.ID{1}, Seq: seq, Name: name, Engaged: engaged}}
	}
	take := func(r Row) bool {
		_, ok := m.Take(r, session)
		return ok
	}
	first := row(1, "pageview", 0)
	id, ok := m.Take(first, session)
	if !ok || take(first) {
		t.Error("a repeat is not told from the first")
	}
	if _, ok := m.Take(first, [16]byte{2}); !ok {
		t.Error("another session was taken for a repeat")
	}
	if !take(row(1, "engagement", time.Second)) || !take(row(1, "engagement", 2*time.Second)) || take(row(1, "engagement", time.Second)) {
		t.Error("engaged time: each value counts once")
	}
	m.Release([]Identity{id})
	if !take(first) {
		t.Error("what was released is still taken for a repeat")
	}
	for i := range uint32(1000) {
		take(row(100+i, "pageview", 0))
	}
	if n := len(m.now) + len(m.old); n > 2*16 {
		t.Errorf("room for %d identities, 32 is the bound", n)
	}
	if take(row(1099, "pageview", 0)) {
		t.Error("the newest identity was forgotten")
	}
}

// TestRecentIsASet plays taking and releasing against a map.
func TestRecentIsASet(t *testing.T) {
	m, want := NewRecent(700), map[uint32]Identity{}
	r := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		seq := r.Uint32N(600)
		if id, there := want[seq]; there && r.IntN(2) == 0 {
			m.Release([]Identity{id})
			delete(want, seq)
			continue
		}
		id, ok := m.Take(Row{v: minimise.Values{ConsentID: consent.ID{1}, Seq: seq, Name: "pageview"}}, [16]byte{1})
		if _, there := want[seq]; ok == there {
			t.Fatalf("taken %v, there before %v", ok, there)
		}
		want[seq] = id
	}
}
