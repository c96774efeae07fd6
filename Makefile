# Lapwing: the commands of every day. `make help` lists them; the logic lives in Rust and in tests/support.
.DEFAULT_GOAL := help
SHELL := /bin/bash
CARGO ?= cargo
OUT ?= target/eval
# Evaluations say what they need where it is missing.
data = $(if $(DATA),$(DATA),$(error name the folder with the labelled sets: make $@ DATA=FOLDER OUT=FOLDER))

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

.PHONY: setup
setup: ## Install what a build needs and is missing (Debian, Ubuntu); elsewhere say what is
	@tests/support/setup.sh build

.PHONY: run
run: setup ## Build and start everything in one process; Ctrl-C stops it
	$(CARGO) run --release --bin lapwing -- up

.PHONY: demo
demo: setup ## Play the demonstration against a running `make run`
	$(CARGO) run --release --bin lapwing -- demo

.PHONY: test
test: setup ## All tests that need no other server
	$(CARGO) test --workspace --locked

.PHONY: python
python: setup ## Build the wheel of the Python SDK and run its tests against the debug binary
	python/check.sh

.PHONY: check
check: ## Type-check everything, fast
	$(CARGO) check --workspace --all-targets --locked

.PHONY: lint
lint: setup ## Formatting, clippy and rustdoc, with warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(CARGO) fmt --manifest-path python/Cargo.toml --check
	$(CARGO) clippy --manifest-path python/Cargo.toml --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

.PHONY: kafka-test
kafka-test: ## The conformance suite and the end-to-end test over a real Apache Kafka
	@tests/support/setup.sh build kafka
	tests/support/kafka/broker.sh fetch
	tests/support/kafka/broker.sh run $(CARGO) test --locked -p lapwing-bus --features kafka-tests --test kafka
	tests/support/kafka/broker.sh run $(CARGO) test --locked -p lapwing --features kafka-tests --test kafka

.PHONY: faults
faults: setup ## Faults against the running processes, on both buses; FAULTS="--rounds 20 --seed 7 --only kill" for more
	$(CARGO) test --quiet --locked -p lapwing --features faults --test faults -- $(FAULTS)
	@tests/support/setup.sh build kafka
	tests/support/kafka/broker.sh run $(CARGO) test --quiet --locked -p lapwing --features faults --test faults -- --bus kafka $(FAULTS)

.PHONY: bench
bench: setup ## Events/s end to end, and emit-to-searchable and emit-to-alert latency, embedded and over Kafka
	$(CARGO) build --release --locked --bin lapwing
	$(CARGO) bench --locked -p lapwing --bench pipeline -- embedded
	@tests/support/setup.sh build kafka
	tests/support/kafka/broker.sh run $(CARGO) bench --locked -p lapwing --bench pipeline -- kafka

.PHONY: bench-parts
bench-parts: setup ## The benches of the single crates
	$(CARGO) bench --locked -p lapwing-bus -p lapwing-ingest -p lapwing-sanitizer -p lapwing-store -p lapwing-detector -p lapwing-emitter

.PHONY: bench-emitter
bench-emitter: setup ## What is promised of the emitter and the Python SDK, against what is measured
	$(CARGO) build --release --locked --bin lapwing
	$(CARGO) bench --locked -p lapwing-emitter --features http,kafka --bench promises --no-run
	@tests/support/setup.sh build kafka
	LAPWING_BIN=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/lapwing tests/support/kafka/broker.sh run \
		$(CARGO) bench --quiet --locked -p lapwing-emitter --features http,kafka --bench promises
	python/check.sh --bench

.PHONY: bench-store
bench-store: setup ## The store's figures beside their targets, over EVENTS (3 million: half an hour, 5 GB of disk)
	$(CARGO) bench --locked -p lapwing-store --bench store -- $(or $(EVENTS),3000000)

.PHONY: bench-store-growth
bench-store-growth: setup ## A search of one hour over 1 million and over EVENTS (10 million: half an hour, 12 GB of disk)
	$(CARGO) bench --locked -p lapwing-store --bench store -- growth $(or $(EVENTS),10000000)

.PHONY: eval-pii
eval-pii: setup ## Run the sanitizer over DATA=<folder of *.jsonl[.gz]>, write predictions to OUT=<folder>
	$(CARGO) run --release --locked -p lapwing-sanitizer --example eval_pii -- $(data) $(OUT)

.PHONY: eval-detector
eval-detector: setup ## Fit and score DATA=<folder made by prepare.py>, write scores to OUT=<folder>
	$(CARGO) run --release --locked -p lapwing-detector --example eval_detector -- $(data) $(OUT)
