# Needs Go, make and git, nothing else; `make help` lists the commands.
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.PHONY: build reproducible run smoke test lint lint-format lint-go lint-modules lint-generated lint-configs lint-vulnerabilities
.PHONY: format generate bench fuzz soak distribution-modules clean help FORCE

RUN_FLAGS ?=
BENCH_FLAGS ?=
FUZZTIME ?= 30s
SOAK ?= 30m
MODEL_CHECKS ?= 2000
TEST_TIMEOUT ?= 20m

export GOWORK := off
# A module that the proxy does not have is an error at once, not a search through version control.
export GOVCS ?= *:off

MODULE := github.com/otelcol-defender/otelcol-defender
DECODERS := receiver/defenderreceiver/internal/outline/decoders
POLLER := receiver/defenderreceiver/internal/poll
DISTRIBUTION := internal/distribution/otelcol
BUILDER := go tool -modfile=internal/tools/go.mod builder --config builder-config.yaml
MDATAGEN_INPUTS := extension receiver internal/tools go.mod go.sum
BUILD_INPUTS := Makefile builder-config.yaml go.mod go.sum cmd extension receiver internal
GOVULNCHECK := go tool -modfile=internal/tools/go.mod govulncheck $(VULNDB:%=-db=%)
LINT_MOD := internal/tools/lint/go.mod
LINTER := bin/tools/golangci-lint
SBOM := bin/otelcol-defender.cdx.json
SBOM_MOD := internal/tools/sbom/go.mod
SBOM_TOOL := bin/tools/cyclonedx-gomod
COMPILE := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w'
# Folders are in the lists as well, so that a deleted file counts as a change.
COLLECTOR_SOURCES := $(shell find extension receiver internal/cloud ! -name '*_test.go' ! -name '*.md')
CTL_SOURCES := $(shell find cmd internal/ctl extension receiver internal/cloud ! -name '*_test.go' ! -name '*.md')
DEMO_SOURCES := $(shell find internal/cloud internal/cloudsim ! -name '*_test.go' ! -name '*.md' 2>/dev/null)
GO_FILES := $(shell find cmd extension receiver internal -name '*.go' ! -path '$(DISTRIBUTION)/*')

# The version of builder-config.yaml, with the commit where there is one.
COMMIT := $(shell [ ! -e .git ] || git --no-optional-locks describe --always --dirty --exclude='*' 2>/dev/null)
VERSION := $(shell sed -n 's/^  version: //p' builder-config.yaml)$(COMMIT:%=-%)

build: bin/otelcol-defender $(SBOM) bin/defenderctl ## build bin/otelcol-defender from builder-config.yaml, its SBOM, and bin/defenderctl

# The builder leaves an empty folder in TMPDIR at each run, and takes dist.version from the environment.
bin/otelcol-defender: $(COLLECTOR_SOURCES) builder-config.yaml .cache/version \
		go.mod go.sum $(DISTRIBUTION)/go.mod $(DISTRIBUTION)/go.sum internal/tools/go.mod
	@echo 'Building $@ $(VERSION). The first time takes some minutes.'
	@mkdir -p .cache/tmp
	@env 'dist.version=$(VERSION)' TMPDIR='$(CURDIR)/.cache/tmp' $(BUILDER) --skip-get-modules --skip-compilation
	@rm -rf .cache/tmp
	@cd $(DISTRIBUTION) && $(COMPILE) -o '$(CURDIR)/$@' .
	@touch $@

bin/defenderctl: $(CTL_SOURCES) .cache/version go.mod go.sum
	@echo 'Building $@ $(VERSION)'
	@$(COMPILE) -ldflags='-s -w -X main.version=$(VERSION)' -o $@ ./cmd/defenderctl
	@touch $@

# The tool knows a module that a folder replaces by this folder alone: ../../.. is this repository.
$(SBOM): bin/otelcol-defender $(SBOM_TOOL)
	@mkdir -p .cache
	@$(SBOM_TOOL) bin -json -std -noserial -notimestamp -version 'v$(VERSION)' -output .cache/sbom.json $<
	@sed 's#\.\./\.\./\.\.#$(MODULE)#; s#(devel)#v$(VERSION)#' .cache/sbom.json >$@
	@rm .cache/sbom.json

$(SBOM_TOOL): $(SBOM_MOD)
	@echo 'Building $@. The first time takes half a minute.'
	@$(COMPILE) -modfile=$(SBOM_MOD) -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch $@

# Neither the folder nor, with GOCACHE=FOLDER, the build cache may make a difference.
reproducible: build ## build in a copy of the repository as well, and compare binaries and SBOM
	@rm -rf .cache/copy && mkdir -p .cache/copy
	@tar -cf - --exclude='$(DISTRIBUTION)/*.go' $(BUILD_INPUTS) | (cd .cache/copy && tar -xf -)
	@$(MAKE) --no-print-directory -C .cache/copy COMMIT='$(COMMIT)' build
	@for f in bin/otelcol-defender $(SBOM) bin/defenderctl; do cmp $$f .cache/copy/$$f || exit 1; done
	@rm -rf .cache/copy
	@echo 'the same bytes from two folders: bin/otelcol-defender, $(SBOM), bin/defenderctl'

bin/demo: $(DEMO_SOURCES) go.mod go.sum
	@echo 'Building $@'
	@$(COMPILE) -o $@ ./internal/cloudsim/demo
	@touch $@

.cache/version: FORCE
	@mkdir -p .cache
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

run: bin/otelcol-defender bin/demo ## show alerts of simulated tenants until Ctrl-C (RUN_FLAGS: flags of bin/demo)
	@exec bin/demo -collector bin/otelcol-defender -config testdata/demo/collector.yaml $(RUN_FLAGS)

smoke: RUN_FLAGS = -alerts 5 -timeout 90s
smoke: run ## as run, but end by itself: well after five alerts, badly after 90 s

# The race detector needs a C compiler; go itself turns cgo off where there is none.
RACE = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race,$(warning no C compiler: testing without the race detector))

test: build ## run every test, also those of the built binary
	OTELCOL_DEFENDER_BIN='$(CURDIR)/bin/otelcol-defender' DEFENDERCTL_BIN='$(CURDIR)/bin/defenderctl' \
		go test $(RACE) -timeout $(TEST_TIMEOUT) ./...

lint: lint-format lint-modules lint-go lint-generated lint-configs lint-vulnerabilities ## check everything that is checked without running it

lint-format:
	@files=$$(gofmt -l $(GO_FILES)); [ -z "$$files" ] || { echo "not formatted with gofmt:" $$files; exit 1; }

lint-go: $(LINTER)
	go vet ./...
	cd $(DECODERS) && go vet .
	$(LINTER) run

$(LINTER): $(LINT_MOD)
	@echo 'Building $@. The first time takes some minutes.'
	@$(COMPILE) -modfile=$(LINT_MOD) -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

# `go mod tidy` takes the newest core module for an import that go.mod does not name; all must be of one release.
lint-modules: build
	@! grep 'go.opentelemetry.io/collector[^ ]* v' go.mod $(DISTRIBUTION)/go.mod | grep -vE ' v(0\.158\.0|1\.64\.0)( |$$)' || \
		{ echo 'these are not of core release v0.158.0 / v1.64.0'; exit 1; }
	go mod tidy -diff
	cd $(DISTRIBUTION) && go mod tidy -diff
	cd $(DECODERS) && go mod tidy -diff
	cd internal/tools && go mod tidy -diff
	cd internal/tools/lint && go mod tidy -diff
	cd internal/tools/sbom && go mod tidy -diff

# Generates in a copy, and compares.
lint-generated:
	@rm -rf .cache/generated && mkdir -p .cache/generated
	@tar -cf - $(MDATAGEN_INPUTS) | (cd .cache/generated && tar -xf - && go generate ./extension/... ./receiver/...)
	@for f in extension receiver; do diff -r $$f .cache/generated/$$f || { echo 'not current: run make generate'; exit 1; }; done
	@rm -rf .cache/generated

lint-configs: build
	OTELCOL_DEFENDER_BIN='$(CURDIR)/bin/otelcol-defender' go test -count=1 ./internal/distribution

# Without its database govulncheck cannot say anything; -version names the database's date only where it is reached.
lint-vulnerabilities: build
	@if $(GOVULNCHECK) -version | grep -q '^DB updated'; then \
		$(GOVULNCHECK) ./... && $(GOVULNCHECK) -mode=binary bin/otelcol-defender && $(GOVULNCHECK) -mode=binary bin/defenderctl; \
	else echo 'vulnerability check skipped: its database cannot be reached (VULNDB=URL names another)'; fi

format: $(LINTER) ## format the Go files
	$(LINTER) fmt

generate: ## write what mdatagen makes of each metadata.yaml
	go generate ./...

bench: build ## run the benchmarks of each stage, compare JSON libraries, then the collector in the scenarios of docs/performance.md
	go test -run '^$$' -bench . -benchmem ./...
	cd $(DECODERS) && go test -run '^$$' -bench . -benchmem
	go run ./internal/benchmark -collector bin/otelcol-defender $(BENCH_FLAGS)

# Go sometimes reports the end of FUZZTIME itself as a failure; then there is no failing input.
fuzz: ## run the poller's model test MODEL_CHECKS times (2000), and every fuzz target for FUZZTIME (30s)
	go test -count=1 -timeout 0 ./$(POLLER) -rapid.checks=$(MODEL_CHECKS) -rapid.steps=200
	@list=$$(go test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; mkdir -p .cache; \
	echo "$$list" | awk '/^Fuzz/ {names[++n] = $$1} /^ok/ {for (i = 1; i <= n; i++) print names[i], $$2; n = 0}' | \
	while read -r name package; do \
		echo "$$name $$package"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$package" >.cache/fuzz.log 2>&1 </dev/null || \
		{ grep -q '^ *context deadline exceeded$$' .cache/fuzz.log && ! grep -q 'Failing input' .cache/fuzz.log; } || \
		{ cat .cache/fuzz.log; exit 1; }; \
		grep 'elapsed' .cache/fuzz.log | tail -n 1; \
	done

soak: build ## let everything go wrong for the binary and 300 simulated tenants at random for SOAK (30m)
	OTELCOL_DEFENDER_BIN='$(CURDIR)/bin/otelcol-defender' OTELCOL_DEFENDER_SOAK='$(SOAK)' \
		go test -count=1 -timeout 0 -v -run '^TestSoak$$' ./internal/e2e

# The builder's last step, `go mod download`, fails: three modules are there as code, but not as version metadata.
# What counts is that the files it has written before are tidy.
distribution-modules: ## renew go.mod and go.sum of the distribution after a change of builder-config.yaml
	@mkdir -p .cache/tmp
	-TMPDIR='$(CURDIR)/.cache/tmp' $(BUILDER) --skip-compilation --skip-strict-versioning=false
	@rm -rf .cache/tmp
	cd $(DISTRIBUTION) && go mod tidy -diff

clean: ## remove what was built and generated, except what is committed
	rm -rf bin .cache $(DISTRIBUTION)/*.go

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '%-22s %s\n' "$$name" "$$text"; done
