## lockstep: synchronous data-parallel training of small CNNs on CPU clusters
#
# `make help` lists what can be made. A plain `make` installs nothing: it says what is
# missing. `make run` and `make test` install what they need (scripts/setup.sh).

MODE   ?= release
BUILD  ?= build$(if $(filter-out release,$(MODE)),-$(MODE))
PREFIX ?= /usr/local
CFLAGS ?=
ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(MODE)),clang,gcc)
endif

# Levels, lowest first, and what each may use: itself and what is below it. Unit tests are
# linked by this table and `make lint` reads it: there is no other.
LEVELS := base kernels comm io nn data train lab app
BELOW_base    := base
BELOW_kernels := kernels base
BELOW_comm    := comm base
BELOW_io      := io base
BELOW_nn      := nn kernels base
BELOW_data    := data io comm base
BELOW_train   := train nn data kernels comm io base
BELOW_lab     := lab train nn data kernels comm io base
BELOW_app     := app lab train nn data kernels comm io base

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
        -Wpointer-arith -Wcast-qual -Wwrite-strings -Werror=implicit-function-declaration
OPT_release := -O3 -g -fno-math-errno
OPT_debug   := -O0 -g3 -fno-omit-frame-pointer
OPT_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
               -fno-sanitize-recover=undefined
LINK_asan   := -fsanitize=address,undefined
OBJ_asan    := $(BUILD)/obj/asan.o
# For the programs of tests/fuzz: clang's, but for the kernels, which are in gcc's C and
# see no byte of a file; both know one address sanitizer.
OPT_fuzz    := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined \
               -fsanitize=fuzzer-no-link,address,undefined
LINK_fuzz   := -fsanitize=address,undefined -lgomp
OBJ_fuzz    := $(BUILD)/obj/asan.o
$(if $(OPT_$(MODE)),,$(error unknown MODE '$(MODE)': release, debug, asan or fuzz))
ALLFLAGS = -std=c11 -D_GNU_SOURCE $(WARN) $(OPT_$(MODE)) -ffp-contract=off -Iinclude \
           $(CFLAGS)

# Each outside library's include path is given to its single home alone. The tools are
# asked once, and only when something is compiled.
once = $(eval $(1) := $(shell $(2)))$($(1))
FLAGS_comm    = $(call once,FLAGS_comm,mpicc --showme:compile)
FLAGS_io      = $(call once,FLAGS_io,pkg-config --cflags hdf5-serial libpng \
                  libjpeg libwebp libtiff-4 zlib libzip jansson libprotobuf-c; \
                  echo -isystem $(BUILD)/gen)
FLAGS_blas    = $(call once,FLAGS_blas,pkg-config --cflags openblas)
# Under sanitizers -O3 takes minutes to compile, and saves the tests seconds.
FLAGS_kernels = $(FLAGS_blas) -fopenmp $(if $(filter asan fuzz,$(MODE)),,-O3)
LIBS = $(call once,LIBS,mpicc --showme:link; \
         pkg-config --libs hdf5-serial libpng libjpeg libwebp libtiff-4 zlib libzip jansson \
         libprotobuf-c openblas hwloc libxxhash; echo -lunistring)
LINK = -Wl,--as-needed $(LIBS) $(if $(filter fuzz,$(MODE)),,-fopenmp) -lm $(LINK_$(MODE))
ifeq ($(MODE),fuzz)
$(BUILD)/obj/kernels/%.o: private CC := gcc
$(BUILD)/obj/kernels/%.o: private OPT_fuzz := -O1 -g -fsanitize=address
endif

# The format of ONNX, of libonnx-dev; protoc-c makes its reader and writer.
ONNX_PROTO ?= /usr/include/onnx/onnx.proto

VERSION := 0.1.0
COMMIT   = $(call once,COMMIT,git --git-dir=.git --work-tree=. describe --always --dirty \
             2>/dev/null)
FLAGS_app/version = -DLOCKSTEP_VERSION='"$(VERSION)"' -DLOCKSTEP_COMMIT='"$(COMMIT)"'

# Rooms: folders inside a level. kernels/simd is compiled apart.
ROOMS := $(filter-out src/kernels/simd/,$(wildcard src/*/*/))
SRC   := $(foreach l,$(LEVELS),$(wildcard src/$(l)/*.c)) $(wildcard $(ROOMS:%=%*.c))
OBJ   := $(SRC:src/%.c=$(BUILD)/obj/%.o)
# The inner loops are compiled once for each instruction set; its name ends their symbols.
ISAS  := plain $(if $(filter x86_64,$(shell uname -m)),v2 v3 v4)
SIMD  := $(wildcard src/kernels/simd/*.c)
OBJ   += $(foreach i,$(ISAS),$(SIMD:src/%.c=$(BUILD)/obj/%.$(i).o))
# The networks by name, as text that the program contains.
TEXTS := configs/letters.conf $(wildcard configs/networks/*.conf configs/networks/*.names)
OBJ   += $(BUILD)/obj/nn/named_network_files.o
# The messages of src/io/NAME.proto and of the system's onnx.proto, as C; what io compiles may
# include their headers.
PROTO := onnx $(patsubst src/io/%.proto,%,$(wildcard src/io/*.proto))
OBJ   += $(PROTO:%=$(BUILD)/obj/io/%.pb-c.o)
TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*/test_*.c))
FUZZ  := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

# Short lines instead of long commands, none with -s; V=1 shows the commands.
Q   := $(if $(V),,@)
say  = @$(if $(findstring s,$(firstword -$(MAKEFLAGS)))$(V),:,printf '  %-4s %s\n' $(1) \
         $(2))
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(BUILD)/lockstep ## the program, build/lockstep (the default)

$(BUILD)/lockstep: $(OBJ) $(OBJ_$(MODE)) $(BUILD)/sources.stamp
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $(OBJ) $(OBJ_$(MODE)) $(LINK)

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags.stamp | $(BUILD)/tools.stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) $(FLAGS_$(firstword $(subst /, ,$*))) $(FLAGS_$*) -MMD -MP -c -o $@ $<

define isa
$(BUILD)/obj/kernels/simd/%.$(1).o: src/kernels/simd/%.c $(BUILD)/flags.stamp | \
                                    $(BUILD)/tools.stamp
	$$(call say,CC,$$< $(1))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALLFLAGS) $$(FLAGS_kernels) -DSIMD_LEVEL=$(1) \
	  $(if $(filter v%,$(1)),-march=x86-64-$(1)) -MMD -MP -c -o $$@ $$<
endef
$(foreach i,$(ISAS),$(eval $(call isa,$(i))))

$(BUILD)/obj/app/version.o: $(BUILD)/version.stamp

$(BUILD)/gen/named_network_files.c: $(TEXTS) scripts/embed.sh $(BUILD)/sources.stamp
	@mkdir -p $(@D)
	$(Q)scripts/embed.sh $(TEXTS) >$@

$(BUILD)/obj/nn/named_network_files.o: $(BUILD)/gen/named_network_files.c \
                                       $(BUILD)/flags.stamp | $(BUILD)/tools.stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) -Isrc/nn -MMD -MP -c -o $@ $<

# Copies, so that the names in what is made do not depend on the names of folders.
$(BUILD)/gen/onnx.proto: $(wildcard $(ONNX_PROTO)) | $(BUILD)/tools.stamp
	@mkdir -p $(@D)
	$(Q)cp $(ONNX_PROTO) $@

$(BUILD)/gen/%.proto: src/io/%.proto | $(BUILD)/tools.stamp
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(BUILD)/gen/%.pb-c.c $(BUILD)/gen/%.pb-c.h: $(BUILD)/gen/%.proto
	$(Q)protoc-c --proto_path=$(@D) --c_out=$(@D) $(<F)

$(BUILD)/obj/io/%.pb-c.o: $(BUILD)/gen/%.pb-c.c $(BUILD)/flags.stamp | $(BUILD)/tools.stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) $(FLAGS_io) -Wno-cast-qual -MMD -MP -c -o $@ $<

.SECONDARY: $(PROTO:%=$(BUILD)/gen/%.proto) $(PROTO:%=$(BUILD)/gen/%.pb-c.c)
$(filter $(BUILD)/obj/io/%,$(OBJ)): | $(PROTO:%=$(BUILD)/gen/%.pb-c.h)

$(BUILD)/obj/asan.o: tests/asan.c $(BUILD)/flags.stamp
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) -c -o $@ $<

define module
$(BUILD)/lib$(1).a: $(filter $(BUILD)/obj/$(1)/%,$(OBJ)) $(BUILD)/sources.stamp
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$(filter %.o,$$^)

# A unit test tests/unit/MODULE/test_NAME.c: its module and all that is below it.
$(BUILD)/tests/$(1)/%: tests/unit/$(1)/%.c $(BELOW_$(1):%=$(BUILD)/lib%.a) $(OBJ_$(MODE))
	$$(call say,TEST,$$<)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $$(ALLFLAGS) $$(FLAGS_$(1)) -MMD -MP -MF $$@.d -MT $$@ -o $$@ $$< \
	  $(BELOW_$(1):%=$(BUILD)/lib%.a) $(OBJ_$(MODE)) -lcmocka $$(LINK)
endef
$(foreach l,$(LEVELS),$(eval $(call module,$(l))))

# With MODE=fuzz: tests/fuzz/fuzz_NAME.c.
$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c $(BELOW_app:%=$(BUILD)/lib%.a) $(OBJ_$(MODE))
	$(call say,FUZZ,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< \
	  $(BELOW_app:%=$(BUILD)/lib%.a) $(OBJ_$(MODE)) $(LINK) -fsanitize=fuzzer

# A stamp is rewritten, and what depends on it made again, only when its text changes.
stamp = @mkdir -p $(@D); echo '$(1)' | cmp -s - $@ || echo '$(1)' >$@
$(BUILD)/flags.stamp:   FORCE ; $(call stamp,$(CC) $(ALLFLAGS))
$(BUILD)/sources.stamp: FORCE ; $(call stamp,$(SRC) $(SIMD) $(TEXTS))
$(BUILD)/version.stamp: FORCE ; $(call stamp,$(VERSION) $(COMMIT))
$(BUILD)/tools.stamp: scripts/setup.sh
	@ONNX_PROTO='$(ONNX_PROTO)' scripts/setup.sh check && mkdir -p $(@D) && touch $@

fuzzers: $(FUZZ)

# For tests/hosts: stands in for a long, lossy link.
$(BUILD)/tests/hosts/cable: tests/hosts/cable.c $(BUILD)/flags.stamp
	$(call say,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) -o $@ $< $(LINK_$(MODE))

unit: $(TESTS) $(BUILD)/tests/hosts/cable ## the programs of the tests, in build/tests

setup: ## install the Debian packages that building and running need
	@scripts/setup.sh run

run: setup ## train the built-in letters on all cores (installs what it needs)
	@$(MAKE) -s $(JOBS) all
	@scripts/run.sh

test: ## the core of the tests, in minutes; T=PATTERN picks files by name
	@scripts/setup.sh test
	@T='$(T)' BUILD='$(BUILD)' MODE='$(MODE)' scripts/run_tests.sh core

test-%: ## SUITE: all (but web, peers), unit asan cli mpi hosts slurm web peers (root for hosts, slurm)
	@scripts/setup.sh $(or $(filter slurm web peers,$*),test)
	@T='$(T)' BUILD='$(BUILD)' MODE='$(MODE)' scripts/run_tests.sh $*

fuzz: ## hostile files to each reader for SECONDS_EACH=60 (installs clang); T=PATTERN
	@scripts/setup.sh fuzz
	@T='$(T)' BUILD='$(BUILD)' SECONDS_EACH='$(SECONDS_EACH)' scripts/fuzz.sh

test-fuzz: ## the stored hostile files alone: seconds
	@scripts/setup.sh fuzz
	@T='$(T)' BUILD='$(BUILD)' scripts/fuzz.sh replay

chaos: ## kill a run N=10 times, also while it writes; nothing may be lost (SEED=)
	@scripts/setup.sh test
	@$(MAKE) -s $(JOBS) all
	@LOCKSTEP='$(abspath $(BUILD))/lockstep' tests/chaos.sh $(or $(N),10) $(SEED)

soak: ## train EPOCHS=1000 short epochs; memory, open files and the log may not grow
	@scripts/setup.sh test
	@$(MAKE) -s $(JOBS) all
	@LOCKSTEP='$(abspath $(BUILD))/lockstep' tests/soak.sh $(or $(EPOCHS),1000)

bench: all ## this machine's speed: whole training steps, then layer by layer
	@$(BUILD)/lockstep bench step
	@echo
	@$(BUILD)/lockstep bench layers

bench-rule: all ## are the algorithms of convolutions that training uses the fastest here?
	@$(BUILD)/lockstep bench rule

bench-hosts: all $(BUILD)/tests/hosts/cable ## steps over 2 and 4 hosts (root); ARGS=reduce: sums
	@LOCKSTEP='$(abspath $(BUILD))/lockstep' scripts/bench_hosts.sh $(ARGS)

check-plan: all $(BUILD)/tests/hosts/cable ## predictions of `lockstep plan` beside training (root)
	@LOCKSTEP='$(abspath $(BUILD))/lockstep' scripts/check_plan.sh $(ARGS)

bench-peers: ## beside PyTorch, hours (installs it); ARGS='--quick', '--only NETWORK', --help
	@scripts/setup.sh peers
	@$(MAKE) -s $(JOBS) all
	@LOCKSTEP='$(BUILD)/lockstep' python3 scripts/bench_peers.py $(ARGS)

bench-clock: all ## cifar_fast beside PyTorch, time to accuracy; ARGS='cifar.h5' or --help
	@LOCKSTEP='$(BUILD)/lockstep' python3 scripts/bench_clock.py $(ARGS)

lint: ## format, layers, names, cppcheck, shellcheck, commands and links in documents
	@scripts/lint.sh

format: ## clang-format every C file in place
	clang-format -i $(shell find include src tests -name '*.[ch]')

man: all ## the man pages, from --help to build/man (needs help2man)
	@rm -rf $(BUILD)/man
	@scripts/man.sh $(BUILD)/lockstep $(BUILD)/man

SHARE = $(DESTDIR)$(PREFIX)/share
install: all ## to PREFIX (/usr/local), below DESTDIR if given; man pages if made
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/lockstep/configs $(SHARE)/lockstep/scripts \
	  $(SHARE)/doc/lockstep/docs
	install -m 755 $(BUILD)/lockstep $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(wildcard configs/*.conf) $(SHARE)/lockstep/configs
	install -m 755 $(wildcard scripts/get_*.sh) $(addprefix scripts/,find.sh mpi.sh network.sh launch.sh \
	  plot_lab.py plot_scaling.py plotting.py progress.sh points.sh submit.sh supervise.sh sweep.sh \
	  torch_to_safetensors.py) \
	  $(SHARE)/lockstep/scripts
	install -d $(SHARE)/lockstep/slurm
	install -m 755 $(wildcard slurm/*) $(SHARE)/lockstep/slurm
	install -m 644 $(wildcard README.md CHANGELOG.md) LICENSE $(SHARE)/doc/lockstep
	install -m 644 $(wildcard docs/*.md) $(SHARE)/doc/lockstep/docs
	if [ -d $(BUILD)/man ]; then install -d $(SHARE)/man/man1 && \
	  install -m 644 $(BUILD)/man/*.1 $(SHARE)/man/man1; fi

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/lockstep $(SHARE)/man/man1/lockstep.1 \
	  $(SHARE)/man/man1/lockstep-*.1
	rm -rf $(SHARE)/lockstep $(SHARE)/doc/lockstep

clean: ## remove build and build-* of this Makefile (never data or runs)
	rm -rf build build-debug build-asan build-fuzz

help: ## this list
	@sed -n 's/^## //p' Makefile; echo
	@sed -n 's/^\([a-z-]*%*\):.*## /\1\t/p' Makefile | sed 's/%/SUITE/' | expand -t 13
	@echo; echo 'MODE=release|debug|asan  BUILD=FOLDER  CC=  CFLAGS=  V=1 (show commands)'

-include $(OBJ:.o=.d) $(TESTS:=.d) $(FUZZ:=.d)
.DELETE_ON_ERROR:
.PHONY: all unit fuzzers setup run test chaos soak fuzz test-fuzz bench bench-rule bench-hosts \
        bench-peers bench-clock check-plan lint format man install uninstall clean help FORCE
