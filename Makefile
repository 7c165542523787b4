# The book's commands; `make` alone lists them. Works with GNU make 3.81 (macOS).
#
# PYTHON      the Python that makes .venv, 3.11 or newer          make book PYTHON=python3.12
# TORCH       PyTorch's build: cpu, cu126, cu130 ... or a URL     make book TORCH=cpu
#             (unset: what the package index gives; on Linux PyPI gives the CUDA build, several GB)
# NB_WORKERS  notebooks that run at the same time                 make book NB_WORKERS=1

PYTHON ?= python3
TORCH ?=
NB_WORKERS ?= 3
PORT ?= 8000
URL ?=
VERSION ?=
# A file of tests stays on one worker: it shares what it has set up.
PYTEST_ARGS ?= -n 2 --dist loadscope --no-loadscope-reorder
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
export TORCH NB_WORKERS

.PHONY: help setup site book test lint fix clean serve assignments figures results bench lighthouse lock address colab release

help: ## list the commands
	@echo "make book     run every notebook and build the site into _build/html"
	@echo "make test     the whole test suite, every notebook included"
	@echo "make lint     check style: Python, notebooks, workflows; that address and version agree"
	@echo "make fix      mend what make lint can mend by itself"
	@echo "make serve    show the built site at http://127.0.0.1:$(PORT)/"
	@echo "make assignments    make what instructors hand out and grade with, into _build/assignments"
	@echo "make figures  draw the figure of the README and the landing page anew"
	@echo "make results  measure the tables of stand-ins again (about 2 hours; goes on where it was stopped)"
	@echo "make bench    measure what speed is claimed, as ratios (about 45 minutes, on a calm machine)"
	@echo "make lighthouse    measure the built site as Lighthouse does (on a calm machine; needs Lighthouse)"
	@echo "make lock     write requirements.txt anew (UPGRADE=1: with the newest versions)"
	@echo "make address URL=https://github.com/OWNER/NAME    write a fork's address everywhere"
	@echo "make colab    install the book as Colab does, in an environment like Colab's (needs uv; asks PyPI)"
	@echo "make release VERSION=0.2.0    write the version everywhere, commit, tag"
	@echo "make clean    delete what was built (.venv stays)"
	@echo "Settings: PYTHON=$(PYTHON) TORCH=$(TORCH) NB_WORKERS=$(NB_WORKERS)"

setup:
	@command -v $(PYTHON) >/dev/null 2>&1 || \
	  { echo "There is no $(PYTHON) here: install Python 3.11 or newer, or say make book PYTHON=/path/to/it." >&2; exit 1; }
	@$(PYTHON) tools/setup_env.py

site: setup
	@$(BIN)/python tools/build_book.py

book: site
	@echo "The book is ready: open _build/html/index.html, or say make serve."

test: site
	@PYTHONHASHSEED=0 $(BIN)/python -m pytest $(PYTEST_ARGS) || \
	  { echo "The tests failed; what failed is above. The site itself is built: _build/html/index.html" >&2; exit 1; }
	@echo "All tests passed. The site: _build/html/index.html"

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python tools/notebooks.py --check
	@$(BIN)/python tools/address.py --check
	@$(BIN)/python tools/figures.py --check
	@$(BIN)/python tools/release.py --check
	@$(BIN)/python tools/workflows.py

fix: setup
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@$(BIN)/python tools/notebooks.py --fix

serve:
	@test -f _build/html/index.html || { echo "There is no site yet: say make book first." >&2; exit 1; }
	@echo "The book is at http://127.0.0.1:$(PORT)/ (Ctrl-C stops it)"
	@$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html >/dev/null 2>&1

assignments: setup
	@$(BIN)/python tools/assignments.py

figures: setup
	@$(BIN)/python tools/figures.py

results: setup
	@$(BIN)/python tools/results.py

bench: setup
	@$(BIN)/python tools/bench.py

lighthouse: setup
	@$(BIN)/python tools/lighthouse.py

lock:
	@$(PYTHON) tools/lock.py $(if $(UPGRADE),--upgrade)

address: setup
	@test -n "$(URL)" || { echo "Say make address URL=https://github.com/OWNER/NAME" >&2; exit 1; }
	@$(BIN)/python tools/address.py "$(URL)"

colab: setup
	@$(BIN)/python tools/colab_check.py

release: setup
	@test -n "$(VERSION)" || { echo "Say make release VERSION=0.2.0" >&2; exit 1; }
	@$(BIN)/python tools/release.py "$(VERSION)"

clean:
	@rm -rf _build build dist .pytest_cache .ruff_cache *.egg-info
	@echo "Deleted what was built; .venv stays (rm -rf .venv deletes it)."
