package banner

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"io"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"kelisim/consent/policy"
)

func TestAssets(t *testing.T) {
	a, err := NewAssets(Built())
	if err != nil {
		t.Fatal(err)
	}
	files := a.Files()
	if len(files) != 8 {
		t.Fatalf("there are %d files", len(files))
	}
	for name := range files {
		asset, ok := a.File(a.Folder(), name)
		if !ok {
			t.Fatalf("no file %s", name)
		}
		same(t, asset)
		if want := map[string]string{".css": "text/css", ".js": "text/javascript"}[path.Ext(name)]; !strings.HasPrefix(asset.ContentType, want) {
			t.Errorf("%s is %s", name, asset.ContentType)
		}
		if _, ok := a.File("0123456789", name); ok {
			t.Errorf("%s is in another folder as well", name)
		}
		t.Logf("%s: %d bytes, gzip %d, brotli %d", asset.Name, len(asset.Body), len(asset.Gzip), len(asset.Brotli))
	}
	for name, asset := range a.Adapters() {
		if found, ok := a.Adapter(name); !ok || found.ETag != asset.ETag {
			t.Errorf("no adapter %s", name)
		}
		same(t, asset)
	}
	if _, ok := a.Adapter("../k.js"); ok || len(a.Adapters()) != 4 {
		t.Errorf("there are %d adapters", len(a.Adapters()))
	}
	for _, name := range []string{"", "k.js", "pinned.js", "../assets.go"} {
		if _, ok := a.File(a.Folder(), name); ok {
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
	files := fstest.MapFS{"k.js": {Data: []byte(loader)}, "pinned.js": {Data: []byte("pinned " + loader)}, "asking.js": {Data: []byte("asking " + loader)}}
	for _, name := range filesOfLoader() {
		files[name] = &fstest.MapFile{Data: []byte("of " + name)}
	}
	for _, name := range filesOfOwn() {
		files["own-"+name] = &fstest.MapFile{Data: []byte("own " + name)}
	}
	for _, name := range filesOfAdapters() {
		files["adapters/"+name] = &fstest.MapFile{Data: []byte("adapter " + name)}
	}
	return files
}

func TestLoader(t *testing.T) {
	a, err := NewAssets(fake("go();"))
	if err != nil {
		t.Fatal(err)
	}
	editions := map[string][]string{"shop": {"0123456789abcdef", "fedcba9876543210"}, "blog": {"00"}}
	for name, test := range map[string]struct {
		make  func(map[string][]string, map[string]policy.Mode) (Asset, error)
		begin string
		end   string
		name  string
	}{
		"loader": {a.Loader, `self.kelisimBoot||(kelisimBoot={e:{"blog":["00"],"shop":["0123456789abcdef","fedcba9876543210"]},h:"` + a.Folder() + `"},`, "},go())\n", `^k\.js$`},
		"pinned": {a.Pinned, `self.kelisimBoot||(kelisimBoot={e:{"blog":["00"],"shop":["0123456789abcdef","fedcba9876543210"]},h:"` + a.Folder() + `",i:{"back":"sha384-`,
			"},pinned go())\n", `^k\.[0-9a-f]{16}\.js$`},
	} {
		t.Run(name, func(t *testing.T) {
			one, err := test.make(editions, nil)
			if err != nil {
				t.Fatal(err)
			}
			same(t, one)
			if got := string(one.Body); !strings.HasPrefix(got, test.begin) || !strings.HasSuffix(got, test.end) {
				t.Errorf("it is %s", got)
			}
			if !regexp.MustCompile(test.name).MatchString(one.Name) {
				t.Errorf("it is called %s", one.Name)
			}
			none, err := test.make(nil, nil)
			if err != nil || !strings.HasPrefix(string(none.Body), "self.kelisimBoot||(kelisimBoot={e:{},") || none.ETag == one.ETag {
				t.Errorf("without sites it is %s, %v", none.Body, err)
			}
		})
	}
	pinned, err := a.Pinned(editions, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, asset := range a.Files() {
		if want := `"` + strings.TrimSuffix(name, ".js") + `":"` + asset.Integrity + `"`; !strings.Contains(string(pinned.Body), want) {
			t.Errorf("the pinned loader does not know %s", name)
		}
	}
}

// TestFolder: a byte of any file makes another folder.
func TestFolder(t *testing.T) {
	folders := map[string]bool{}
	for _, changed := range append(filesOfLoader(), "k.js", "own-banner.js", "own-telemetry.js") {
		files := fake("")
		files[changed].Data = append(files[changed].Data, ' ')
		a, err := NewAssets(files)
		if err != nil {
			t.Fatal(err)
		}
		folders[a.Folder()] = true
	}
	if want := len(filesOfLoader()) + 3; len(folders) != want {
		t.Errorf("%d folders, want %d", len(folders), want)
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

// TestLoaderIsSmall: on most page views the loader is all that is loaded. The hashes in
// it compress one better and one worse.
func TestLoaderIsSmall(t *testing.T) {
	a, err := NewAssets(Built())
	if err != nil {
		t.Fatal(err)
	}
	p := shipped(t, "example.yaml")
	folder, most := a.folder, 0
	for i := range 32 {
		other := sha512.Sum384([]byte{byte(i)})
		edition := hex.EncodeToString(other[:8])
		a.folder = hex.EncodeToString(other[8:12])
		if i == 0 {
			edition, a.folder = p.Key().String(), folder
		}
		k, err := a.Loader(map[string][]string{p.Site: {edition}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			t.Logf("%d bytes", len(k.Brotli))
		}
		most = max(most, len(k.Brotli))
	}
	t.Logf("%d bytes at most", most)
	if most > 1024 {
		t.Errorf("the loader has %d bytes, want 1024 at most", most)
	}
}
