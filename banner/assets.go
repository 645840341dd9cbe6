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
	"path"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
)

// Asset is one browser file as it is served. Its slices are shared: they are
// not to be written to.
type Asset struct {
	Name        string // with the content hash: banner.1f0c….js
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
	loader []byte
	byName map[string]Asset
	names  map[string]string // kind of file -> address relative to the collector
}

// hashDigits is how much of a content hash stands in a name.
const hashDigits = 16

// NewAssets reads the built files of a folder; see Built.
func NewAssets(files fs.FS) (*Assets, error) {
	a := &Assets{byName: map[string]Asset{}, names: map[string]string{}}
	var err error
	if a.loader, err = fs.ReadFile(files, "k.js"); err != nil {
		return nil, fmt.Errorf("banner: read assets: %w", err)
	}
	for kind, name := range map[string]string{"banner": "banner.js", "style": "banner.css", "telemetry": "telemetry.js", "vitals": "vitals.js"} {
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("banner: read assets: %w", err)
		}
		asset, err := newAsset(name, body)
		if err != nil {
			return nil, err
		}
		a.byName[asset.Name] = asset
		a.names[kind] = "a/" + asset.Name
	}
	return a, nil
}

// File finds a file by its hashed name, as banner.1f0c….js.
func (a *Assets) File(name string) (Asset, bool) {
	asset, ok := a.byName[name]
	return asset, ok
}

// Files is the address of each file the loader loads, relative to the
// collector: banner, style, telemetry, vitals.
func (a *Assets) Files() map[string]string {
	out := map[string]string{}
	for kind, name := range a.names {
		out[kind] = name
	}
	return out
}

// Integrity is the integrity value of each hashed file, by name.
func (a *Assets) Integrity() map[string]string {
	out := map[string]string{}
	for name, asset := range a.byName {
		out[name] = asset.Integrity
	}
	return out
}

// Loader is k.js as it is served: for each site the current edition and those
// that still hold, the addresses of the other files, and the built loader.
// editions is policy.Catalogue.Keys.
func (a *Assets) Loader(editions map[string][]string) []byte {
	if editions == nil {
		editions = map[string][]string{}
	}
	var b bytes.Buffer
	b.WriteString("self.kelisimBoot={e:")
	b.Write(object(editions))
	b.WriteString(`,f:{banner:`)
	b.Write(object(a.names["banner"]))
	b.WriteString(`,style:`)
	b.Write(object(a.names["style"]))
	b.WriteString(`,telemetry:`)
	b.Write(object(a.names["telemetry"]))
	b.WriteString(`,vitals:`)
	b.Write(object(a.names["vitals"]))
	b.WriteString("}};\n")
	b.Write(a.loader)
	return b.Bytes()
}

// object writes names and lists of names as a script may hold them.
func object(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("{}") // maps and strings always encode
	}
	return b
}

// LoaderAsset is the loader with its compressed forms, under the name that pins
// it: k.<hash>.js. Another set of editions is another file.
func (a *Assets) LoaderAsset(editions map[string][]string) (Asset, error) {
	return newAsset("k.js", a.Loader(editions))
}

func newAsset(name string, body []byte) (Asset, error) {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])[:hashDigits]
	ext := path.Ext(name)
	digest := sha512.Sum384(body)
	a := Asset{
		Name:        strings.TrimSuffix(name, ext) + "." + hash + ext,
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
