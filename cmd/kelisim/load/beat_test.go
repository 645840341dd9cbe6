package load

import (
	"sync"
	"testing"
	"time"
)

// TestBeat: nobody is woken early, everybody is woken, also those who wait when
// it ends and those who ask for more than can be waited for.
func TestBeat(t *testing.T) {
	b, err := newBeat()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 200 {
		want := time.Duration(i) * 173 * time.Microsecond
		all.Go(func() {
			began := time.Now()
			b.wait(want)
			if took := time.Since(began); took < want {
				t.Errorf("a wait for %v ended after %v", want, took)
			}
		})
	}
	all.Wait()
	for _, d := range []time.Duration{0, -time.Second, beatEvery * slots, time.Hour} {
		all.Go(func() { b.wait(d) })
	}
	all.Wait()
	for range 50 {
		all.Go(func() { b.wait(beatEvery * slots / 2) })
	}
	b.close()
	all.Wait()
	b.wait(time.Second) // over: at once
}
