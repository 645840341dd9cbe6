package embedded

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"kelisim/storage/datadir"
	"kelisim/storage/schema"
)

//go:embed config.xml.tmpl
var serverTemplate string

//go:embed users.xml
var defaultUser string

// adminUser is the user with every right that Options.Admin adds.
const adminUser = `<clickhouse><users><kelisim_admin>
<password from_env="` + adminVariable + `"/>
<networks><ip>127.0.0.1</ip></networks><profile>kelisim</profile><quota>kelisim</quota>
<grants><query>GRANT ALL ON *.*</query></grants>
</kelisim_admin></users></clickhouse>
`

const (
	adminVariable = "CLICKHOUSE_ADMIN_PASSWORD"
	firstQueries  = "SYSTEM START LISTEN TCP;\n"
	mebibyte      = 1 << 20
)

// profile is how much memory and how many threads the engine may take.
type profile struct {
	ServerMemory    int64 // bytes, 0 = by the ratio in the template alone
	MarkCache       int64 // bytes
	IndexCache      int64 // bytes
	MergeThreads    int
	ScheduleThreads int
	MergeBlock      int   // rows
	LargestMerge    int64 // bytes
}

// normalProfile suits a host with 2 GB: the engine idles near 250 MB, most of it
// the mapped library, and may grow to 60 % of the memory for a query.
func normalProfile() profile {
	return profile{
		MarkCache: 64 * mebibyte, IndexCache: 32 * mebibyte,
		MergeThreads: 2, ScheduleThreads: 8,
		MergeBlock: 8192, LargestMerge: 20 << 30,
	}
}

// lowMemoryProfile trades speed for memory: a host with 1 GB can run it.
func lowMemoryProfile() profile {
	return profile{
		ServerMemory: 500 * mebibyte, MarkCache: 4 * mebibyte, IndexCache: 2 * mebibyte,
		MergeThreads: 1, ScheduleThreads: 4,
		MergeBlock: 1024, LargestMerge: 2 << 30,
	}
}

// files are the paths of everything that one engine reads and writes.
type files struct {
	data, run, config, users, queries, access string
}

func filesOf(dataDir string) (files, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return files{}, fmt.Errorf("embedded: data folder: %w", err)
	}
	run := filepath.Join(dir, datadir.RunFolder)
	return files{
		data:    filepath.Join(dir, "clickhouse"),
		run:     run,
		config:  filepath.Join(run, "config.xml"),
		users:   filepath.Join(run, "users.xml"),
		queries: filepath.Join(run, "start.sql"),
		access:  filepath.Join(run, accessFile),
	}, nil
}

// writeConfig lays out the engine's configuration: its own two files, and in
// their .d folders the very files a real server mounts.
func (f files) writeConfig(p profile, opts Options) error {
	server, err := renderServer(f, p)
	if err != nil {
		return err
	}
	contents := map[string]string{
		f.config:  server,
		f.users:   defaultUser,
		f.queries: firstQueries,
		filepath.Join(f.run, "config.d", "kelisim.xml"): schema.ServerFile(),
		filepath.Join(f.run, "users.d", "kelisim.xml"):  schema.UsersFile(),
	}
	if opts.Admin {
		contents[filepath.Join(f.run, "users.d", "admin.xml")] = adminUser
	}
	if opts.ServerConfig != "" {
		contents[filepath.Join(f.run, "config.d", "zz-extra.xml")] = opts.ServerConfig
	}
	if err := f.removeConfig(); err != nil {
		return err
	}
	for _, dir := range []string{f.data, filepath.Join(f.run, "config.d"), filepath.Join(f.run, "users.d")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("embedded: create folder: %w", err)
		}
	}
	for path, text := range contents {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("embedded: write configuration: %w", err)
		}
	}
	return nil
}

// removeConfig takes away what an earlier engine left, so that a file of an
// older version is never merged in.
func (f files) removeConfig() error {
	for _, dir := range []string{"config.d", "users.d", "preprocessed_configs"} {
		if err := os.RemoveAll(filepath.Join(f.run, dir)); err != nil {
			return fmt.Errorf("embedded: remove old configuration: %w", err)
		}
	}
	return nil
}

func renderServer(f files, p profile) (string, error) {
	page, err := template.New("server").Parse(serverTemplate)
	if err != nil {
		return "", fmt.Errorf("embedded: configuration template: %w", err)
	}
	var out bytes.Buffer
	err = page.Execute(&out, struct {
		profile
		UsersPath, BackupPath string
	}{p, escape(f.users), escape(filepath.Join(filepath.Dir(f.run), "backups"))})
	if err != nil {
		return "", fmt.Errorf("embedded: configuration template: %w", err)
	}
	return out.String(), nil
}

func escape(text string) string {
	var out bytes.Buffer
	// Writing to a buffer cannot fail.
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}
