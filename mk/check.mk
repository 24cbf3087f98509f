# Tests, helpers and the two commands of the README. Included at the end of the Makefile.

ASAN := BUILD=build/asan OPT="-O1 -g1" SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"
TSAN := BUILD=build/tsan OPT="-O1 -g1" SAN="-fsanitize=thread"
# ThreadSanitizer of Debian 12 does not know how wide newer kernels spread memory.
NO_ASLR := $(if $(shell setarch -R true 2>&1),,setarch -R)
PYTEST := $(PYTHON) -B -m pytest -p no:cacheprovider -q --tb=short
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang

.PHONY: run check deps lint replay integration thread unit-asan thread-tsan fuzz-corpus fuzz tidy help

run:
	@exec scripts/run

check:
	@exec scripts/check

deps:
	@scripts/need check

lint:
	@$(PYTHON) -B tests/lint/lint.py

replay: all
	@$(PYTEST) $(ARGS) tests/replay

integration: all
	@$(PYTEST) $(ARGS) tests/integration

thread: $(THREAD_BINS)
	@set -e; for t in $(THREAD_BINS); do $(NO_ASLR) $$t; done

unit-asan:
	@$(MAKE) --no-print-directory $(ASAN) unit

thread-tsan:
	@$(MAKE) --no-print-directory $(TSAN) thread

.PHONY: fuzz-replay
fuzz-replay: $(FUZZ_BINS)
	@set -e; for t in $(FUZZ_BINS); do n=$${t##*/fuzz_}; CORPUS=tests/fuzz/corpus/$$n $$t; done

fuzz-corpus:
	@$(MAKE) --no-print-directory $(ASAN) fuzz-replay

# Real fuzzing, FUZZ_SECONDS a target; what it finds goes to build/fuzzing.
fuzz: $(FUZZ_SRCS)
	@set -e; mkdir -p build/fuzzing; for f in $(FUZZ_SRCS); do n=$$(basename $$f .c); n=$${n#fuzz_}; \
	    echo "== $$n"; mkdir -p build/fuzzing/$$n tests/fuzz/corpus/$$n; \
	    $(FUZZ_CC) $(ALL_CPPFLAGS) -Isrc -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined \
	        -fno-sanitize-recover=all -o build/fuzzing/fuzz_$$n $$f $(SRCS) $(PKG_LIBS) -pthread; \
	    build/fuzzing/fuzz_$$n -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	        -artifact_prefix=build/fuzzing/$$n- build/fuzzing/$$n tests/fuzz/corpus/$$n; done

tidy:
	@clang-tidy --quiet $(SRCS) $(MAINS) -- $(ALL_CPPFLAGS) -Isrc -std=c11

print-%:
	@echo $($*)

help:
	@echo 'make              build/rcptguardd and build/rcptguard'
	@echo 'make run          install what is missing, build, run the quick start on 127.0.0.1:10040'
	@echo 'make check        install what the tests need, build, run all tests'
	@echo 'make deps         only install what build and tests need'
	@echo 'make unit         unit tests           (unit-asan: under address and UB sanitizers)'
	@echo 'make thread       thread tests         (thread-tsan: under the thread sanitizer)'
	@echo 'make lint         arrows between rooms, purity, format, words'
	@echo 'make replay       what a real Postfix was seen to send   ARGS=... goes to pytest'
	@echo 'make integration  real Postfix, nginx, editors, kill -9  ARGS=... goes to pytest; root'
	@echo 'make fuzz-corpus  all fuzz inputs once, under sanitizers'
	@echo 'make fuzz         real fuzzing with clang, FUZZ_SECONDS=60 a target'
	@echo 'make bench        speed and memory, as ratios   ARGS=--help; what it compares with: scripts/need bench'
	@echo 'make bench-report docs/benchmarks.md of JSON=FILE, which a bench wrote'
	@echo 'make man          the manual pages, from man/*.in and the tables of the program'
	@echo 'make format       clang-format-19 over the tree; make tidy: clang-tidy'
	@echo 'make install      DESTDIR= PREFIX=/usr/local; make uninstall: all but configuration and state'
	@echo 'make dist         the tarball, the same bytes wherever it is made'
	@echo 'make deb          the Debian package, in build/deb'
	@echo 'make check-package  builds, lints, installs, upgrades, purges it in a clean Debian 12 and 13; root'
	@echo 'make clean        remove build/'
