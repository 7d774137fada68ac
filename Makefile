# GNU make. `make` alone lists what there is.
#
#   TRIBUTARY_LIBCHDB=/path/libchdb.so   your own copy of the embedded engine: nothing is fetched
#   GOTESTFLAGS='-run Name -v'           passed to go test

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go
BINARY := bin/tributary
TOOLS := $(CURDIR)/bin/tools
GOTESTFLAGS ?=

# Pinned: the same verdict on every machine.
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
GORELEASER := github.com/goreleaser/goreleaser/v2@v2.15.4
BUF := npx --yes @bufbuild/buf@1.75.0

# Every package of ours but what a build leaves behind.
PACKAGES := ./...
# The longest first: a single one at the end would leave the other processors idle.
LONG_PACKAGES := ./sink/clickhouse ./schemas/clickhouse/... ./deploy/embedded ./cli ./deploy/wiring ./scripts/pipeline ./processor ./deploy/... ./ingest
# Many tests wait: for an engine that starts, for a process that is killed, for a time that is to pass. So that processors do not
# wait with them, more packages are tested at once than there are processors.
AT_ONCE ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))
export CGO_ENABLED ?= 0
# One set of flags for all that is compiled: tests and the programs that they start share what is built.
export GOFLAGS := $(strip $(filter-out -trimpath,$(shell $(GO) env GOFLAGS)) -trimpath)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: engine build ## Fetch the engine, build, replay traffic, show the figures; stays up until Ctrl-C
	@exec $(BINARY) demo $(DEMOFLAGS)

.PHONY: build
build: ## Build bin/tributary
	$(GO) build -trimpath -o $(BINARY) .

.PHONY: man
man: build ## Write the manual pages into bin/man/man1 (man -M bin/man tributary-up)
	@$(BINARY) man bin/man/man1 && echo "bin/man/man1: $$(ls bin/man/man1 | wc -l) pages"

.PHONY: engine
engine: ## Fetch the embedded ClickHouse engine, once for this user
	@scripts/libchdb/fetch >/dev/null

.PHONY: test
test: engine ## Run every test (fetches the engine)
	@missing=; \
	for program in java javac mvn node npm python3 kcat; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [[ -n "$$missing" ]]; then \
	  echo "test: SKIPPED: other people's clients and tools (docs/sql.md, docs/embedded-kafka.md) that need$$missing, not found here (Debian: apt-get install default-jdk-headless maven nodejs npm python3-pip kcat)"; \
	fi
	@compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || \
	  echo "test: SKIPPED: the console's store on PostgreSQL, which is not found here (Debian: apt-get install postgresql)"
	$(GO) test -p $(AT_ONCE) -timeout 25m $(GOTESTFLAGS) $(LONG_PACKAGES) $(PACKAGES)

# What shares memory between goroutines and holds money: edge, spool, processor, sink. -short leaves out what only `make test`
# has to hold: work of the engine, of other processes and of a browser, in which the detector sees nothing.
RACE_PACKAGES ?= ./sink/... ./processor/... ./ingest/... ./catalog/...

.PHONY: test-race
test-race: engine ## Run the tests of edge, spool, processor and sink with the race detector (needs a C compiler; RACE_PACKAGES=./... for all)
	@compiler=$$($(GO) env CC); command -v "$${compiler%% *}" >/dev/null || { \
	  echo "test-race: the race detector needs the C compiler $$compiler, not found here (Debian: apt-get install gcc libc6-dev)"; exit 1; }
	CGO_ENABLED=1 $(GO) test -p $(AT_ONCE) -parallel $(AT_ONCE) -race -short -timeout 25m $(GOTESTFLAGS) $(RACE_PACKAGES)

# What runs again on a real broker. The broker's own driver is tested by `make test` where there is Java.
KAFKA_PACKAGES := ./scripts/pipeline/...
# What of the loader depends on how a broker ends transactions and fences members. Most of it waits for the broker, beside the suite.
KAFKA_SINK := ^Test(Letters|DeathInPieces|Zombie|Rebalance)

.PHONY: test-kafka
test-kafka: engine ## Run the pipeline suite and the loader's transactions on Apache Kafka (needs Java 17 and Maven; skipped, saying so, without)
	@missing=; \
	for program in java mvn; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [[ -n "$$missing" ]]; then \
	  echo "test-kafka: SKIPPED: Apache Kafka needs$$missing, not found here (Debian: apt-get install default-jre-headless maven)"; exit 0; \
	fi; \
	packages=$$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' $(KAFKA_PACKAGES)); \
	TRIBUTARY_TEST_BROKER=kafka $(GO) test -count=1 -p $(AT_ONCE) -timeout 25m -exec "$(CURDIR)/scripts/only sink/clickhouse=$(KAFKA_SINK)" $(GOTESTFLAGS) $$packages ./sink/clickhouse

OUTAGE ?= 60s
.PHONY: outage
outage: engine ## Take Kafka from an edge under load for OUTAGE and kill it twice; count every acknowledged event
	TRIBUTARY_TEST_OUTAGE=$(OUTAGE) $(GO) test -count=1 -v -run '^TestOutage$$' -timeout 30m ./scripts/pipeline

.PHONY: bench
bench: engine build ## Print rates as ratios to bare engines, measured in one run (BENCHFLAGS='--only edge')
	$(GO) run ./scripts/bench --binary $(BINARY) $(BENCHFLAGS)

.PHONY: bench-join
bench-join: build ## Measure the processor over 1 M and 10 M live clicks (BENCHFLAGS='--clicks 1e6,1e7,1e8 --restore 1e7')
	$(GO) run ./scripts/bench --binary $(BINARY) --only join $(BENCHFLAGS)

.PHONY: bench-sink
bench-sink: engine build ## Print the loader's rate beside the engine's own insert, and how fresh its rows are
	$(GO) run ./scripts/bench --binary $(BINARY) --only sink $(BENCHFLAGS)

.PHONY: bench-outbound
bench-outbound: ## Measure the deliverer: rate, delay with dead and slow destinations, memory and restart with 5 M waiting (BENCHFLAGS='-bench-waiting 500000')
	$(GO) test ./sink/outbound -count=1 -v -timeout 30m -run 'TestBench' -args -bench-for 10s $(BENCHFLAGS)

.PHONY: bench-report
bench-report: engine build ## Ask questions of 100 M clicks, which are built once, and time the answers (BENCHFLAGS='--clicks 1e7' for a quick look)
	$(GO) run ./scripts/bench --binary $(BINARY) --only report $(BENCHFLAGS)

.PHONY: chaos
chaos: chaos-build ## Break the real processes at random under load (MINUTES=2 SEED=n MODE=roles, up or power; CHAOSFLAGS='--rate 3000'; docs/chaos.md)
	@exec bin/chaos --minutes $(or $(MINUTES),2) --mode $(or $(MODE),roles) --seed $(or $(SEED),0) $(CHAOSFLAGS)

.PHONY: chaos-build
chaos-build: engine
	$(GO) build -trimpath -tags chaos -o bin/tributary-chaos .
	$(GO) build -trimpath -o bin/chaos ./scripts/chaos

# The version that scripts/upgrade/FROM names, once.
.PHONY: upgrade-build
upgrade-build:
	@scripts/upgrade/build >/dev/null

.PHONY: upgrade
upgrade: chaos-build ## Take over the data of the version in scripts/upgrade/FROM, under load, after an orderly end and after a kill
	@scripts/upgrade/run --minutes $(or $(MINUTES),1.2) --seed $(or $(SEED),5) $(CHAOSFLAGS)

SEEDS ?= 2000

.PHONY: oracle
oracle: ## Simulate SEEDS scenarios from SEED on and hold each ledger against a naive model (ORACLEFLAGS=--history)
	@$(GO) run ./scripts/oracle/cmd --seeds $(SEEDS) --seed $(or $(SEED),1) $(ORACLEFLAGS)

.PHONY: mutants
mutants: ## Show that the oracle, or the test it names, catches each seeded bug of scripts/oracle/mutants
	@$(GO) run ./scripts/oracle/cmd --mutants $(ORACLEFLAGS)

FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## Run every fuzzer for FUZZTIME each, those of the network first (FUZZFLAGS="--only '^ingest'")
	@scripts/fuzz/run --time $(FUZZTIME) $(FUZZFLAGS)

.PHONY: hostile
hostile: ## Let hostile clients at the edge, with CONNECTIONS idle connections or as many as the machine allows
	TRIBUTARY_TEST_CONNECTIONS=$(or $(CONNECTIONS),100000) $(GO) test -count=1 -v -run '^Test(Hostile|IdleConnections|ConnectionsOver)' -timeout 15m ./ingest | grep -v '^=== \|PASS: .*/'

.PHONY: bench-edge
bench-edge: build ## Measure the edge beside bare fasthttp and nginx, then at 80 % (BENCHFLAGS='--kafka' for Apache Kafka)
	$(GO) run ./scripts/bench --binary $(BINARY) --only edge $(BENCHFLAGS)

# All but golangci-lint, which takes longer to build than the rest to run.
QUICK_LINTS := lint-format lint-vet lint-workflows lint-imports lint-schemas lint-compose

.PHONY: lint
lint: $(QUICK_LINTS) lint-golangci ## Check format, vet, golangci-lint (staticcheck and more), workflows, imports, events, generated code, compose file

.PHONY: lint-format
lint-format:
	@bad=$$(git ls-files -co --exclude-standard -- '*.go' | xargs -r gofmt -l); \
	if [[ -n "$$bad" ]]; then echo "not formatted (run gofmt -w):"; echo "$$bad"; exit 1; fi

.PHONY: lint-vet
lint-vet:
	$(GO) vet $(PACKAGES)

# staticcheck, and what else finds faults: .golangci.yml.
.PHONY: lint-golangci
lint-golangci:
	@golangci=$$(scripts/tool $(GOLANGCI)); $$golangci run $(PACKAGES)

.PHONY: lint-workflows
lint-workflows:
	@actionlint=$$(scripts/tool $(ACTIONLINT)); $$actionlint -shellcheck= -pyflakes=

# Not part of lint: its program is large, and the file changes seldom.
.PHONY: lint-release
lint-release: ## Check .goreleaser.yaml with goreleaser's own check
	@goreleaser=$$(scripts/tool $(GORELEASER)); $$goreleaser check

# Not part of lint: what it finds depends on the day.
.PHONY: lint-vulnerabilities
lint-vulnerabilities: ## Ask Go's database of known weaknesses (vuln.go.dev) about what is used
	@govulncheck=$$(scripts/tool $(GOVULNCHECK)); $$govulncheck $(PACKAGES)

.PHONY: lint-imports
lint-imports:
	$(GO) test -count=1 -run '^Test(Imports|Packages|TopPages)' ./deploy

.PHONY: lint-schemas
lint-schemas: $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-vtproto
	@cd schemas; \
	$(BUF) lint; \
	$(BUF) breaking --against baseline.binpb; \
	fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	PATH="$(TOOLS):$$PATH" $(BUF) generate -o "$$fresh"; \
	for package in events state; do \
	  diff -r -x doc.go "$$fresh/$$package" $$package || { echo "schemas/$$package is not what the .proto says; run make generate"; exit 1; }; \
	done

# Only where the client has the plugin: everything that matters is held by a Go test too.
.PHONY: lint-compose
lint-compose:
	@if docker compose version >/dev/null 2>&1; then \
	  TRIBUTARY_CATALOG_CLICK_ID_KEYS_KEYS=1=0123456789abcdef TRIBUTARY_OPS_TOKEN=0123456789abcdef CLICKHOUSE_PASSWORD=x docker compose config --quiet && echo "docker-compose.yml: right"; \
	else echo "docker compose is not here: docker-compose.yml is checked by the tests only"; fi

$(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-vtproto: go.mod
	@mkdir -p $(TOOLS)
	$(GO) build -o $(TOOLS)/ google.golang.org/protobuf/cmd/protoc-gen-go github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto
	@touch $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-vtproto

.PHONY: generate
generate: engine $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-vtproto ## Write the generated files again: events, configuration reference, golden files
	cd schemas && PATH="$(TOOLS):$$PATH" $(BUF) generate
	$(GO) run ./scripts/tables
	$(GO) run ./scripts/golden

# What is compared is the state of the files, not the commit: changes that are not committed yet do not matter.
.PHONY: lint-generated
lint-generated: ## Check that make generate changes nothing
	@state() { git ls-files -co --exclude-standard -z | sort -z | while IFS= read -rd '' f; do [[ ! -f "$$f" ]] || sha256sum -- "$$f"; done; }; \
	before=$$(state); $(MAKE) generate >/dev/null; after=$$(state); \
	if [[ "$$before" != "$$after" ]]; then \
	  echo "make generate changes these files; commit what it writes:"; diff <(echo "$$before") <(echo "$$after") | sed -n 's/^> [0-9a-f]*  //p'; exit 1; \
	fi

.PHONY: baseline
baseline: ## Take the events as they are now for what later changes must not break (at a release)
	cd schemas && $(BUF) build -o baseline.binpb

# Beside those that wait for their own faults and starts goes what only computes. Chaos on Apache Kafka has both processors busy.
CI_STEPS := ci-lint lint-generated test ci-kafka ci-chaos ci-oracle+ci-chaos-up upgrade-build+ci-chaos-power upgrade ci-demo

# Lint vets all; what `go test` would vet of it is not looked through again, and nobody debugs these binaries: without DWARF they link in half the time.
.PHONY: ci
ci: ## What CI runs: lint, all tests, the suite on Apache Kafka, oracle, chaos, an upgrade, a short demo
	@GOTESTFLAGS='-vet=off -ldflags=-w $(GOTESTFLAGS)' scripts/steps $(CI_STEPS)

.PHONY: ci-lint
ci-lint: $(QUICK_LINTS)

# Packages in which goroutines share memory. Of the loader's tests, most of which wait for the engine, those with the most goroutines at once; the nights run all of them.
RACE_SINK := ^Test(Rebalance|Zombie|LettersOfAZombie|DeathInPieces|SameInsertAtOnce|NothingIsLeftRunning|AddAllocates)

.PHONY: ci-race
ci-race:
	@$(MAKE) test-race RACE_PACKAGES='./sink/... ./processor ./processor/stage ./processor/stages/... ./ingest ./ingest/spool ./catalog/control ./catalog/lease' GOTESTFLAGS="$(GOTESTFLAGS) -exec '$(CURDIR)/scripts/only sink/clickhouse=$(RACE_SINK)'"

# `make test` has played as many clicks as the suite has, on the embedded broker.
.PHONY: ci-kafka
ci-kafka:
	@TRIBUTARY_TEST_CLICKS=60000 $(MAKE) test-kafka

# The oracle plays about two seeds in three seconds of a core; every third one takes half as long again.
CI_SEEDS := 40

.PHONY: ci-oracle
ci-oracle:
	@$(MAKE) oracle SEEDS=$(CI_SEEDS)
	@$(MAKE) oracle SEEDS=$(CI_SEEDS) ORACLEFLAGS=--outbound

.PHONY: ci-chaos
ci-chaos:
	@missing=; \
	for program in java mvn; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [[ -n "$$missing" ]]; then \
	  echo "chaos: SKIPPED: Apache Kafka needs$$missing, not found here (Debian: apt-get install default-jre-headless maven)"; exit 0; \
	fi; \
	$(MAKE) chaos MINUTES=1 SEED=21 CHAOSFLAGS='--rate 2500 --gap 3s'

.PHONY: ci-chaos-up
ci-chaos-up:
	@$(MAKE) chaos MODE=up MINUTES=1 SEED=22

# Cuts of the power need root and /dev/fuse. A start is most of each; the gap is the work between two.
.PHONY: ci-chaos-power
ci-chaos-power:
	@$(MAKE) chaos MODE=power MINUTES=3 SEED=23 CHAOSFLAGS='--cuts 6 --gap 1s'

# Its data goes away with it; ports are the defaults' neighbours, so that a running Tributary does not disturb it.
.PHONY: ci-demo
ci-demo: engine build
	@data=$$(mktemp -d); trap 'rm -rf "$$data"' EXIT; \
	timeout -k 30 180 $(BINARY) demo --for 20s \
	  --set data_dir="$$data" --set ingest.listen=127.0.0.1:18090 --set kafka.brokers=127.0.0.1:19192 \
	  --set clickhouse.addr=127.0.0.1:18193 --set ops.listen=127.0.0.1:18091 --set console.listen=127.0.0.1:18082

.PHONY: clean
clean: ## Delete what was built (not data, not the engine)
	rm -rf bin
