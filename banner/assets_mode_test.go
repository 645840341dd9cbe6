package banner

import (
	"strings"
	"testing"

	"kelisim/consent/policy"
)

// TestLoaderKnowsTheMode: a site in mode path costs no byte, and whoever pins the
// loader pins the files of the mode.
func TestLoaderKnowsTheMode(t *testing.T) {
	a, err := NewAssets(fake("go();"))
	if err != nil {
		t.Fatal(err)
	}
	editions := map[string][]string{"a": {"00"}, "b": {"01", "02"}, "c": {"03"}}
	modes := map[string]policy.Mode{"a": policy.ModePath, "b": policy.ModeSubdomain, "c": policy.ModeCrossOrigin}
	k, err := a.Loader(editions, modes)
	if err != nil {
		t.Fatal(err)
	}
	own := a.Folder() + "-own"
	want := `self.kelisimBoot||(kelisimBoot={e:{"a":["00"],"b":Object.assign(["01","02"],{m:"__Secure-"}),"c":Object.assign(["03"],{m:"__Host-own-",h:"` + own + `"})},h:"`
	if got := string(k.Body); !strings.HasPrefix(got, want) {
		t.Errorf("the loader is %s, want %s", got, want)
	}
	pinned, err := a.Pinned(editions, modes)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range filesOfOwn() {
		file, ok := a.File(own, name)
		plain, found := a.File(a.Folder(), name)
		if !ok || !found || file.Integrity == plain.Integrity {
			t.Errorf("%s is not another one for mode cross-origin", name)
		}
		for _, f := range []Asset{file, plain} {
			if n := strings.Count(string(pinned.Body), f.Integrity); n != 1 {
				t.Errorf("the pinned loader names %s %d times", name, n)
			}
		}
		same(t, file)
	}
	if _, ok := a.File(own, "settings.js"); !ok {
		t.Error("what does not differ is not in the folder of mode cross-origin")
	}
	if _, ok := a.File(own, "own-banner.js"); ok {
		t.Error("a file has two addresses")
	}
}

// TestIntegrityNamesAddresses: what integrity.json says is at these addresses.
func TestIntegrityNamesAddresses(t *testing.T) {
	a, err := NewAssets(Built())
	if err != nil {
		t.Fatal(err)
	}
	for address, sum := range a.Integrity() {
		at := strings.Split(address, "/")
		f, ok := Asset{}, false
		if at[0] == "adapters" {
			f, ok = a.Adapter(at[1])
		} else {
			f, ok = a.File(at[1], at[2])
		}
		if !ok || f.Integrity != sum {
			t.Errorf("%s: found %v, %s, want %s", address, ok, f.Integrity, sum)
		}
	}
}
