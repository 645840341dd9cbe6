# Kelisim. `make help` lists the targets; `make test` is what CI runs.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
GO ?= go
export CGO_ENABLED ?= 1
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
FUZZTIME ?= 60s

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: js/node_modules/.stamp ## install what the browser side and the embedded engine need
js/node_modules/.stamp: js/package.json js/package-lock.json
	cd js && npm ci --no-audit --no-fund && touch node_modules/.stamp

chromium: ## install Chromium where it is missing
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; }

build: ## build bin/kelisim
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/kelisim ./cmd/kelisim

demo: setup build ## run the demo: site, collector and dashboard (TRAFFIC=1 plays visitors, FLAGS="…" passes flags)
	bin/kelisim demo $(if $(TRAFFIC),--traffic) $(FLAGS)

test: setup chromium lint ## run every test: Go with the race detector, TypeScript, browser, end to end
	cd js && npm run check && npm test
	$(GO) test -race -p 3 -timeout 14m ./...
	$(GO) test -count=1 -run 'NoForbiddenField|EveryGuard|Alloc|Accuracy|Canary' ./consent/... ./pipeline/... ./collector/... ./cmd/kelisim/node
	cd js && npm run e2e
	@$(MAKE) --no-print-directory fuzz FUZZTIME=500x FUZZIN='collector consent pipeline'

lint: ## vet, staticcheck and formatting
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./... && $(GO) vet -tags failpoints ./pipeline/... ./storage/... && $(GO) tool staticcheck ./...

fuzz: ## run every fuzz target for FUZZTIME (60 s)
	@grep -rHoE '^func Fuzz[A-Za-z0-9]+' --include='*_test.go' --exclude-dir=node_modules $(or $(FUZZIN),.) | sed -E 's|^(\./)?(.*)/[^/]+:func |\2 |' | sort -u | \
	while read -r dir f; do echo "fuzz $$dir $$f"; try() { $(GO) test ./$$dir -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x </dev/null | tail -n $$1; }; \
		try 2 || { echo "again: what was found fails again, a worker that was late does not"; try 20; } || exit 1; done

accuracy: setup ## count how well browsers, crawlers, sources and countries are recognised
	$(GO) test -count=1 -run Accuracy -v ./pipeline/enrich/... | grep -vE '^(=== |--- PASS|PASS)'
bench: setup build ## run the benchmarks, each beside its baseline (20 minutes)
	$(GO) test -run '^$$' -bench . -benchmem ./consent/... ./pipeline/... ./collector/... ./storage/writer
	@command -v wrk >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends wrk; }
	$(GO) run ./cmd/bench
chaos: setup ## crash everything at every step, 20 times each, and be without ClickHouse for 10 minutes (40 minutes)
	KELISIM_TEST_CHAOS_ROUNDS=20 KELISIM_TEST_CHAOS_OUTAGE=10m $(GO) test -v -count=1 -parallel 8 -timeout 45m ./cmd/kelisim/chaos | grep -E 'rounds|away|lost|^(---|ok|FAIL)'
test-browsers: setup chromium ## run the rules of the banner in Chromium, Firefox and WebKit
	@(for p in firefox-esr WebKitWebDriver xvfb-run dbus-run-session; do command -v $$p >/dev/null || exit 1; done) || { $(SUDO) apt-get update -qq && \
		$(SUDO) apt-get install -y -qq --no-install-recommends firefox-esr webkit2gtk-driver xvfb xauth dbus; }
	KELISIM_TEST_ENGINES=chromium,firefox,webkit $(GO) test -v -count=1 -timeout 30m ./cmd/kelisim/rules
e2e: setup chromium ## run the browser tests alone
	cd js && npm run e2e && cd .. && $(GO) test -count=1 -run Browser ./cmd/kelisim/...
assets: setup ## rebuild the browser files that are embedded
	cd js && npm run build
clean: ; rm -rf bin data/demo ## remove what was built and the demo's data
.PHONY: help setup chromium build demo test lint fuzz accuracy bench chaos test-browsers e2e assets clean
