# Everything a person or CI starts here. The virtual environment is made on the way, with Python 3.11, 3.12 or 3.13.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON_HERE := .venv/bin/python
INSTALLED := .venv/.installed
INSTALLED_FOR_TESTS := .venv/.installed-for-tests

# Where the third-party acceptance material is, if it is: its scorer and its published scenarios.
SHARED ?= ../shared
# The corpus of messages by others: its index and sequences may lie elsewhere; the files they name are in SHARED/hl7.
HL7_INDEX ?= $(SHARED)/hl7/index.jsonl
HL7_SEQUENCES ?= $(SHARED)/hl7/sequences.json
# Least agreement with the index, in each of its folders.
HL7_GOAL ?= 0.95
# Fewest published scenarios that must match, in each dialect. It only goes up.
SCENARIO_FLOOR := 50
# More arguments for pytest: make test ARGS="-k hydration"
ARGS ?=

.PHONY: help demo demo-kafka test lint servers acceptance acceptance-hl7 faults bench fuzz mutation audit clean

help:  ## Say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*##  *\(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
	    printf '  make %-16s %s\n' "$$name" "$$text"; done

demo: $(INSTALLED)  ## Code a synthetic hospital day, from MLLP to claim lines, then exit
	@.venv/bin/dripcode demo --once

demo-kafka: $(INSTALLED_FOR_TESTS) servers  ## The same day on Apache Kafka, started for it from its jars
	@$(PYTHON_HERE) -m tests.servers .venv/bin/dripcode demo --once --broker {kafka} $(ARGS)

test: lint servers  ## Lint, then every test, real Kafka and Redis included
	@deploy/test.sh $(ARGS)

lint: $(INSTALLED_FOR_TESTS)  ## Check style, format and types
	@$(PYTHON_HERE) -m ruff check --quiet .
	@$(PYTHON_HERE) -m ruff format --check --quiet .
	@$(PYTHON_HERE) -m mypy

servers:  ## Bring redis-server, Java and the Kafka jars that the tests start, where that is allowed
	@deploy/setup.sh

acceptance: $(INSTALLED_FOR_TESTS)  ## Score against the published scenarios in SHARED (../shared), if they are there
	@if [ ! -d "$(SHARED)" ]; then \
	    echo "No acceptance material in $(SHARED): acceptance not run. SHARED=FOLDER names another place."; \
	else \
	    $(PYTHON_HERE) -m tests.acceptance.published_scenarios "$(SHARED)" --floor $(SCENARIO_FLOOR) \
	        --command ".venv/bin/dripcode code"; \
	    DRIPCODE_SHARED="$$(cd "$(SHARED)" && pwd)" $(PYTHON_HERE) -m pytest tests/acceptance $(ARGS); \
	fi

acceptance-hl7: $(INSTALLED_FOR_TESTS)  ## Read the messages by others that HL7_INDEX and HL7_SEQUENCES name, in SHARED/hl7
	@if [ ! -d "$(SHARED)/hl7" ]; then \
	    echo "No messages in $(SHARED)/hl7: not run. SHARED=FOLDER names another place."; \
	else \
	    $(PYTHON_HERE) -m tests.acceptance.hl7_corpus --folder "$(SHARED)/hl7" --index "$(HL7_INDEX)" \
	        --sequences "$(HL7_SEQUENCES)" --goal $(HL7_GOAL) $(ARGS); \
	fi

faults: $(INSTALLED_FOR_TESTS) servers  ## Break processes, brokers, network, disk and clock, and compare each day with an oracle
	@$(PYTHON_HERE) -m tests.faults $(ARGS)

fuzz: $(INSTALLED_FOR_TESTS)  ## Feed mutated messages to reader and framing: ARGS="--seconds 600 --engine atheris"
	@$(PYTHON_HERE) -m tests.fuzz $(ARGS)

bench: $(INSTALLED_FOR_TESTS) servers  ## Measure throughput and latency on this machine
	@test -e tests/bench/__main__.py || { echo "There is no tests/bench/__main__.py to run" >&2; exit 1; }
	@$(PYTHON_HERE) -m tests.bench $(ARGS)

mutation: $(INSTALLED_FOR_TESTS)  ## Flip every dated row, comparison, condition and number of the engine, and show what fails
	@$(PYTHON_HERE) -m tests.coding.mutation $(ARGS)

audit: $(INSTALLED)  ## Look up vulnerabilities of the pinned packages, write build/dripcode.cdx.json (CycloneDX)
	@deploy/audit.sh

clean:  ## Remove what the other targets made, the virtual environment and the Kafka jars included
	@rm -rf .venv .cache build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml deploy/constraints.txt deploy/venv.sh
	@deploy/venv.sh
	@touch $@

$(INSTALLED_FOR_TESTS): pyproject.toml deploy/constraints.txt deploy/venv.sh
	@deploy/venv.sh test
	@touch $(INSTALLED) $@
