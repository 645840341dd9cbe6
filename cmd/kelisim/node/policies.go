package node

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"kelisim/consent/policy"
)

// LoadPolicies reads every policy file of a folder. All problems of all files
// are found at once.
func LoadPolicies(dir string) ([]*policy.Policy, policy.Problems, error) {
	files, err := readPolicies(dir)
	if err != nil {
		return nil, nil, err
	}
	all, problems := files.parse()
	return all, problems, nil
}

// policyFile is one file of the folder, read and not yet understood.
type policyFile struct {
	path string
	data []byte
}

// policyFiles are those of a folder, by name.
type policyFiles []policyFile

// readPolicies reads the files of a folder; there is one at least, or an error.
func readPolicies(dir string) (policyFiles, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("policies: %w: give a folder with --policies", err)
	}
	var files policyFiles
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		path := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		files = append(files, policyFile{path, data})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("policies: folder %s holds no policy file (*.yaml)", dir)
	}
	return files, nil
}

// parse understands the files, or says everything that is wrong with them.
func (f policyFiles) parse() (all []*policy.Policy, problems policy.Problems) {
	for _, one := range f {
		p, faults := policy.Parse(one.path, one.data)
		problems = append(problems, faults...)
		if len(faults) == 0 {
			all = append(all, p)
		}
	}
	return all, problems
}

// sumOf tells one set of files from another, and from a folder that cannot be read.
func sumOf(files policyFiles, err error) [sha256.Size]byte {
	if files == nil && err != nil {
		return sha256.Sum256([]byte(err.Error()))
	}
	h := sha256.New()
	for _, one := range files {
		fmt.Fprintf(h, "%d %s %d ", len(one.path), one.path, len(one.data))
		h.Write(one.data)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// archiveFolder is where a node keeps the editions it knows, so that it starts
// without the database.
const archiveFolder = "editions"

// Archive reads the local copies of editions.
func Archive(dataDir string) ([][]byte, error) {
	names, err := filepath.Glob(filepath.Join(dataDir, archiveFolder, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("editions: %w", err)
	}
	slices.Sort(names)
	var docs [][]byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("editions: %w", err)
		}
		docs = append(docs, b)
	}
	return docs, nil
}

// writeArchive adds local copies of editions; one that is there is left alone.
func writeArchive(dataDir, site, hash string, document []byte) error {
	dir := filepath.Join(dataDir, archiveFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("editions: %w", err)
	}
	path := filepath.Join(dir, site+"-"+hash+".json")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("editions: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(document)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("editions: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("editions: %w", err)
	}
	return nil
}
