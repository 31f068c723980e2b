# The two commands that matter are `make repro` and `make test`; `make help` prints the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# Stages run `python`, which must be the environment's; what they use stays quiet.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := true
export HF_HUB_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help repro test lint check-types docs ui report compare plots experiments track recipe translate demo pictures experiment register serve reliability tables bench audit gc dist lock clean

help:  ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The environment's programs hold its path, so a folder that was moved or copied needs a new one.
ifneq ($(wildcard $(READY)),)
ifneq ($(shell cat $(READY)),$(CURDIR))
$(shell rm -f $(READY))
CLEAR := --clear
endif
endif

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5))' || \
		{ echo "Python 3.11.5 or newer is needed, and $(PYTHON) is `$(PYTHON) --version`: make PYTHON=python3.11 ..."; exit 1; }
	@echo "Making the environment in $(VENV) (some minutes, about 2 GB) ..."
	@$(PYTHON) -m venv $(CLEAR) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(BIN)/attn2seq plots --prepare
	@git rev-parse --git-dir >/dev/null 2>&1 || { \
		echo "This folder is not a git repository: make repro works, experiments and compare need one (git init)."; \
		$(BIN)/dvc config --quiet --local core.no_scm true; }
	@echo "$(CURDIR)" > $(READY)

repro: $(READY)  ## Rebuild everything that is not up to date, and print the scores
	@attn2seq check
	@python -m attn2seq.workspace.quiet_dvc repro
	-@python -m attn2seq.runs.show --quiet
	@attn2seq summary

test: $(READY)  ## Run the tests, on up to eight processors
	@python -m pytest --numprocesses logical --maxprocesses 8

lint: $(READY)  ## Style, types and the import law
	@ruff check . && ruff format --check . && mypy && lint-imports

ui: PORT ?= 5000
ui: $(READY)  ## Open MLflow's pages (PORT=5000), or print a server's links
	@attn2seq ui --port $(PORT)

report: export AGAINST := $(value AGAINST)
report: $(READY)  ## Rebuild the report, print its path (AGAINST=main: compared with)
	@attn2seq check && python -m attn2seq.workspace.quiet_dvc repro report && echo "open $(CURDIR)/results/report/index.html"
	@if [ -n "$$AGAINST" ]; then attn2seq compare --page -- "$$AGAINST"; fi

compare: export AGAINST := $(value AGAINST)
compare: $(READY)  ## Compare with another run (AGAINST=commit, experiment or folder)
	@attn2seq compare -- "$$AGAINST"

experiments: $(READY)  ## List DVC's experiments: scores, and the params each changed
	@attn2seq experiments

plots: $(READY)  ## Draw the curves of all experiments (REVS="main other": of these)
	@attn2seq plots $(REVS)

track: $(READY)  ## Add what MLflow lacks (ALL=1: of every commit and experiment)
	@attn2seq track $(if $(ALL),--all)

recipe: $(READY)  ## Write a recipe into params.yaml (NAME=multi30k-en-de)
	@attn2seq recipe $(NAME)

translate: export TEXT := $(value TEXT)
translate: $(READY)  ## Translate TEXT="...", or standard input, with the trained model
	@if [ -n "$$TEXT" ]; then attn2seq translate -- "$$TEXT"; else attn2seq translate; fi

demo: PORT ?= 8000
demo: $(READY)  ## Serve a page on this machine to type sentences into (PORT=8000)
	@attn2seq demo --port $(PORT)

pictures: $(READY)  ## Retake the README's pictures (needs Chromium and make repro)
	@PYTHONPATH=src:tests/tools python tests/tools/pictures.py

experiment: $(READY)  ## Run one, or a grid (SET="-S train.seed=1,2", QUEUE=1, JOBS=2)
	@attn2seq experiment $(SET) $(if $(QUEUE),--queue) $(if $(JOBS),--jobs $(JOBS))

register: export RUN := $(value RUN)
register: $(READY)  ## Make the best model by dev score the champion (RUN=name, FORCE=1)
	@attn2seq register $${RUN:+--run "$$RUN"} $(if $(FORCE),--force)

serve: PORT ?= 5001
serve: $(READY)  ## Serve the champion on this machine (PORT=5001)
	@attn2seq serve --port $(PORT)

reliability: $(READY)  ## Run the tests of every promise, and write docs/reliability.md
	@python -m pytest -m promise --all-cases --promises docs/reliability.md

tables: $(READY)  ## Make the tables of docs/results.md (hours; resumes)
	@PYTHONPATH=src python -m benchmarks.tables $(TABLES)

bench: $(READY)  ## Measure speed and memory: benchmarks/results/ (SCRIPTS="latency")
	@PYTHONPATH=src python -m benchmarks $(SCRIPTS)

audit: $(READY)  ## Look up known vulnerabilities of the packages (needs a network)
	@said=$$(mktemp) && trap 'rm -f "$$said"' EXIT; \
	if found=$$(pip-audit --strict --no-deps --disable-pip --progress-spinner off \
			-r constraints.txt 2>"$$said"); then \
		echo "No known vulnerabilities in the packages of constraints.txt."; \
	elif [ -n "$$found" ]; then \
		echo "$$found"; exit 1; \
	else \
		tail -n 1 "$$said"; \
		echo "The packages could not be checked: the service did not answer for all of them. make audit needs a network."; exit 1; \
	fi

gc: $(READY)  ## List what the caches can spare, ask, remove it (YES=1, ALL=1)
	@attn2seq gc $(if $(YES),--yes) $(if $(ALL),--all)

docs: PORT ?= 8080
docs: $(READY)  ## Build the documentation, and serve it on this machine (PORT=8080)
	@PYTHONPATH=src python docs/site/pages.py .cache/site && zensical build --strict
	@echo "http://127.0.0.1:$(PORT)/index.html, until Ctrl-C"
	@python -m http.server $(PORT) --bind 127.0.0.1 --directory site 2>/dev/null || true

# Times in the archives are the commit's, so that the same commit gives the same bytes.
dist: $(READY)  ## Build wheel, source archive and bill of materials into dist/
	@rm -rf dist && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) hatchling build --directory dist
	@PYTHONWARNINGS=ignore cyclonedx-py requirements lock.txt --pyproject pyproject.toml --output-reproducible \
		--output-file dist/attn2seq.cdx.json
	@cd dist && sha256sum * | tee SHA256SUMS

lock: LOCK = uv pip compile --quiet pyproject.toml --extra export --extra hub --extra languages \
	--extra pipeline --extra serve --extra speech --constraints constraints.txt --generate-hashes \
	--universal --python-version 3.11 --custom-compile-command "make lock"
lock: $(READY)  ## Resolve the locks anew from constraints.txt (needs a network)
	@$(LOCK) --output-file lock.txt
	@$(LOCK) --output-file lock-cpu.txt --torch-backend cpu

clean:  ## Remove what stages wrote; caches, runs and committed results stay
	@git clean -fdXq -- data/raw data/prepared data/tokenized models results
