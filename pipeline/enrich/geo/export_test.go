package geo

// OpenBytes is a database with the content of a file, for tests that need no file.
func OpenBytes(content []byte) (*Database, error) {
	a, err := parse(content)
	if err != nil {
		return nil, err
	}
	d := &Database{}
	d.current.Store(a)
	return d, nil
}
