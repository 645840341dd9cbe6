package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// LibraryVariable is the environment variable that names libchdb.so when it
// does not lie where npm puts it.
const LibraryVariable = "KELISIM_CHDB_LIB"

// ErrNoLibrary says that libchdb could not be found; the error around it says
// where it was looked for and names the two ways out.
var ErrNoLibrary = errors.New("embedded ClickHouse library (libchdb.so) not found")

// FindLibrary returns the path of libchdb.so. An explicit path is taken as it
// is; with "" the npm package of this platform is looked for under
// js/node_modules of the working directory and its parents, and of the
// executable's folder and its parents.
func FindLibrary(explicit string) (string, error) {
	if explicit != "" {
		if info, err := os.Stat(explicit); err != nil || info.IsDir() {
			return "", missing("at " + explicit)
		}
		return filepath.Abs(explicit)
	}
	for _, start := range searchRoots() {
		for dir := start; ; dir = filepath.Dir(dir) {
			for _, name := range libraryNames() {
				path := filepath.Join(dir, name)
				if info, err := os.Stat(path); err == nil && !info.IsDir() {
					return path, nil
				}
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", missing("under js/node_modules")
}

func missing(where string) error {
	return fmt.Errorf("%w %s: run `npm install` in js/ or set %s to its path, or use a ClickHouse server with --clickhouse-dsn",
		ErrNoLibrary, where, LibraryVariable)
}

func searchRoots() []string {
	var roots []string
	if dir, err := os.Getwd(); err == nil {
		roots = append(roots, dir)
	}
	if exe, err := os.Executable(); err == nil {
		roots = append(roots, filepath.Dir(exe))
	}
	return roots
}

// libraryNames are the places of the library below a folder of the search: as
// npm lays it out in js/, and plainly beside the program.
func libraryNames() []string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	platform := runtime.GOOS + "-" + arch
	if runtime.GOOS == "linux" {
		platform += "-gnu"
	}
	return []string{
		filepath.Join("js", "node_modules", "@chdb", "lib-"+platform, "libchdb.so"),
		"libchdb.so",
	}
}
