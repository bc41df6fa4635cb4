# `make run` starts the app, `make test` runs every test; `make` alone lists the rest.
# Another Python than python3: make run PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APP := $(VENV)/.requirements
DEV := $(VENV)/.requirements-dev
STREAMLIT := $(BIN)/streamlit run app.py

.DEFAULT_GOAL := help
.PHONY: help run dev test check format bench pictures

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 16

run: $(APP) ## Start the app and open it in the browser
	$(STREAMLIT)

dev: $(APP) ## The same, reloading when a file changes
	$(STREAMLIT) --server.fileWatcherType=auto --client.toolbarMode=auto --client.showErrorDetails=full

test: $(DEV) ## Run every test
	$(BIN)/python -m pytest

check: $(DEV) ## Lint, format check, types, every test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest

format: $(DEV) ## Put all files into the project's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(DEV) ## Measure speed and memory anew, into docs/benchmarks.md
	$(BIN)/python -m benchmarks

pictures: $(DEV) ## Take the pictures of the page anew, into docs/pictures
	$(BIN)/python -m docs.take_pictures

# The stamps say what has been installed: pip runs again only after its list has changed.
$(APP): requirements.txt | $(BIN)/pip
	$(BIN)/python -m pip install -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(APP)
	$(BIN)/python -m pip install -r requirements-dev.txt
	@touch $@

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "RNN playground needs Python 3.11 or newer, and there is no $(PYTHON)." >&2; exit 1; }
	@$(PYTHON) -c 'import platform, sys; sys.version_info >= (3, 11) or sys.exit("RNN playground needs Python 3.11 or newer, and $(PYTHON) is " + platform.python_version() + ". If a newer one is installed, name it: make run PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) can't make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
