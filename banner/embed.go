package banner

import (
	"embed"
	"io/fs"
)

//go:embed assets
var built embed.FS

// Built is the built browser files: the loader (k.js, asking.js, pinned.js) and what it loads.
func Built() fs.FS {
	sub, err := fs.Sub(built, "assets")
	if err != nil {
		return built // a constant path is always valid
	}
	return sub
}
