# `make up` gives you a cluster, `make test` says whether all is well. Both bring a bare Debian 12 (others with apt, if
# you are lucky) up to what they need: packages with apt, Python libraries into .venv. The second time is quick.

PYTHON   ?= python3
FILE     ?= inventories/local.yml
ARGS     ?=
SEED     ?= 1
SEEDS    ?= 1..40
ROUNDS   ?= 100
EXAMPLES ?= 20000
RESULTS  ?= chaos.results
ALL_PIECES := checkpoints election schedules replace nodes changes machines fuzz
PIECES   ?= $(ALL_PIECES)

# mmdebstrap and the keyring make the hosts' image, e2fsprogs their disks; the rest is for their networks, namespaces and keys.
# curl and gnupg are the tests': another client of our services, and keys for a repository of packages.
PACKAGES := ca-certificates curl debian-archive-keyring e2fsprogs gnupg iproute2 mmdebstrap nftables openssh-client procps python3-venv util-linux

# Root where root is needed, and nowhere else. The caller's own settings go along.
KEEP     := BOOTSTRAP_CACHE_DIR,BOOTSTRAP_LOCAL_DIR,PYTHONDONTWRITEBYTECODE,http_proxy,https_proxy,no_proxy,HTTP_PROXY,HTTPS_PROXY,NO_PROXY
ROOT     := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=$(KEEP))
PYTEST    = $(ROOT) env PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=/tmp/bootstrap-hypothesis \
            .venv/bin/pytest -p no:cacheprovider

CHAOS     = $(ROOT) env PYTHONDONTWRITEBYTECODE=1 .venv/bin/python -m tests.chaos

WANTED   := $(shell sha256sum pyproject.toml | cut -c 1-12)
RUN      := .venv/.run-$(WANTED)
DEV      := .venv/.dev-$(WANTED)

.DEFAULT_GOAL := help
.PHONY: help setup up down test unit lint e2e bench fuzz chaos packages

help: ## this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(RUN) ## what `up` needs and this machine lacks

# Nothing that belongs to root is left in your checkout.
up down: export PYTHONDONTWRITEBYTECODE := 1

up: $(RUN) ## a cluster of real Docker engines on this machine
	$(ROOT) .venv/bin/bootstrap up $(FILE) --yes

down: $(RUN) ## take it down; nothing is left
	$(ROOT) .venv/bin/bootstrap down $(FILE) --yes

# What runs on values, on all cores; then real hosts, two clusters at a time, since they mostly wait; then what looks at
# the whole machine.
test: $(DEV) ## every test, real hosts included
	@worst=0; set -x; \
	$(PYTEST) -m 'not lab' --numprocesses 2 || worst=$$?; \
	$(PYTEST) -m 'lab and not alone' --numprocesses 2 --dist loadfile || worst=$$?; \
	$(PYTEST) -m 'lab and alone' || worst=$$?; \
	exit $$worst

unit: $(DEV) ## the tests that need no root
	.venv/bin/pytest -m 'not lab' $(ARGS)

lint: $(DEV) ## ruff, mypy, import contracts, shell scripts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/shellcheck .ci/run
	.venv/bin/shfmt --diff --indent 2 .ci/run

e2e: $(DEV) ## only the tests on real hosts
	$(PYTEST) -m lab $(ARGS)

bench: $(DEV) ## how long things take on this machine
	@set -e; for script in benchmarks/*.py; do \
	  [ -e "$$script" ] || { echo 'there is no benchmark yet'; exit 0; }; \
	  echo "== $$script"; $(ROOT) env PYTHONDONTWRITEBYTECODE=1 .venv/bin/python "$$script" $(ARGS); \
	done

fuzz: $(DEV) ## the random tests, fifty times as long; 20,000 mutated inventories
	.venv/bin/python -m tests.inventory.fuzz --n 20000 --seed $(SEED)
	.venv/bin/pytest --hypothesis-profile=fuzz --timeout=3600 -m 'not lab and not process' $(ARGS)

# Results stay in chaos.results/ until the whole is done: a run that was stopped goes on where it was. It takes most of a
# day on two cores; `make chaos PIECES='election schedules'` does these alone and keeps what was found.
chaos: $(DEV) $(if $(filter fuzz,$(PIECES)),fuzz) ## faults on real hosts, at every step, and state machines; docs/chaos.md tells
	@mkdir -p $(RESULTS)
	@worst=0; \
	for piece in $(filter-out fuzz,$(PIECES)); do \
	  case $$piece in \
	    machines) .venv/bin/python -m tests.agent.machines all --examples $(EXAMPLES) --seed $(SEED) --parallel 2 --results $(RESULTS)/machines.jsonl ;; \
	    checkpoints) $(CHAOS).checkpoints --parallel 2 --results $(RESULTS)/checkpoints.jsonl ;; \
	    changes) $(CHAOS).changes --parallel 2 --results $(RESULTS)/changes.jsonl ;; \
	    replace) $(CHAOS).replace --results $(RESULTS)/replace.jsonl ;; \
	    nodes) $(CHAOS).nodes --results $(RESULTS)/nodes.jsonl ;; \
	    election) $(CHAOS).election --rounds $(ROUNDS) --results $(RESULTS)/election.jsonl ;; \
	    schedules) $(CHAOS).schedules --parallel 2 --seeds $(SEEDS) --results $(RESULTS)/schedules.jsonl ;; \
	    *) echo "there is no piece $$piece: $(ALL_PIECES)" >&2; exit 2 ;; \
	  esac || worst=1; \
	done; \
	.venv/bin/python -m tests.chaos.report --results $(RESULTS) --to docs/chaos.md; \
	[ $$worst = 0 ] || { echo 'something failed: $(RESULTS) and docs/chaos.md tell' >&2; exit 1; }
	@$(if $(filter-out $(PIECES),$(ALL_PIECES)),,rm -rf $(RESULTS))

# ---- what a bare machine lacks ---------------------------------------------------------------------------------------

packages:
	@missing=; for name in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$name"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	command -v apt-get >/dev/null || { echo "please install what these Debian packages hold:$$missing" >&2; exit 0; }; \
	echo "apt-get install$$missing"; \
	$(if $(ROOT),sudo) env DEBIAN_FRONTEND=noninteractive sh -c "apt-get -qq update && \
	  apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $$missing" >/dev/null

# The stamps carry the hash of pyproject.toml: a new dependency is installed, a second run is quick.
$(RUN): | packages
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed' >&2; exit 1; }
	@echo 'python -m venv .venv; pip install -e .'
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -e .
	@.venv/bin/python -m compileall -q bootstrap # by you: root only reads it, and the hosts' services start sooner
	@touch $@

$(DEV): $(RUN)
	@echo 'pip install -e .[dev]'
	@.venv/bin/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
