package config

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kelisim/pipeline/minimise"
)

func load(t *testing.T, args, env []string) (*Config, error) {
	t.Helper()
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(new(bytes.Buffer))
	c, _, _, err := Load(flags, args, env, nil)
	return c, err
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:1\nadmin-listen: 127.0.0.1:2\ndata-dir: /f\ntrusted-proxies: [10.0.0.0/8, 192.0.2.1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, []string{"--config", file, "--listen", "127.0.0.1:9"}, []string{"KELISIM_LISTEN=127.0.0.1:8", "KELISIM_ADMIN_LISTEN=127.0.0.1:7", "HOME=/x"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:9" || c.AdminListen != "127.0.0.1:7" || c.DataDir != "/f" || c.Policies != "./policies" || len(c.TrustedProxies) != 2 {
		t.Errorf("got %+v", c)
	}
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`listen: "127.0.0.1:9"  # flag --listen`, `# environment KELISIM_ADMIN_LISTEN`, "# file " + file, "# default"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestRefusals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k.yaml")
	if err := os.WriteFile(file, []byte("lisen: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(want string, args []string, env ...string) {
		t.Helper()
		_, err := load(t, args, env)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("args %q env %q: got %v, want it to say %q", args, env, err, want)
		}
	}
	f("lisen", []string{"--config", file})
	f("KELISIM_LISEN", nil, "KELISIM_LISEN=x")
	f("flag provided but not defined", []string{"--lisen", "x"})
	f("host:port", []string{"--listen", "nonsense"})
	f("host:port", nil, "KELISIM_LISTEN=nonsense")
	f("prefixes such as", []string{"--trusted-proxies", "everybody"})
	f("believe everybody", []string{"--trusted-proxies", "0.0.0.0/0"})
	f("believe everybody", []string{"--trusted-proxies", "::ffff:0.0.0.0/96"})
	f("no more than /24", []string{"--keep-ipv4", "25"})
	f("no more than /24", []string{"--keep-ipv4", "-1"})
	f("no more than /24", []string{"--keep-ipv4", "/16"})
	f("no more than /24", nil, "KELISIM_KEEP_IPV4=")
	f("no more than /48", nil, "KELISIM_KEEP_IPV6=49")
	f("from 0 to 1000000", []string{"--rate-limit", "-1"})
	f("from 0 to 1000000", nil, "KELISIM_RATE_LIMIT=50/s")
}

func TestHowMuchOfAnAddressIsKept(t *testing.T) {
	f := func(want minimise.Networks, args ...string) {
		t.Helper()
		c, err := load(t, args, nil)
		if err != nil || c.Keep != want {
			t.Errorf("%q: got %+v, %v; want %+v", args, c.Keep, err, want)
		}
	}
	f(minimise.Networks{V4: 24, V6: 48})
	f(minimise.Networks{V4: 16, V6: 32}, "--keep-ipv4", "16", "--keep-ipv6", "32")
	f(minimise.Networks{V6: 48}, "--keep-ipv4", "none")
	f(minimise.Networks{V4: 24}, "--keep-ipv6", "0")
}

func TestProxiesInIPv6Form(t *testing.T) {
	c, err := load(t, []string{"--trusted-proxies", "::ffff:10.1.2.3/104, ::ffff:192.0.2.1, 2001:db8::1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::1/128")}
	if !slices.Equal(c.TrustedProxies, want) {
		t.Errorf("got %s, want %s", c.TrustedProxies, want)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	c, err := load(t, nil, []string{"KELISIM_CLICKHOUSE_DSN=clickhouse://u:hunter2@localhost:9000/kelisim"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "hunter2") || !strings.Contains(b.String(), "********") {
		t.Errorf("the secret is not masked:\n%s", b.String())
	}
}

// The reference is made from the table; run with KELISIM_TEST_UPDATE=1 to write it.
func TestReferenceIsFresh(t *testing.T) {
	const path = "../../../docs/configuration.md"
	if os.Getenv("KELISIM_TEST_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != Reference() {
		t.Error("docs/configuration.md is stale: run KELISIM_TEST_UPDATE=1 go test ./cmd/kelisim/config")
	}
}
