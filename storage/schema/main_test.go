package schema_test

import (
	"os"
	"testing"

	"kelisim/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }
