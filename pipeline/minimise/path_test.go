package minimise

import (
	"net/url"
	"testing"
)

func TestPathHoldsNoQuery(t *testing.T) {
	for given, want := range map[string]string{
		"https://shop.example/a/b?c=d#e":              "/a/b",
		"https://shop.example":                        "/",
		"https://shop.example/?a":                     "/",
		"https://shop.example/a%3Fgclid=1&utm_term=2": "/a",
		"https://shop.example/a%3fgclid=1%23b":        "/a",
		"https://shop.example/a%23b":                  "/a",
		"https://shop.example/100%25/%D0%B0":          "/100%25/%D0%B0",
		"https://shop.example/a%253Fb":                "/a%253Fb",
	} {
		u, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		if got := path(u); got != want {
			t.Errorf("path of %s: %s, want %s", given, got, want)
		}
	}
}
