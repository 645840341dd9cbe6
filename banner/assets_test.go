package banner

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

func TestAssets(t *testing.T) {
	a, err := NewAssets(Built())
	if err != nil {
		t.Fatal(err)
	}
	files := a.Files()
	if len(files) != 4 {
		t.Fatalf("the files are %v", files)
	}
	for kind, address := range files {
		asset, ok := a.File(strings.TrimPrefix(address, "a/"))
		if !ok {
			t.Fatalf("%s: no file %s", kind, address)
		}
		same(t, asset)
		if want := map[bool]string{true: "text/css", false: "text/javascript"}[kind == "style"]; !strings.HasPrefix(asset.ContentType, want) {
			t.Errorf("%s is %s", kind, asset.ContentType)
		}
		if a.Integrity()[asset.Name] != asset.Integrity {
			t.Errorf("%s: integrity differs", kind)
		}
		t.Logf("%s: %d bytes, gzip %d, brotli %d", asset.Name, len(asset.Body), len(asset.Gzip), len(asset.Brotli))
	}
	for _, name := range []string{"", "banner.js", "k.js", "../assets.go"} {
		if _, ok := a.File(name); ok {
			t.Errorf("%q is a file", name)
		}
	}
}

// same checks that every form of an asset is the same bytes.
func same(t *testing.T, a Asset) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(a.Gzip))
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(brotli.NewReader(bytes.NewReader(a.Brotli)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(zipped, a.Body) || !bytes.Equal(packed, a.Body) {
		t.Errorf("%s: a compressed form holds other bytes", a.Name)
	}
	sum := sha512.Sum384(a.Body)
	if a.Integrity != "sha384-"+base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("%s: wrong integrity", a.Name)
	}
}

func fake(loader string) fstest.MapFS {
	return fstest.MapFS{
		"k.js":         {Data: []byte(loader)},
		"banner.js":    {Data: []byte("b")},
		"banner.css":   {Data: []byte("s")},
		"telemetry.js": {Data: []byte("t")},
		"vitals.js":    {Data: []byte("v")},
	}
}

func TestLoader(t *testing.T) {
	a, err := NewAssets(fake("go();"))
	if err != nil {
		t.Fatal(err)
	}
	f := a.Files()
	got := string(a.Loader(map[string][]string{"shop": {"0123456789abcdef", "fedcba9876543210"}, "blog": {"00"}}))
	want := `self.kelisimBoot={e:{"blog":["00"],"shop":["0123456789abcdef","fedcba9876543210"]},f:{banner:"` + f["banner"] +
		`",style:"` + f["style"] + `",telemetry:"` + f["telemetry"] + `",vitals:"` + f["vitals"] + "\"}};\ngo();"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := string(a.Loader(nil)); !strings.HasPrefix(got, "self.kelisimBoot={e:{},") {
		t.Error(got)
	}
	one, err := a.LoaderAsset(map[string][]string{"shop": {"00"}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := a.LoaderAsset(map[string][]string{"shop": {"01"}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, one)
	if one.Name == two.Name || !strings.HasPrefix(one.Name, "k.") || !strings.HasSuffix(one.Name, ".js") {
		t.Errorf("%s and %s", one.Name, two.Name)
	}
}

func TestAssetsNeedEveryFile(t *testing.T) {
	for name := range fake("") {
		files := fake("")
		delete(files, name)
		if _, err := NewAssets(files); err == nil {
			t.Errorf("nothing misses %s", name)
		}
	}
}
