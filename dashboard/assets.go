package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
)

//go:embed static/*
var staticFiles embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

// assets are the static files. Each is served under a name that holds the hash
// of its content, so that it may be cached for good.
type assets struct {
	byURL  map[string]asset  // by served file name
	byName map[string]string // address by original name
}

type asset struct {
	body        []byte
	contentType string
}

func loadAssets() (assets, error) {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return assets{}, fmt.Errorf("dashboard: assets: %w", err)
	}
	all := assets{byURL: map[string]asset{}, byName: map[string]string{}}
	for _, e := range entries {
		body, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			return assets{}, fmt.Errorf("dashboard: assets: %w", err)
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(e.Name())
		served := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		kind := "text/css; charset=utf-8"
		if ext == ".svg" {
			kind = "image/svg+xml"
		}
		all.byURL[served] = asset{body: body, contentType: kind}
		all.byName[e.Name()] = "/dashboard/" + served
	}
	return all, nil
}

func (d *Dashboard) serveAsset(c *fiber.Ctx) error {
	one, ok := d.assets.byURL[c.Params("file")]
	if !ok {
		return c.SendStatus(fiber.StatusNotFound)
	}
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	c.Set(fiber.HeaderContentType, one.contentType)
	return c.Send(one.body)
}
