package report_test

import (
	"errors"
	"testing"
	"time"

	"kelisim/dashboard/report"
)

func TestDay(t *testing.T) {
	almaty, err := time.LoadLocation("Asia/Almaty")
	if err != nil {
		t.Fatal(err)
	}
	late := time.Date(2027, 5, 21, 20, 30, 0, 0, time.UTC) // already the 22nd in Almaty
	if got := report.DayOf(late, almaty).String(); got != "2027-05-22" {
		t.Errorf("day in Almaty: %s", got)
	}
	day, err := report.ParseDay("2027-05-22")
	if err != nil || day != report.DayFrom(2027, 5, 22) {
		t.Errorf("ParseDay: %v, %v", day, err)
	}
	for _, bad := range []string{"", "22.05.2027", "2027-02-30", "2027-5-2"} {
		if _, err := report.ParseDay(bad); err == nil {
			t.Errorf("ParseDay(%q) is accepted", bad)
		}
	}
}

func TestValidate(t *testing.T) {
	good := report.Spec{
		Site: "shop", Zone: "Asia/Almaty", From: 10, To: 20,
		Metrics: []report.Metric{report.PageViews}, By: report.ByPage,
	}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	f := func(name string, change func(*report.Spec), want error) {
		t.Helper()
		spec := good
		change(&spec)
		if err := spec.Validate(); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("no site", func(s *report.Spec) { s.Site = "" }, report.ErrSite)
	f("backwards", func(s *report.Spec) { s.To = 9 }, report.ErrPeriod)
	f("too long", func(s *report.Spec) { s.To = 10 + report.MaxDays }, report.ErrPeriod)
	f("zone", func(s *report.Spec) { s.Zone = "Mars/Olympus" }, report.ErrZone)
	f("no metric", func(s *report.Spec) { s.Metrics = nil }, report.ErrMetric)
	f("unknown metric", func(s *report.Spec) { s.Metrics = []report.Metric{"ids"} }, report.ErrMetric)
	f("visitors by page", func(s *report.Spec) { s.Metrics = []report.Metric{report.Visitors} }, report.ErrBy)
	f("by consent", func(s *report.Spec) { s.By = "consent_id" }, report.ErrBy)
}
