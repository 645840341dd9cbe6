package banner

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"kelisim/consent/policy"
)

// Asset is one browser file as it is served. Its slices are shared: they are
// not to be written to.
type Asset struct {
	Name        string // banner.js; of a pinned loader with its hash, k.1f0c….js
	ContentType string
	ETag        string // quoted, for the header
	Integrity   string // for the integrity attribute: sha384-…
	Body        []byte
	Gzip        []byte
	Brotli      []byte
}

// Assets holds the built browser files, compressed once. It is immutable and
// safe for concurrent use.
type Assets struct {
	loader, pinned []byte
	asking         []byte
	folder         string
	byName, own    map[string]Asset // own: instead of those by name, in mode cross-origin
	adapters       map[string]Asset
}

// What of a content hash stands in a name, hexadecimal digits: of a file, and of
// the folder of all files, which the loader carries to every page.
const (
	hashDigits   = 16
	folderDigits = 8
)

// filesOfLoader are the built files that the loader loads.
func filesOfLoader() []string {
	return []string{"back.js", "banner.css", "banner.js", "release.js", "settings.css", "settings.js", "telemetry.js", "vitals.js"}
}

// filesOfAdapters are the built files that a page may load itself: each tells a
// third party what the visitor permits.
func filesOfAdapters() []string {
	return []string{"google.js", "meta.js", "microsoft.js", "yandex.js"}
}

// NewAssets reads the built files of a folder; see Built.
func NewAssets(files fs.FS) (*Assets, error) {
	a := &Assets{byName: map[string]Asset{}, own: map[string]Asset{}, adapters: map[string]Asset{}}
	for name, to := range map[string]*[]byte{"k.js": &a.loader, "pinned.js": &a.pinned, "asking.js": &a.asking} {
		var err error
		if *to, err = fs.ReadFile(files, name); err != nil {
			return nil, fmt.Errorf("banner: read assets: %w", err)
		}
	}
	all := sha256.New()
	for _, name := range filesOfLoader() {
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("banner: read assets: %w", err)
		}
		if a.byName[name], err = newAsset(name, body); err != nil {
			return nil, err
		}
		fmt.Fprintf(all, "%s %d\n%s", name, len(body), body)
	}
	for _, name := range filesOfOwn() {
		body, err := fs.ReadFile(files, "own-"+name)
		if err != nil {
			return nil, fmt.Errorf("banner: read assets: %w", err)
		}
		if a.own[name], err = newAsset(name, body); err != nil {
			return nil, err
		}
		fmt.Fprintf(all, "own %s %d\n%s", name, len(body), body)
	}
	for _, name := range filesOfAdapters() {
		body, err := fs.ReadFile(files, "adapters/"+name)
		if err != nil {
			return nil, fmt.Errorf("banner: read assets: %w", err)
		}
		if a.adapters[name], err = newAsset(name, body); err != nil {
			return nil, err
		}
	}
	a.folder = hex.EncodeToString(all.Sum(nil))[:folderDigits]
	return a, nil
}

// Folder is where the files are: a hash of them all, so that each version of
// them has addresses of its own, a/<folder>/<name>.
func (a *Assets) Folder() string { return a.folder }

// File finds a file by its folder and name.
func (a *Assets) File(folder, name string) (Asset, bool) {
	if asset, ok := a.own[name]; ok && folder == a.ownFolder() {
		return asset, true
	}
	asset, ok := a.byName[name]
	return asset, ok && (folder == a.folder || folder == a.ownFolder())
}

// Adapter finds the file of an adapter by its name.
func (a *Assets) Adapter(name string) (Asset, bool) {
	asset, ok := a.adapters[name]
	return asset, ok
}

// Adapters are the files of all adapters, by name.
func (a *Assets) Adapters() map[string]Asset { return maps.Clone(a.adapters) }

// Files are the files that the loader loads, by name.
func (a *Assets) Files() map[string]Asset { return maps.Clone(a.byName) }

// Loader is k.js as it is served: for each site the current edition and those
// that still hold, the folder of the other files, and the built loader. editions
// is policy.Catalogue.Keys; a site without a mode is in mode path.
func (a *Assets) Loader(editions map[string][]string, modes map[string]policy.Mode) (Asset, error) {
	return newAsset("k.js", once("e:%s,h:%q", a.loader, a.sites(editions, modes, false), a.folder))
}

// Asking is k.js for a visitor of a site who has not decided: it brings the first
// layer along, and what it says in one language.
func (a *Assets) Asking(editions map[string][]string, modes map[string]policy.Mode, site string, doc FirstLayer) (Asset, error) {
	asked, err := json.Marshal(map[string]FirstLayer{site: doc})
	if err != nil {
		return Asset{}, fmt.Errorf("banner: encode what is asked: %w", err)
	}
	return newAsset("k.js", once("e:%s,h:%q,d:%s", a.asking, a.sites(editions, modes, false), a.folder, asked))
}

// Pinned is the loader for sites that pin it with SRI: it knows what every other
// file must be, and its name holds its hash. Another set of editions is another
// file.
func (a *Assets) Pinned(editions map[string][]string, modes map[string]policy.Mode) (Asset, error) {
	k, err := newAsset("k.js", once("e:%s,h:%q,i:%s", a.pinned, a.sites(editions, modes, true), a.folder, object(integrityOf(a.byName))))
	k.Name = "k." + strings.Trim(k.ETag, `"`) + ".js"
	return k, err
}

// once is a loader behind what it needs to know, as a script that does nothing where
// a page has it already: a template and a tag manager may both bring it.
func once(known string, loader []byte, args ...any) []byte {
	b := fmt.Appendf([]byte("self.kelisimBoot||(kelisimBoot={"), known, args...)
	return append(append(append(b, "},"...), bytes.TrimRight(loader, ";\n")...), ")\n"...)
}

// object writes texts by name as a script may hold them.
func object(v map[string]string) []byte {
	b, err := json.Marshal(v)
	if err != nil || v == nil {
		return []byte("{}") // maps of strings always encode
	}
	return b
}

func newAsset(name string, body []byte) (Asset, error) {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])[:hashDigits]
	ext := path.Ext(name)
	digest := sha512.Sum384(body)
	a := Asset{
		Name:        name,
		ContentType: map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}[ext],
		ETag:        `"` + hash + `"`,
		Integrity:   "sha384-" + base64.StdEncoding.EncodeToString(digest[:]),
		Body:        body,
	}
	var zipped, packed bytes.Buffer
	gz, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return Asset{}, fmt.Errorf("banner: compress %s: %w", name, err)
	}
	br := brotli.NewWriterLevel(&packed, brotli.BestCompression)
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{gz, br} {
		if _, err := w.Write(body); err != nil {
			return Asset{}, fmt.Errorf("banner: compress %s: %w", name, err)
		}
		if err := w.Close(); err != nil {
			return Asset{}, fmt.Errorf("banner: compress %s: %w", name, err)
		}
	}
	a.Gzip, a.Brotli = zipped.Bytes(), packed.Bytes()
	return a, nil
}
