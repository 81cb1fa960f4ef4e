# Caplet: `make demo` shows the whole path on a real model, `make test` runs every test.
# Both install the Debian packages that are missing.

SHELL := /bin/bash
CAPLET := .build/release/caplet
# The Swift runtime goes into the programs: they start sooner, and run where Swift is not installed.
SWIFT_BUILD := swift build -c release --static-swift-stdlib

BUILD_PACKAGES := libopenblas-dev liblapacke-dev libzstd-dev zlib1g-dev libxxhash-dev nettle-dev pkg-config
# qemu and two more: the kernels as they are on ARM. Open MPI: several processes that share the work.
TEST_PACKAGES := zstd python3 python3-venv g++ qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross libopenmpi-dev openmpi-bin procps

PREFIX ?= /usr/local
# The packages of Debian that the program needs where it runs.
RUN_PACKAGES := libopenblas0, liblapacke, libzstd1, zlib1g, libxxhash0, libnettle8

.PHONY: all build python3 mpi library wheel wheel-test install uninstall deb deb-test commands demo compare docs test test-build soak damage tsan fuzz benchmark scale frontier ranks generation python clean packages test-packages

all: build

## packages: the libraries that the build links, from Debian.
packages:
	@.ci/install-packages $(BUILD_PACKAGES)

test-packages:
	@.ci/install-packages $(BUILD_PACKAGES) $(TEST_PACKAGES)

# What is made with Python says so before anything is built.
python3:
	@command -v python3 >/dev/null || { echo "make: there is no python3, which manual pages and wheels are made with: apt-get install python3" >&2; exit 69; }

COMMIT_HEADER := Sources/CVersion/commit.h
# The commit for `caplet --version`, where there is a repository; the source beside it is built again for it.
define name_commit
	@commit=$$(git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null) && \
		printf '#define CAPLET_COMMIT "%s"\n' "$$commit" > $(COMMIT_HEADER) || rm -f $(COMMIT_HEADER)
	@touch Sources/CVersion/version.c
endef

## build: the release build of the command line tool.
build: packages
	$(call name_commit)
	trap 'rm -f $(COMMIT_HEADER)' EXIT; $(SWIFT_BUILD) --product caplet

## mpi: .build/release/libcaplet-mpi.so, through which processes that mpirun or srun starts share the work, by the user's own MPI; MPICC names its compiler.
MPICC ?= mpicc
mpi:
	mkdir -p $(dir $(CAPLET))
	$(MPICC) -O2 -Wall -fPIC -shared -o $(dir $(CAPLET))libcaplet-mpi.so Sources/MessagePassing/MPI/caplet-mpi.c

C_LIBRARY := .build/release/libcaplet-c.so
## library: the library for C and Python, .build/release/libcaplet-c.so; caplet.h is in Sources/CCaplet/include.
library: packages
	$(SWIFT_BUILD) --product caplet-c
	Sources/CCaplet/link.sh .build/release $(C_LIBRARY) -static-stdlib

## wheel: the Python package with that library in it, .build/wheel/caplet-VERSION-py3-none-PLATFORM.whl.
wheel: python3 library
	rm -rf .build/wheel && mkdir -p .build/wheel
	CAPLET_LIBRARY=$(C_LIBRARY) PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=formats/caplet/reference \
		python3 -c 'import wheel_backend; print(".build/wheel/" + wheel_backend.build_wheel(".build/wheel"))'

## wheel-test: that wheel installed in a fresh environment (network, for numpy); its files beside the command line's.
wheel-test: wheel build
	Tests/Install/wheel.sh .build/wheel/caplet-*.whl $(CAPLET)

## install: the program, its manual page, and completions for bash, zsh and fish, under PREFIX; DESTDIR goes before it.
install: python3 build
	install -D -m 755 $(CAPLET) $(DESTDIR)$(PREFIX)/bin/caplet
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1 bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	set -o pipefail; $(CAPLET) --experimental-dump-help | python3 docs/manual.py man "$$($(CAPLET) --version | cut -d' ' -f1)" > $(DESTDIR)$(PREFIX)/share/man/man1/caplet.1
	if [ -f $(dir $(CAPLET))libcaplet-mpi.so ]; then install -D -m 755 $(dir $(CAPLET))libcaplet-mpi.so $(DESTDIR)$(PREFIX)/lib/caplet/libcaplet-mpi.so; fi
	$(CAPLET) --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/caplet
	$(CAPLET) --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_caplet
	$(CAPLET) --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/caplet.fish

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/caplet lib/caplet/libcaplet-mpi.so share/man/man1/caplet.1 share/bash-completion/completions/caplet \
		share/zsh/site-functions/_caplet share/fish/vendor_completions.d/caplet.fish)

## deb: a package for Debian, .build/caplet_VERSION_ARCHITECTURE.deb.
deb: build
	rm -rf .build/deb
	$(MAKE) install DESTDIR=.build/deb PREFIX=/usr
	mkdir -p .build/deb/DEBIAN .build/deb/usr/share/doc/caplet && cp LICENSE .build/deb/usr/share/doc/caplet/copyright
	printf 'Package: caplet\nVersion: %s\nArchitecture: %s\nMaintainer: Caplet\nSection: science\nPriority: optional\nDepends: %s\nDescription: %s\n %s\n' \
		"$$($(CAPLET) --version | cut -d' ' -f1)" "$$(dpkg --print-architecture)" "libc6, libstdc++6, $(RUN_PACKAGES)" \
		"converts, compresses and packs model checkpoints" "Reads and writes safetensors, GGUF, npy and its own format of low-rank and sparse weights." \
		> .build/deb/DEBIAN/control
	dpkg-deb --root-owner-group --build .build/deb .build/caplet_$$($(CAPLET) --version | cut -d' ' -f1)_$$(dpkg --print-architecture).deb

## deb-test: that package installed, used and removed on a clean Debian of this machine's release (root, mmdebstrap, network; some minutes).
deb-test: deb
	@.ci/install-packages mmdebstrap
	Tests/Install/deb.sh .build/caplet_$$($(CAPLET) --version | cut -d' ' -f1)_$$(dpkg --print-architecture).deb

## commands: docs/commands.md, made of the program's declarations.
commands: python3 build
	set -o pipefail; $(CAPLET) --experimental-dump-help | python3 docs/manual.py markdown > docs/commands.md

## demo: compress the bundled model to half its linear parameters and show what it cost.
demo: build
	$(SWIFT_BUILD) --product caplet-demo
	.build/release/caplet-demo $(CAPLET) Examples demo

## compare: the methods at 70, 50 and 30 % of the bundled model's linear parameters: README's table, and comparison/compare.html.
compare: build
	$(CAPLET) compare Examples/wren-7m -o comparison --context 256 --calibration Examples/text/speeches-calibration.txt \
		--text Examples/text/speeches-evaluation.txt

## python: the virtual environment with the tools that the tests compare with.
python: test-packages
	Tests/Environment/make.sh .build/python

TEST_OPTIONS := -c release -Xswiftc -enable-testing --scratch-path .build/tests

## test-build: what `make test` runs, built.
test-build: test-packages
	swift build --build-tests $(TEST_OPTIONS)

## test: every test, in release: in debug the numerical ones would take many times as long.
test: test-build python
	CAPLET_TEST_PYTHON=$(CURDIR)/.build/python/bin/python python3 Tests/Environment/run_tests.py \
		.build/tests/release/capletPackageTests.xctest $(if $(ONLY),--only '$(ONLY)')

## docs: the documentation of the two libraries, in .build/plugins/Swift-DocC/outputs.
docs: packages
	for target in Caplet CapletRuntime; do swift package generate-documentation --target $$target --warnings-as-errors || exit 1; done

## soak: kills caplet at KILLS random moments, in every verb and with every kind of output, and looks at what is left.
soak: build
	python3 Tests/Soak/soak.py $(CAPLET) --kills $(or $(KILLS),1000) --seed $(or $(SEED),0)

## damage: flips FLIPS bits of outputs, unfinished work and lists of files, and looks whether it is noticed.
damage: build
	python3 Tests/Soak/damage.py $(CAPLET) --flips $(or $(FLIPS),1000) --seed $(or $(SEED),0)

## tsan: what runs on several threads, under ThreadSanitizer, the C kernels too: the tests of these modules, a conversion, a pass.
# Of these, thousands of small files read on one thread take minutes and tell nothing.
TSAN_TESTS := ExecutionTests|ModelGraphTests|CapletFormatTests|FormatKitTests|CapletRuntimeTests
tsan: export TSAN_OPTIONS := halt_on_error=1
tsan: test-packages python
	CAPLET_TEST_PYTHON=$(CURDIR)/.build/python/bin/python \
		swift test --sanitize=thread --disable-swift-testing --scratch-path .build/tsan --filter '^($(TSAN_TESTS))\.' \
		--skip 'DamageTests/testEveryFlippedBitIsCaught'
	rm -rf .build/tsan-run && mkdir .build/tsan-run
	.build/tsan/debug/caplet convert Examples/wren-7m -o .build/tsan-run/q4.gguf --dtype q4_0 --threads 4
	.build/tsan/debug/caplet convert Examples/wren-7m -o .build/tsan-run/wren.caplet --threads 4
	.build/tsan/debug/caplet compress Examples/wren-7m -o .build/tsan-run/pruned.caplet --pipeline magnitude --threads 4

## fuzz: every parser on changed inputs under AddressSanitizer, FUZZ_RUNS of them each (10000000 for a full run).
fuzz: packages
	FUZZ_RUNS=$(or $(FUZZ_RUNS),1000000) FUZZ_TARGETS="$(FUZZ_TARGETS)" Tests/Fuzzing/run.sh

## benchmark: conversion, packing, casts, block codecs, linear algebra and models beside other tools: a table, and .build/benchmark.json. SIZE is that
## of the checkpoint made; WORK="rpca svt forward allocation layerwise" runs some of these alone, LARGE=1 larger matrices too.
SIZE ?= 1GB
benchmark: build python
	$(SWIFT_BUILD) --product caplet-work
	.build/python/bin/python Benchmarks/benchmark.py --size $(SIZE) $(if $(WORK),--work "$(WORK)") $(if $(LARGE),--large)

## scale: memory and time of a made 12 GB checkpoint to GGUF Q8_0 and back, and of compressing one of 30 GB under a limit of 2 GiB (90 GB of disk).
scale: build python
	.build/python/bin/python Benchmarks/conversion_at_scale.py
	.build/python/bin/python Benchmarks/compression_at_scale.py

## frontier: bytes against loss, llama-quantize's files of the bundled model beside `compress --size`: a table, and frontier/frontier.svg.
frontier: build python
	.build/python/bin/python Benchmarks/frontier.py

## ranks: the bundled model compressed by 1, 2, 4 and 8 processes: operations of the busiest, bytes that move, seconds; MODEL=0.3B for a made one.
ranks: build mpi python
	.build/python/bin/python Benchmarks/ranks.py $(if $(MODEL),--model $(MODEL))

## generation: tokens a second and memory of packed models beside the dense one and llama.cpp: a table, and .build/generation/generation.json.
generation: build python
	.build/python/bin/python Benchmarks/generation.py

clean:
	rm -rf .build demo comparison frontier
