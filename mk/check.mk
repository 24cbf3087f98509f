# Tests, helpers and the two commands of the README. Included at the end of the Makefile.

ASAN := BUILD=build/asan OPT="-O1 -g1" SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"
TSAN := BUILD=build/tsan OPT="-O1 -g1" SAN="-fsanitize=thread"
# ThreadSanitizer of Debian 12 does not know how wide newer kernels spread memory.
NO_ASLR := $(if $(shell setarch -R true 2>&1),,setarch -R)
PYTEST := $(PYTHON) -B -m pytest -p no:cacheprovider -q --tb=short

.PHONY: run check torture deps lint replay integration thread unit-asan thread-tsan fuzz-corpus fuzz fuzz-merge static help

run:
	@exec scripts/run

check:
	@exec scripts/check

torture:
	@exec scripts/torture $(ARGS)

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

# Real fuzzing with MINUTES, TARGETS, ENGINE: see scripts/fuzz. What it finds goes to build/fuzzing.
fuzz:
	@scripts/need fuzz
	@scripts/fuzz

fuzz-merge:
	@scripts/need fuzz
	@ENGINE=libfuzzer scripts/fuzz merge

# Lines and branches that the tests reach which do not wait: unit, replay, fuzz corpora. gcovr adds them up.
COVERAGE := BUILD=build/coverage OPT="-O0 -g" HARD= SAN=--coverage
.PHONY: coverage
coverage:
	@find build/coverage -name '*.gcda' -delete 2>/dev/null; true
	@$(MAKE) --no-print-directory $(COVERAGE) unit fuzz-replay >build/coverage.log 2>&1 || { tail build/coverage.log; exit 1; }
	@$(MAKE) --no-print-directory $(COVERAGE) all >>build/coverage.log 2>&1
	@RCPTGUARD_BUILD=build/coverage $(PYTEST) tests/replay >>build/coverage.log 2>&1 || { tail build/coverage.log; exit 1; }
	@$(PYTHON) -B tests/coverage.py build/coverage

# The profiles are .cppcheck and .clang-tidy: what is not heard, and why. Minutes, so not in `make check`.
static:
	@scripts/need static
	@cppcheck -q -j"$$(nproc)" --std=c11 --enable=warning,performance,portability,style --error-exitcode=1 \
		--library=posix --library=gnu --library=.cppcheck.cfg --suppressions-list=.cppcheck \
		--suppress=missingIncludeSystem --template=gcc -Iinclude -Isrc src
	@mkdir -p build/static
	@printf '%s\n' $(ALL_CPPFLAGS) -I$(CURDIR)/include -I$(CURDIR)/src -std=c11 >build/static/compile_flags.txt
	@printf '%s\n' $(SRCS) $(MAINS) | xargs -P "$$(nproc)" -n 8 clang-tidy --quiet -p build/static 2>build/static/log

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
	@echo 'make fuzz         all fuzz targets side by side   MINUTES=10 TARGETS="policy config" ENGINE=afl'
	@echo 'make fuzz-merge   takes inputs that reach new code into tests/fuzz/corpus'
	@echo 'make torture      failing calls, full disks, kill -9, floods; 20 minutes; ARGS=--help; root'
	@echo 'make bench        speed and memory, as ratios   ARGS=--help; what it compares with: scripts/need bench'
	@echo 'make coverage     lines and branches that unit tests, replay and fuzz corpora reach (gcovr)'
	@echo 'make bench-report docs/benchmarks.md of JSON=FILE, which a bench wrote'
	@echo 'make man          the manual pages, from man/*.in and the tables of the program'
	@echo 'make format       clang-format-19 over the tree'
	@echo 'make static       cppcheck and clang-tidy, without a remark; minutes'
	@echo 'make install      DESTDIR= PREFIX=/usr/local; make uninstall: all but configuration and state'
	@echo 'make dist         the tarball, the same bytes wherever it is made'
	@echo 'make deb          the Debian package, in build/deb'
	@echo 'make check-package  builds, lints, installs, upgrades, purges it in a clean Debian 12 and 13; root'
	@echo 'make clean        remove build/'
