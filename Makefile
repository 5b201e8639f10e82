# `make run` and `make test` install what they need.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:

TOOLS  := .tools
ENGINE := local/engine/node_modules/.package-lock.json
AXE    := local/e2e/axe/node_modules/.package-lock.json
VENV   := $(TOOLS)/venv/.done
MINISTACK := $(TOOLS)/ministack/.done
PACKAGE := frontend/package-test/node_modules/.package-lock.json
JWT_NODE   := local/proofs/node/node_modules/.package-lock.json
JWT_PYTHON := $(TOOLS)/proofs/python/.done
JWT_GO     := $(TOOLS)/proofs/go/checker
JWT_JAVA   := $(TOOLS)/proofs/java/Check.class
EXAMPLE_NODE   := examples/node/node_modules/.package-lock.json
EXAMPLE_PYTHON := $(TOOLS)/examples/python/.done
EXAMPLE_GO     := $(TOOLS)/examples/go/server
RELYING_NODE   := local/relying/node/node_modules/.package-lock.json
RELYING_PYTHON := $(TOOLS)/relying/python/.done
REDOCLY      := local/openapi/node_modules/.package-lock.json
SCHEMATHESIS := $(TOOLS)/openapi/python/.done
REDOC    := $(TOOLS)/redoc-2.5.4.js
API_PAGE := $(TOOLS)/api.html
DDB    := $(TOOLS)/dynamodb-local/.done
PEER_NODE   := bench/peers/node/node_modules/.package-lock.json
PEER_BETTER_AUTH := bench/peers/better-auth/node_modules/.package-lock.json
PEER_PYTHON := $(TOOLS)/peers/python/.done
PEER_POCKETBASE := $(TOOLS)/peers/pocketbase
PEER_REDIS  := $(TOOLS)/peers/redis
LINT   := $(TOOLS)/golangci-lint-v2.15.0

MODULES := bench frontend functions local otpctl shared

# Install the tools that tests need. Tests do not skip when a tool is missing; they fail.
apt = command -v $(1) >/dev/null || { echo "installing $(2)"; apt-get update -qq && apt-get install -y -qq --no-install-recommends $(2) >/dev/null; }

# The tools of the tests from outside. They are installed first, so that these tests, which take longest, start at once.
E2E := $(ENGINE) $(AXE) $(MINISTACK) $(API_PAGE) $(EXAMPLE_NODE) $(EXAMPLE_PYTHON) $(EXAMPLE_GO) $(RELYING_NODE) $(RELYING_PYTHON)

.PHONY: run example-node example-hosted example-python example-go check test lint template unit e2e package proofs openapi attack second-engine deploy-test fuzz bench peers-tools evidence evidence-histories evidence-figures evidence-short clean

run: $(ENGINE) $(API_PAGE)
	@mkdir -p $(TOOLS) && go build -buildvcs=false -o $(TOOLS)/local streamotp/local
	exec $(TOOLS)/local $(ARGS)

# An application that logs people in by `make run`, which runs in another terminal. examples/README.md describes them.
example-node: $(EXAMPLE_NODE)
	@cd examples/node && exec node server.js

example-python: $(EXAMPLE_PYTHON)
	@cd examples/python && exec $(CURDIR)/$(TOOLS)/examples/python/bin/python app.py

example-hosted: $(EXAMPLE_NODE)
	@cd examples/node && exec node hosted.js

example-go: $(EXAMPLE_GO)
	@echo "http://127.0.0.1:$${PORT:-8080}"
	cd examples/go && exec $(CURDIR)/$(EXAMPLE_GO)

# Tests mostly wait, so the first seven run beside each other. The attacks and the histories need both CPUs.
test: lint template
	@$(MAKE) --no-print-directory -j2 $(E2E)
	$(MAKE) --no-print-directory -j2 --output-sync=target e2e second-engine unit deploy-test proofs package openapi
	$(MAKE) --no-print-directory attack evidence-short fuzz
	echo "all passed"

# For daily work: all quick tests, and one path through the whole stack.
check: lint $(ENGINE) $(MINISTACK)
	@node --test frontend/test/ >$(TOOLS)/node.log 2>&1 || { cat $(TOOLS)/node.log; exit 1; }
	go test $$(go list work | grep -vE '^streamotp/local/(attack|claims|e2e|evidence|openapi|proofs)$$')
	go test -count=1 streamotp/local/claims
	go test -count=1 -skip '^TestStack$$' streamotp/local/openapi
	go test -count=1 -run '^Test(API|EditsAreThere|OraclesAreThere)$$' streamotp/local/e2e streamotp/local/attack streamotp/local/evidence

# ---- the parts of `make test` ---------------------------------------------------------------------------------------

lint: $(LINT)
	@unformatted=$$(gofmt -l $(MODULES) examples); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet work
	for module in $(MODULES); do (cd $$module && ../$(LINT) run -c ../.golangci.yml ./...); done

template: $(VENV)
	$(TOOLS)/venv/bin/cfn-lint template.yaml examples/http-api/template.yaml
	SAM_CLI_TELEMETRY=0 $(TOOLS)/venv/bin/sam validate --lint --region us-east-1
	SAM_CLI_TELEMETRY=0 $(TOOLS)/venv/bin/sam validate --lint --region us-east-1 --template examples/http-api/template.yaml

# Deploy the output of `sam build` to MiniStack, an imitation of AWS that others wrote, and use the stack there.
deploy-test: $(VENV) $(MINISTACK)
	@$(call apt,openssl,openssl)
	$(TOOLS)/venv/bin/python .ci/build.py

unit: $(ENGINE) $(MINISTACK)
	@node --test frontend/test/
	go test -race -timeout 40m $$(go list work | grep -vE '^streamotp/local/(attack|claims|e2e|evidence|openapi|proofs)$$')
	go test -count=1 streamotp/local/claims # it reads files outside its module, which the test cache does not track

# Test the running stack from outside, and the pages in Chromium. The race detector would see only the tests themselves.
e2e: $(E2E)
	@$(call apt,chromium,chromium fonts-dejavu-core)
	go test -count=1 -timeout 70m streamotp/local/e2e

# Check the npm package with the tools of its field, and use it installed.
package: $(PACKAGE)
	@node --test frontend/package-test/

# Check proofs of the development stack, and forged ones, with well-known JWT libraries of four languages.
proofs: $(ENGINE) $(JWT_NODE) $(JWT_PYTHON) $(JWT_GO) $(JWT_JAVA)
	@go test -count=1 streamotp/local/proofs

# Lint docs/openapi.yaml, compare it with the template, the errors and the documents' examples, and test the stack against it.
openapi: $(ENGINE) $(REDOCLY) $(SCHEMATHESIS)
	@cd local/openapi
	export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
	node_modules/.bin/redocly lint ../../docs/openapi.yaml >$(CURDIR)/$(TOOLS)/redocly.log 2>&1 || { cat $(CURDIR)/$(TOOLS)/redocly.log; exit 1; }
	go test -count=1 .

# Run every attack, with a line for each. It runs in its folder, where go test shows what a test prints. It runs alone, as
# it needs both CPUs of a small machine and measures a time.
attack: $(ENGINE)
	@cd local/attack && go test -race -count=1 -timeout 40m # the default of ten minutes is too short for a busy machine

# Check histories of parallel clients under faults against models: a bounded part of at most 90 seconds, which draws new requests in each run.
evidence-short: $(ENGINE)
	@cd local/evidence && go test -count=1 -timeout 20m

# Tests that are skipped on other engines: the pages and the applications in the browser, the development stack itself, and the oracle gate
# (DynamoDB Local deletes expired items between its two calls).
NO_ENGINE := ^Test(Pages.*|PagePolicy|MailboxPage|LeastPrivilege|Denied|LeakedSecrets.*|Stop|NoOracle|Examples|Guide|ExampleHosted|RelyingParties|RelyingTokens|HostedInBrowser)$$

# Test the store, the functions and the HTTP suite on DynamoDB Local: behaviour of only one engine is not DynamoDB's.
second-engine: $(DDB) $(MINISTACK)
	@port=$$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	java -Djava.library.path=$(TOOLS)/dynamodb-local -cp '$(TOOLS)/dynamodb-local/*' \
		com.amazonaws.services.dynamodbv2.local.main.ServerRunner -inMemory -sharedDb -disableTelemetry -port $$port >$(TOOLS)/dynamodb-local.log 2>&1 &
	trap "kill $$!" EXIT
	for _ in $$(seq 150); do curl -s -o /dev/null http://127.0.0.1:$$port/ && break; sleep 0.2; done
	export STREAMOTP_DYNAMODB=http://127.0.0.1:$$port
	go test -count=1 streamotp/shared/store streamotp/functions/... streamotp/otpctl
	go test -count=1 -timeout 70m -skip '$(NO_ENGINE)' streamotp/local/e2e

# Count executions, not seconds: with a time limit, `go test` may fail merely because the time is up.
FUZZTIME ?= 10000x
fuzz:
	@grep -rlE '^func Fuzz' --include='*_test.go' $(MODULES) | while read -r file; do
		grep -oE '^func Fuzz[A-Za-z0-9]+' $$file | cut -c6- | while read -r target; do
			echo "$$file $$target"
			(cd $$(dirname $$file) && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x . >fuzz.log 2>&1) ||
				{ cat $$(dirname $$file)/fuzz.log; exit 1; }
			rm $$(dirname $$file)/fuzz.log
		done
	done

# ---- tools, all pinned ----------------------------------------------------------------------------------------------

# Locked npm packages. The DynamoDB engine of the development stack is a static binary in one of them.
$(ENGINE) $(AXE) $(PACKAGE) $(JWT_NODE) $(EXAMPLE_NODE) $(RELYING_NODE) $(REDOCLY) $(PEER_NODE) $(PEER_BETTER_AUTH): %/node_modules/.package-lock.json: %/package-lock.json
	@cd $* && npm ci --no-audit --no-fund --silent
	touch node_modules/.package-lock.json

# better-auth's SQLite is compiled.
$(PEER_BETTER_AUTH): | compiler
.PHONY: compiler
compiler:
	@$(call apt,g++,g++)

# These Go modules are outside the workspace, so that their libraries do not become dependencies of the development stack.
$(JWT_GO): $(addprefix local/proofs/go/,main.go go.mod go.sum)
$(EXAMPLE_GO): $(addprefix examples/go/,main.go go.mod go.sum)
$(JWT_GO) $(EXAMPLE_GO):
	@cd $(<D) && GOWORK=off go build -buildvcs=false -o $(CURDIR)/$@

# The Go programs that StreamOTP is compared with are also outside the workspace. They are built as one would ship them.
$(PEER_POCKETBASE): $(addprefix bench/peers/pocketbase/,main.go go.mod go.sum)
$(PEER_REDIS): $(addprefix bench/peers/redis/,main.go go.mod go.sum)
$(PEER_POCKETBASE) $(PEER_REDIS):
	@cd $(<D) && GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w' -o $(CURDIR)/$@

$(JWT_JAVA): local/proofs/java/Check.java local/proofs/java/pom.xml
	@$(call apt,mvn,maven)
	$(call apt,javac,default-jdk-headless)
	rm -rf $(@D)
	mvn -q -B -f local/proofs/java/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$$PWD/$(@D)"
	javac -cp '$(@D)/*' -d $(@D) $<

$(LINT):
	@mkdir -p $(TOOLS)
	GOBIN=$$PWD/$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(TOOLS)/golangci-lint $@

# MiniStack has its own Python environment, as it and the AWS CLI need different versions of botocore.
$(VENV): .ci/requirements.txt
$(MINISTACK): .ci/ministack.txt
$(JWT_PYTHON): local/proofs/python/requirements.txt
$(EXAMPLE_PYTHON): examples/python/requirements.txt
$(RELYING_PYTHON): local/relying/python/requirements.txt
$(SCHEMATHESIS): local/openapi/requirements.txt
$(PEER_PYTHON): bench/peers/python/requirements.txt
$(VENV) $(MINISTACK) $(JWT_PYTHON) $(EXAMPLE_PYTHON) $(RELYING_PYTHON) $(SCHEMATHESIS) $(PEER_PYTHON):
	@python3 -m venv $(@D) || { apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; python3 -m venv $(@D); }
	$(@D)/bin/pip install -q --disable-pip-version-check pip==25.3 # older versions reject hashes together with extras
	$(@D)/bin/pip install -q --disable-pip-version-check --require-hashes -r $<
	touch $@

# The file that the API's page needs of npm's package redoc. Its 110 dependencies are not installed.
$(REDOC):
	@mkdir -p $(TOOLS)
	cd $(TOOLS)
	npm pack --silent redoc@2.5.4 >/dev/null
	echo '44922df4d0eb45c1b066c09ec251e6bd9bd7ded16bc69e87613337b9d911a56e  redoc-2.5.4.tgz' | sha256sum --check --quiet
	tar -xzOf redoc-2.5.4.tgz package/bundles/redoc.standalone.js >$(@F)
	rm redoc-2.5.4.tgz

$(API_PAGE): docs/openapi.yaml $(REDOC) $(wildcard local/openapi/page/*)
	@go run streamotp/local/openapi/page $(REDOC) $< $@

$(DDB): .ci/dynamodb-local/pom.xml
	@$(call apt,mvn,maven)
	$(call apt,curl,curl)
	mkdir -p $(TOOLS)/dynamodb-local
	mvn -q -B -f $< org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$$PWD/$(TOOLS)/dynamodb-local"
	touch $@

# ---- the rest -------------------------------------------------------------------------------------------------------

bench: $(ENGINE) $(if $(findstring peers,$(ARGS)),peers-tools)
	@mkdir -p $(TOOLS) && go build -buildvcs=false -o $(TOOLS)/local streamotp/local
	go run streamotp/bench $(ARGS)

# Install the systems that `make bench ARGS="-only peers"` compares StreamOTP with.
peers-tools: $(PEER_NODE) $(PEER_BETTER_AUTH) $(PEER_PYTHON) $(PEER_POCKETBASE) $(PEER_REDIS)
	@$(call apt,redis-server,redis-server)

# Make the evidence of docs/evidence.md again: its histories, tables and pictures. It takes about two hours.
evidence: evidence-histories evidence-figures

# Check histories of 100,000 operations and of 30 minutes of faults, and plant each fault.
evidence-histories: $(ENGINE)
	@cd local/evidence && go test -count=1 -timeout 3h -args -full

# Make the tables and pictures. A quiet machine makes better ones.
evidence-figures: $(ENGINE) peers-tools
	@mkdir -p $(TOOLS) && go build -buildvcs=false -o $(TOOLS)/local streamotp/local
	for part in growth scale peers soak; do go run streamotp/bench -only $$part; done

clean:
	rm -rf $(TOOLS) .aws-sam local/engine/node_modules local/e2e/axe/node_modules frontend/package-test/node_modules local/openapi/node_modules local/proofs/node/node_modules examples/node/node_modules local/relying/node/node_modules bench/peers/node/node_modules bench/peers/better-auth/node_modules
