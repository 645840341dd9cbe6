package node

import (
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
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("policies: %w: give a folder with --policies", err)
	}
	var (
		all      []*policy.Policy
		problems policy.Problems
	)
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		path := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("policies: %w", err)
		}
		p, faults := policy.Parse(path, data)
		problems = append(problems, faults...)
		if len(faults) == 0 {
			all = append(all, p)
		}
	}
	if len(all) == 0 && len(problems) == 0 {
		return nil, nil, fmt.Errorf("policies: folder %s holds no policy file (*.yaml)", dir)
	}
	return all, problems, nil
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
