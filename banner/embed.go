package banner

import (
	"embed"
	"io/fs"
)

//go:embed assets
var built embed.FS

// Built is the built browser files: k.js, banner.js, banner.css, telemetry.js, vitals.js.
func Built() fs.FS {
	sub, err := fs.Sub(built, "assets")
	if err != nil {
		return built // a constant path is always valid
	}
	return sub
}
