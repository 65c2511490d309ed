# The verbs of this project. `just` is optional: each recipe is a line or two that a shell runs as it is.

bin := ".venv/bin"

# List the verbs
default:
    @just --list --unsorted

# Make .venv with the service in editable form and what the tests need
setup:
    python3 -m venv .venv
    {{bin}}/pip install -e ".[test]"

# Run the service on 127.0.0.1:8000
serve *options:
    {{bin}}/delivery-risk serve {{options}}

# Run the default tests, or those that the arguments name
test *arguments:
    {{bin}}/pytest {{arguments}}

# Run the default tests and measure their coverage
coverage:
    {{bin}}/pytest --cov

# Run ruff and import-linter
lint:
    {{bin}}/ruff check .
    {{bin}}/lint-imports

# Format the code
format:
    {{bin}}/ruff format .
    {{bin}}/ruff check --fix .

# Check the types of the code and of the tests
types:
    {{bin}}/mypy

# Write the generated parts of docs/ and build the site strictly
docs:
    {{bin}}/pip install -q -e ".[docs-site]"
    {{bin}}/python -m docs.generate && {{bin}}/mkdocs build --strict

# Run what CI runs, from a bare clone to the result
ci:
    .ci/run

# Run the tests that take minutes
long:
    {{bin}}/pytest -m long

# Run the tests of deploy/; as root, it first installs the programs they need
deploy:
    bash tests/deploy/install.sh
    {{bin}}/pytest -m "deploy and not long" tests/deploy

# Run the benchmark
bench *arguments:
    {{bin}}/python -m tests.benchmarks.run {{arguments}}
