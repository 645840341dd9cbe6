package audit

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kelisim/consent"
	"kelisim/pipeline/minimise"
	"kelisim/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }

// The list of columns is that of the schema, in its order and with its licences.
func TestColumnsAreTheSchemas(t *testing.T) {
	storagetest.DB(t)
	rows, err := storagetest.Admin(t).Query(t.Context(),
		"SELECT name, comment FROM system.columns WHERE database = currentDatabase() AND table = 'events' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	licence := regexp.MustCompile(`\[([a-z|]+)\]$`)
	want, got := map[string][]string{}, map[string][]string{}
	for rows.Next() {
		var name, comment string
		if err := rows.Scan(&name, &comment); err != nil {
			t.Fatal(err)
		}
		match := licence.FindStringSubmatch(comment)
		if match == nil {
			t.Fatalf("column %s has no licence in its comment", name)
		}
		want[name] = strings.Split(match[1], "|")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range eventColumns() {
		got[c.name] = c.licence
		if (c.holds == "") != (c.licence[0] == "consent" || c.name == "time" || c.name == "name") {
			t.Errorf("column %s: what it holds is %q", c.name, c.holds)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-schema +audit):\n%s", diff)
	}
}

// Each value alone, in each kind of event, needs the fields that license it: the
// database computes what a plain model does.
func TestNeeded(t *testing.T) {
	conn := storagetest.DB(t).Maintenance()
	empty := map[string]string{"props": "map()", "engaged_ms": "0", "visitor": "false", "session_id": noSession, "ip": "toIPv6('::')"}
	full := map[string]string{"props": "map('a', 'b')", "engaged_ms": "1", "visitor": "true", "session_id": "generateUUIDv4()", "ip": "toIPv6('::ffff:203.0.113.0')"}
	kinds := map[string]consent.Fields{
		"pageview":   consent.FieldsOf(consent.FieldPage),
		"engagement": consent.FieldsOf(consent.FieldPage, consent.FieldSession, consent.FieldEngagement),
		"vitals":     consent.FieldsOf(consent.FieldPage, consent.FieldVitals),
		"signup":     consent.FieldsOf(consent.FieldEvents),
	}
	for _, holding := range append(eventColumns(), column{}) {
		for kind, needs := range kinds {
			row := []string{"'" + kind + "' AS name"}
			for _, c := range eventColumns() {
				value := "''"
				switch with := full[c.name]; {
				case c.holds == "":
					continue
				case c.name == holding.name && with != "":
					value = with
				case c.name == holding.name:
					value = "'x'"
				case empty[c.name] != "":
					value = empty[c.name]
				}
				row = append(row, value+" AS "+c.name)
			}
			want := needs
			if holding.holds != "" && (holding.name != "props" || kind != "vitals") {
				switch holding.name {
				case "props":
					want = want.With(consent.FieldEvents)
				case "source", "channel":
					want |= derivedBit
				default:
					f, _ := consent.ParseField(holding.licence[0])
					want = want.With(f)
				}
			}
			var got uint32
			if err := conn.QueryRow(t.Context(), "SELECT "+needed()+" FROM (SELECT "+strings.Join(row, ", ")+")").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if consent.Fields(got) != want {
				t.Errorf("%s with %s: needs %s, want %s", kind, holding.name, consent.Fields(got), want)
			}
		}
	}
}

// The database finds an address short exactly where the minimiser would leave it
// as it is.
func TestShort(t *testing.T) {
	conn := storagetest.DB(t).Maintenance()
	random := rand.New(rand.NewPCG(1, 2))
	var all []netip.Addr
	for _, text := range []string{
		"::ffff:203.0.113.0", "::ffff:203.0.113.77", "2001:db8:1::", "2001:db8:1:2::", "2001:db8:1::1", "2002:cb00:7100::", "2002:cb00:714d::",
		"2001::", "2001:0:53aa::", "64:ff9b::", "64:ff9b::203.0.113.0", "::203.0.113.0", "::", "::1", "64:ff9b:1::", "64:ff9b:1:2::", "fe80::",
	} {
		all = append(all, netip.MustParseAddr(text))
	}
	for range 20_000 {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], random.Uint64())
		binary.BigEndian.PutUint64(b[8:], random.Uint64())
		copy(b[:], [][]byte{{}, {0x20, 0x02}, {0x20, 0x01, 0, 0}, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 12), append(make([]byte, 10), 255, 255)}[random.IntN(6)])
		clear(b[random.IntN(17):])
		all = append(all, netip.AddrFrom16(b))
	}
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = a.StringExpanded()
	}
	var short []uint8
	if err := conn.QueryRow(withQuery(t.Context()), "SELECT arrayMap(ip -> toUInt8("+shortSQL+"), arrayMap(s -> toIPv6(s), @all))", named("all", texts)).Scan(&short); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for i, a := range all {
		want := minimise.Network(a).Masked().Addr()
		if same := want.As16() == a.As16(); same != (short[i] == 1) {
			t.Errorf("%s: short is %d, the minimiser makes %s of it", a, short[i], want)
		} else if same {
			kept++
		}
	}
	if kept < 1000 || kept > len(all)-1000 {
		t.Errorf("%d of %d addresses are short: the test tells little", kept, len(all))
	}
}

func withQuery(ctx context.Context) context.Context { return (&run{}).context(ctx) }

// Ranges hold every id once, whatever its half is.
func TestSpans(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 7, 1000} {
		spans := span{low: first, high: last}.split(n)
		at := uint64(first)
		for _, s := range spans {
			if s.low != at || s.high <= s.low {
				t.Fatalf("%d ranges: one begins at %x after %x", n, s.low, at)
			}
			at = s.high
		}
		if at != last {
			t.Errorf("%d ranges end at %x", n, at)
		}
	}
}
