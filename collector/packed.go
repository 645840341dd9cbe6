package collector

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"
)

// packed keeps the compressed form of answers that many visitors get: what is
// asked, the same for all who were not asked yet, for a day and a language. It
// is safe for concurrent use.
type packed struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte][]byte
}

// Levels of compression: of what is kept, and of what is for one visitor.
const (
	keptLevel  = brotli.BestCompression
	freshLevel = 5
	mostPacked = 256 // answers that are kept; then all are made anew
)

// of is the compressed form of an answer.
func (p *packed) of(body []byte) ([]byte, error) {
	key := sha256.Sum256(body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if b, ok := p.all[key]; ok {
		return b, nil
	}
	b, err := pack(body, keptLevel)
	if err != nil {
		return nil, err
	}
	if p.all == nil || len(p.all) >= mostPacked {
		p.all = make(map[[sha256.Size]byte][]byte)
	}
	p.all[key] = b
	return b, nil
}

func pack(body []byte, level int) ([]byte, error) {
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, level)
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("collector: compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("collector: compress: %w", err)
	}
	return b.Bytes(), nil
}

// sendDocument sends what is asked, compressed where the browser takes it. many
// says that other visitors get the same.
func (s *Server) sendDocument(c *fiber.Ctx, doc any, many bool) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("collector: encode a banner: %w", err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAcceptEncoding)
	if !strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "br") {
		return c.Send(body)
	}
	var small []byte
	if many {
		small, err = s.packed.of(body)
	} else {
		small, err = pack(body, freshLevel)
	}
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentEncoding, "br")
	return c.Send(small)
}
