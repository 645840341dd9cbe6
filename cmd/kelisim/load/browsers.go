package load

import (
	_ "embed"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

//go:embed browsers.tsv
var browsersFile string

// browser is what a browser says about itself.
type browser struct {
	upTo                            float64 // the share of all that it and those before it have
	agent, brands, mobile, platform string
}

// readBrowsers reads the list of browsers and crawlers. A line holds a share, the
// User-Agent and, for those that send them, the three client hints; the share of
// a crawler begins with a minus sign.
func readBrowsers() (people, programs []browser, err error) {
	sums := [2]float64{}
	for line := range strings.Lines(browsersFile) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, "\t")
		share, err := strconv.ParseFloat(cells[0], 64)
		if err != nil || len(cells) != 5 || share == 0 {
			return nil, nil, fmt.Errorf("load: list of browsers: %q", cells[0])
		}
		b := browser{agent: cells[1], brands: cells[2], mobile: cells[3], platform: cells[4]}
		if share < 0 {
			sums[1] -= share
			b.upTo = sums[1]
			programs = append(programs, b)
		} else {
			sums[0] += share
			b.upTo = sums[0]
			people = append(people, b)
		}
	}
	if len(people) == 0 || len(programs) == 0 {
		return nil, nil, errors.New("load: the list of browsers is empty")
	}
	for i, list := range [2][]browser{people, programs} {
		for j := range list {
			list[j].upTo /= sums[i]
		}
	}
	return people, programs, nil
}

// drawBrowser finds the browser that a number from 0 to 1 stands for.
func drawBrowser(list []browser, at float64) *browser {
	i := sort.Search(len(list), func(i int) bool { return list[i].upTo > at })
	return &list[min(i, len(list)-1)]
}
