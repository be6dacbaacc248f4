# The daily commands. `just` alone lists them.

[private]
default:
    @just --list

# Build the CLI and every function
build:
    cargo build --workspace

# All tests of the workspace
test *arguments:
    cargo test --workspace {{ arguments }}

# Format, then lint as CI does
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# The whole story on the embedded cloud
demo *arguments:
    cargo run -- demo {{ arguments }}

# Engine and embedded cloud until Ctrl-C
local *arguments:
    cargo run -- local {{ arguments }}

# Check template.yaml and the state machine
template:
    .ci/run template statemachine

# Install the template into ministack and roll a service out there
acceptance:
    .ci/run build acceptance

# Follow releases in the page, in a browser
browser:
    .ci/run build browser

# Hold the embedded cloud's answers against AWS's API models
aws-model:
    .ci/run aws-model

# Make the table of AWS's APIs and the JSON Schemas of service files and events, then test them
schema:
    python3 -m venv target/python/schema
    target/python/schema/bin/pip install --quiet --requirement schema/requirements.txt
    target/python/schema/bin/python schema/generate.py
    target/python/schema/bin/python -m pytest -p no:cacheprovider schema
    target/python/schema/bin/python events/schemas/generate.py

# Everything that CI runs
ci:
    .ci/run

# Build the functions for Lambda and install them into AWS
deploy *arguments:
    sam build
    sam deploy {{ arguments }}
