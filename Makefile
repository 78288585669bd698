# Every target sets up what it needs: a virtual environment in .venv and, for tests, programs from apt.
# ARGS="..." is handed on: make up ARGS=--demo, make test ARGS="tests/store -x".

bin := .venv/bin
code := $(wildcard src tests benchmarks examples scripts)

# Python may keep what it has compiled, whatever the environment says: everything starts sooner.
unexport PYTHONDONTWRITEBYTECODE

# Tests see none of the variables of whoever runs them: what passes by its surroundings alone is no pass.
clean = env -i LANG=C.UTF-8 $(foreach name,HOME PATH TERM TMPDIR CI,$(if $($(name)),$(name)="$($(name))"))

on_rabbitmq := tests/amqp tests/exchange tests/extractors tests/cli/test_production_commands.py tests/cli/test_extractors.py

.DEFAULT_GOAL := help
.PHONY: help up test check format bench soak server dev services

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 16

up: server ## run the embedded sink
	@exec $(bin)/eventsink up $(ARGS)

# The journeys run servers, floods and kills of their own, and wait for most of the time: two of them share the machine.
test: dev services ## run the tests
ifdef ARGS
	@$(clean) $(bin)/pytest $(ARGS)
else
	@$(clean) $(bin)/pytest -n 3 --dist loadfile --ignore tests/journeys ; beside=$$? ; $(clean) $(bin)/pytest -n 2 --dist loadfile tests/journeys && exit $$beside
endif

check: dev ## formatting, lint, types, layers, generated documentation
	@$(bin)/ruff format --check --output-format concise .
	@$(bin)/ruff check .
	@$(bin)/mypy $(code)
	@$(bin)/lint-imports --no-logo
	@if [ -x scripts/docs ] ; then scripts/docs --check ; fi
	@if [ -x scripts/grafana ] ; then scripts/grafana --check ; fi
	@if [ -x scripts/tracker ] ; then scripts/tracker --check ; fi

format: dev ## format, and mend what can be mended by itself
	@$(bin)/ruff check --fix-only --quiet .
	@$(bin)/ruff format .

bench: dev services ## measure, and print the tables
	@$(bin)/python -m benchmarks $(ARGS)

# After them the tests of the exchange once more, on RabbitMQ 4.
soak: dev services ## the long runs with faults
ifdef ARGS
	@$(clean) $(bin)/pytest -m soak $(ARGS)
else
	@$(clean) $(bin)/pytest -m soak ; long=$$? ; $(clean) $(bin)/pytest -n 2 --dist loadfile --rabbitmq-4 $(on_rabbitmq) && exit $$long
endif

server dev:
	@scripts/setup $@

services:
	@scripts/install-services
