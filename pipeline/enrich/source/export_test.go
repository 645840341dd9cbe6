package source

// Clicks lists the keys of click ids.
func Clicks() map[string]bool {
	keys := map[string]bool{}
	for key := range clicks() {
		keys[key] = true
	}
	return keys
}
