PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
PROJECT ?= sample
AS_OF ?=

.PHONY: nightly test lint notebooks screenshot clean

nightly: $(VENV)/.runtime
ifeq ($(PROJECT),sample)
	@test -f var/sample/crm.sqlite || $(BIN)/salesml sample var/sample
	@test -f var/sample/municipal/.imported || { \
		$(BIN)/salesml municipal import -p sample var/sample/published && \
		touch var/sample/municipal/.imported; }
endif
	@$(BIN)/python -m flows.nightly -p $(PROJECT) $(if $(AS_OF),--as-of $(AS_OF))

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# each notebook as a plain script, as the tests run them
notebooks: $(VENV)/.dev
	@for each in notebooks/*.py; do \
		echo "$$each" && MPLBACKEND=Agg $(BIN)/python $$each || exit 1; \
	done

# the picture in the README: two nights of the sample, a week apart, in a scratch folder
screenshot: $(VENV)/.dev
	$(BIN)/python -m tests.browser.screenshot docs/report.png

clean:
	rm -rf var

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.runtime
