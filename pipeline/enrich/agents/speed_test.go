package agents

import (
	"fmt"
	"testing"

	"github.com/mssola/useragent"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
)

var usual = enrich.Headers{
	UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	Brands:    `"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`, Mobile: "?0", Platform: `"Windows"`,
}

func BenchmarkRecogniseWarm(b *testing.B) {
	r := newRecogniser(b)
	b.ReportAllocs()
	for b.Loop() {
		if r.Recognise(usual).Bot != outcome.None {
			b.Fatal("a browser is a crawler")
		}
	}
}

func BenchmarkRecogniseCold(b *testing.B) {
	r := newRecogniser(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h := usual
		h.UserAgent = fmt.Sprintf("%s x%d", usual.UserAgent, i)
		r.Recognise(h)
	}
}

// BenchmarkBaseline is the bare library, without crawlers, hints and cache.
func BenchmarkBaseline(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ua := useragent.New(usual.UserAgent)
		if name, _ := ua.Browser(); name == "" || ua.Bot() {
			b.Fatal("a browser is none")
		}
	}
}

// TestAllocsWarm: what is known costs nothing but the look.
func TestAllocsWarm(t *testing.T) {
	r := newRecogniser(t)
	if n := testing.AllocsPerRun(100, func() { r.Recognise(usual) }); n > 0 {
		t.Errorf("%.0f allocations for headers that are known", n)
	}
}
