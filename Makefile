# lockstep: see `make help`
MODE  ?= release
BUILD ?= build$(if $(filter-out release,$(MODE)),-$(MODE))
CC    ?= gcc
LEVELS := base kernels comm io nn data train app

WARN  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
         -Wpointer-arith -Wcast-qual -Wwrite-strings
OPT_release := -O2 -g -DNDEBUG
OPT_debug   := -O0 -g3 -fno-omit-frame-pointer
OPT_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
               -fno-sanitize-recover=undefined
CFLAGS  ?=
ALLFLAGS = -std=c11 -D_GNU_SOURCE $(WARN) $(OPT_$(MODE)) -ffp-contract=off -Iinclude $(CFLAGS)
LINK_asan := -fsanitize=address,undefined

# Each outside library's include path is given to its single home alone.
FLAGS_comm    = $(shell mpicc --showme:compile)
FLAGS_io      = $(shell pkg-config --cflags hdf5-serial libpng zlib)
FLAGS_kernels = $(shell pkg-config --cflags openblas) -fopenmp -O3
LIBS = $(shell mpicc --showme:link) $(shell pkg-config --libs hdf5-serial libpng zlib openblas \
       hwloc libxxhash inih) -fopenmp -lm $(LINK_$(MODE))

SRC := $(foreach l,$(LEVELS),$(wildcard src/$(l)/*.c))
OBJ := $(SRC:src/%.c=$(BUILD)/obj/%.o)
LIBRARY = $(foreach l,$(filter-out app,$(LEVELS)),$(BUILD)/lib$(l).a)

all: $(BUILD)/lockstep

$(BUILD)/lockstep: $(OBJ)
	$(CC) -o $@ $^ $(LIBS)

$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALLFLAGS) $(FLAGS_$(firstword $(subst /, ,$*))) -MMD -MP -c -o $@ $<

define library
$(BUILD)/lib$(1).a: $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/$(1)/*.c))
	@mkdir -p $$(@D)
	rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach l,$(LEVELS),$(eval $(call library,$(l))))

# A unit test tests/unit/MODULE/test_NAME.c is linked with its module and all below it.
BELOW_base    := base
BELOW_kernels := kernels base
BELOW_comm    := comm base
BELOW_io      := io base
BELOW_nn      := nn kernels base
BELOW_data    := data io comm base
BELOW_train   := train nn data kernels comm io base
BELOW_app     := app train nn data kernels comm io base
TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*/test_*.c))

define unit
$(BUILD)/tests/$(1)/%: tests/unit/$(1)/%.c $(foreach m,$(BELOW_$(1)),$(BUILD)/lib$(m).a)
	@mkdir -p $$(@D)
	$(CC) $$(ALLFLAGS) $$(FLAGS_$(1)) -MMD -MP -o $$@ $$< \
	  -Wl,--start-group $(foreach m,$(BELOW_$(1)),$(BUILD)/lib$(m).a) -Wl,--end-group \
	  -lcmocka $$(LIBS)
endef
$(foreach l,$(LEVELS),$(eval $(call unit,$(l))))

unit: $(TESTS)

-include $(OBJ:.o=.d)
.PHONY: all unit
