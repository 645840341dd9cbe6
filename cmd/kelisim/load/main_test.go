package load

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"kelisim/storage/embedded"
)

func TestMain(m *testing.M) {
	if embedded.IsChild() {
		os.Exit(embedded.RunChild())
	}
	goleak.VerifyTestMain(m,
		// Both keep the time for every server of the process and never end.
		goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		// It looks every ten seconds whether its server has ended.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}
