# make verify   a burst of real WebSocket connections on this host, with a verdict
# make test     lint, types and tests; ARGS="-k check" goes to pytest
# Both set everything up in .venv first, and need only Python 3.11 or newer (with venv), make and a network.

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell command -v $(name) >/dev/null && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV = .venv
BIN = $(VENV)/bin
RUN = $(BIN)/python -m
CONTENTS = pyproject.toml constraints.txt requirements.txt

.PHONY: verify test test-crash test-vm lint docs bench-open bench-million bench-two-million bench-peers bench-check bench-fanout bench-hostile bench-cluster bench-scenario clean
.DELETE_ON_ERROR:

verify: $(VENV)/.ready
	@$(RUN) wstune verify host $(ARGS)

# What measures runs alone, the rest on every processor: tests/conftest.py says which.
test: lint
	@$(RUN) tests $(ARGS)

# apply and rollback killed, interrupted and let fail at every step; prints how many were survived. Needs strace, netns.
test-crash: $(VENV)/.ready-dev
	@WSTUNE_REQUIRE=strace,netns $(RUN) pytest -q -s tests/crash $(ARGS)

# A Debian with systemd whose power is cut. Needs root, qemu, mmdebstrap, e2fsprogs; the first run downloads Debian.
test-vm: $(VENV)/.ready-dev
	@WSTUNE_VM=1 WSTUNE_REQUIRE=qemu,root $(RUN) pytest -q -s tests/vm $(ARGS)

lint: $(VENV)/.ready-dev
	@$(RUN) ruff format --check --quiet .
	@$(RUN) ruff check --quiet .
	@$(RUN) mypy

# The documents as pages, in build/docs; a warning is an error.
docs: $(VENV)/.ready-dev
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet

bench-open: $(VENV)/.ready-dev
	@$(RUN) benchmarks.open $(ARGS)

bench-million: $(VENV)/.ready-dev
	@$(RUN) benchmarks.million $(ARGS)

bench-two-million: $(VENV)/.ready-dev
	@$(RUN) benchmarks.million --two $(ARGS)

bench-peers: $(VENV)/.ready-dev
	@$(RUN) benchmarks.peers $(ARGS)

bench-fanout: $(VENV)/.ready-dev
	@$(RUN) benchmarks.fanout $(ARGS)

bench-hostile: $(VENV)/.ready-dev
	@$(RUN) benchmarks.hostile $(ARGS)

bench-cluster: $(VENV)/.ready-dev
	@$(RUN) benchmarks.cluster $(ARGS)

bench-scenario: $(VENV)/.ready-dev
	@$(RUN) benchmarks.scenario $(ARGS)

bench-check: $(VENV)/.ready
	@$(RUN) benchmarks.check $(ARGS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two stamps: a newcomer who runs `make verify` does not wait for the tools of `make test`.
$(VENV)/.ready: $(CONTENTS)
	$(install)
	@touch $@

$(VENV)/.ready-dev: $(CONTENTS)
	$(install)
	@$(PIP) --constraint constraints.txt --no-build-isolation --editable '.[dev]' >>$(LOG) 2>&1 || $(say_why)
	@touch $(VENV)/.ready $@

LOG = $(VENV)/setup.log
PIP = $(RUN) pip install --disable-pip-version-check --progress-bar off --retries 2
say_why = { "$(PYTHON)" tools/reason.py $(LOG) >&2; exit 1; }

# One sentence for each thing that may be missing. The whole output of pip is in the log. What a user runs is locked with
# hashes, and so is what builds it.
define install
@test -n "$(PYTHON)" || { echo "wstune needs Python 3.11 or newer, and there is none on the PATH: install it (Debian: apt-get install python3 python3-venv), or say make PYTHON=/path/to/python3." >&2; exit 1; }
@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks the venv module: install it (Debian: apt-get install python3-venv)." >&2; exit 1; }
@$(RUN) pip --version >/dev/null 2>&1 || { echo "Setting up $(VENV), once." >&2; "$(PYTHON)" -m venv --clear $(VENV); }
@$(PIP) --require-hashes --only-binary :all: --requirement requirements.txt >$(LOG) 2>&1 || $(say_why)
@$(PIP) --no-deps --no-build-isolation --editable . >>$(LOG) 2>&1 || $(say_why)
endef
