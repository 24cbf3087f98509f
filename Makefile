# rcptguard. `make help` says what there is. GNU make, pkg-config, C11.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
SHELL := /bin/bash

VERSION := 0.1.0
BUILD   ?= build
CC      ?= cc
OPT     ?= -O2 -g
PYTHON  ?= /usr/bin/python3

# TLS to Redis is a library of its own, from hiredis 1.0 on.
REDIS_TLS = $(eval REDIS_TLS := $(shell pkg-config --exists hiredis_ssl libssl && echo hiredis_ssl libssl))$(REDIS_TLS)
LIBS  = libevent libcurl jansson libidn2 libpsl libcrypto libxxhash zlib libarchive hiredis $(REDIS_TLS)
WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla \
        -Wformat=2 -Wundef -Wwrite-strings
HARD ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
WERROR ?=

# Asked once, when something is built; empty where pkg-config or a library is still missing.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(LIBS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(shell pkg-config --libs $(LIBS)))$(PKG_LIBS)

ALL_CPPFLAGS = -D_GNU_SOURCE -DRCPTGUARD_VERSION='"$(VERSION)"' -Iinclude $(if $(REDIS_TLS),-DRCPTGUARD_REDIS_TLS) \
               $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS   = -std=c11 $(OPT) $(WARN) $(HARD) $(WERROR) $(SAN) $(CFLAGS)
ALL_LDFLAGS  = -pie -Wl,-z,relro,-z,now $(SAN) $(LDFLAGS)

# main() stands alone; everything else is a library that tests and fuzzers link.
MAINS := src/daemon/main.c src/cli/main.c
SRCS  := $(filter-out $(MAINS),$(sort $(wildcard src/*/*.c src/*/*/*.c)))
OBJS  := $(SRCS:%.c=$(BUILD)/%.o)
LIB   := $(BUILD)/librcptguard.a

UNIT_SRCS   := $(sort $(wildcard tests/unit/*/test_*.c))
UNIT_BINS   := $(UNIT_SRCS:tests/unit/%.c=$(BUILD)/unit/%)
THREAD_SRCS := $(sort $(wildcard tests/thread/test_*.c))
THREAD_BINS := $(THREAD_SRCS:tests/thread/%.c=$(BUILD)/thread/%)
FUZZ_SRCS   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS   := $(FUZZ_SRCS:tests/fuzz/%.c=$(BUILD)/fuzz/%)
# Others' indexes, to compare ours with, where their libraries are.
BENCH_MISSING = $(if $(wildcard /usr/include/cdb.h),,tests/bench/index_tinycdb.c) $(if $(wildcard /usr/include/lmdb.h),,tests/bench/index_lmdb.c)
BENCH_SRCS   = $(filter-out $(BENCH_MISSING),$(sort $(wildcard tests/bench/*.c)))
BENCH_BINS   = $(BENCH_SRCS:tests/bench/%.c=$(BUILD)/bench/%)

# Hundreds of test programs are linked; where gold is there it takes a third of the time.
TEST_LINKER = $(eval TEST_LINKER := $(shell command -v ld.gold >/dev/null && echo -fuse-ld=gold))$(TEST_LINKER)

# Tests are many and short: to optimise them takes longer than they run.
TEST_OPT = -O0 -U_FORTIFY_SOURCE

# One line a command; `make V=1` shows them whole.
ifneq ($(V),1)
Q := @
say = @printf '  %-5s %s\n' $(1) $(2)
endif

.PHONY: all
all: $(BUILD)/rcptguardd $(BUILD)/rcptguard

$(BUILD)/rcptguardd: $(BUILD)/src/daemon/main.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -pthread

$(BUILD)/rcptguard: $(BUILD)/src/cli/main.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -pthread

$(LIB): $(OBJS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Its own functions stand in the place of those that bring memory.
$(BUILD)/unit/no_memory/%: ALL_LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap,--wrap=mremap
$(BUILD)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Isrc -Itests/unit $(ALL_CFLAGS) $(TEST_OPT) -MMD -MP $(ALL_LDFLAGS) $(TEST_LINKER) -o $@ $< $(LIB) $(PKG_LIBS) -lcmocka -pthread

$(BUILD)/thread/%: tests/thread/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Isrc $(ALL_CFLAGS) $(TEST_OPT) -MMD -MP $(ALL_LDFLAGS) $(TEST_LINKER) -o $@ $< $(LIB) $(PKG_LIBS) -lcmocka -pthread

# Each fuzz target is an ordinary program here: it replays the files named on its command line.
$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/replay_main.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Isrc $(ALL_CFLAGS) $(TEST_OPT) $(ALL_LDFLAGS) $(TEST_LINKER) -o $@ $< tests/fuzz/replay_main.c $(LIB) $(PKG_LIBS) -pthread

# The same with a fuzzer in the place of that main; see scripts/fuzz.
$(BUILD)/fuzzer/%: tests/fuzz/fuzz_%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Isrc $(ALL_CFLAGS) $(ALL_LDFLAGS) $(FUZZER) -o $@ $< $(LIB) $(PKG_LIBS) -pthread

$(BUILD)/bench/%: tests/bench/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Isrc $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(LIB) $(PKG_LIBS) $(BENCH_LIBS) -lm -pthread

$(BUILD)/bench/index_tinycdb: BENCH_LIBS = -lcdb
$(BUILD)/bench/index_lmdb: BENCH_LIBS = -llmdb

# The pages that hold a table of the program. They are in the repository, so that nobody needs this to install.
MAN_MADE := man/rcptguard.1 man/rcptguard.conf.5

$(BUILD)/manual: man/manual.c $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Isrc $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(LIB) $(PKG_LIBS) -pthread

.PHONY: man
man: $(BUILD)/manual
	@for page in $(MAN_MADE); do $< <$$page.in >$$page.new && mv $$page.new $$page || exit 1; done

# Not of the trees that are built apart.
-include $(shell find $(BUILD) \( -path $(BUILD)/deb -o -path $(BUILD)/package \) -prune -o -name '*.d' -print 2>/dev/null)

.PHONY: unit
unit: $(UNIT_BINS)
	@set -e; for t in $(UNIT_BINS); do $$t; done

# Ratios measured in one run; ARGS=--help lists what can be chosen.
.PHONY: bench
bench: all $(BENCH_BINS)
	@$(PYTHON) -B tests/bench/bench.py $(BUILD) $(ARGS)

# docs/benchmarks.md of what a bench wrote to JSON; needs gnuplot.
.PHONY: bench-report
bench-report:
	@$(PYTHON) -B tests/bench/report.py $(JSON)

.PHONY: format
format:
	clang-format-19 -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

.PHONY: clean
clean:
	rm -rf build

include mk/install.mk
include mk/package.mk
include mk/check.mk
