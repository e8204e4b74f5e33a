# Builds Tapir into $(BUILD), configuring it first by itself. "make help" lists the targets.

BUILD    ?= build
WERROR   ?= 0
SANITIZE ?=
ASSERTS  ?= $(if $(SANITIZE),1,0)
V        ?= 0

VERSION   := $(shell sed -n 's/^AC_INIT(.*, \[\(.*\)\])/\1/p' configure.ac)
SOVERSION := 0

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all lib examples tests fuzzers interop-tests demo graph check check-full check-interop fuzz bench bench-build bench-quick bench-operators install uninstall dist doc clean distclean deps format help

say = @$(if $(filter 1,$(V)),,printf '  %-4s %s\n' $(1) $(2);)
Q   = $(if $(filter 1,$(V)),,@)
# All cores, unless -j was given, or another make says how many. "make clean all" goes one after the other.
ifeq ($(filter -j%,$(MAKEFLAGS))$(filter-out 0,$(MAKELEVEL)),)
ifeq ($(and $(filter clean distclean deps,$(MAKECMDGOALS)),$(word 2,$(MAKECMDGOALS))),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif
endif
again = @+$(MAKE) --no-print-directory

# ---- configuring ---------------------------------------------------------------------------------
# What the user gives (CC, CFLAGS, prefix, ...) is remembered in configure.args until something else is given.

unconfigured := doc/from-pytorch.md demo check-full check-interop fuzz dist doc clean distclean deps format help
given_by_user = $(if $(filter command% environment%,$(origin $(1))),$(1)='$($(1))')
given := $(strip $(foreach v,CC CFLAGS CPPFLAGS LDFLAGS LIBS,$(call given_by_user,$(v))) $(CONFIGURE_FLAGS))

ifneq ($(filter --help% -h,$(CONFIGURE_FLAGS)),)
all: $(BUILD)/configure
	@$(BUILD)/configure --srcdir='$(CURDIR)' $(CONFIGURE_FLAGS)
else ifneq ($(if $(MAKECMDGOALS),$(filter-out $(unconfigured),$(MAKECMDGOALS)),all),)
ifneq ($(given),)
ifneq ($(strip $(shell cat $(BUILD)/configure.args 2>/dev/null)),$(given))
$(shell mkdir -p $(BUILD))
$(file >$(BUILD)/configure.args,$(given))
endif
endif
include $(BUILD)/config.mk
all: lib examples
endif

$(BUILD)/configure.args:
	@mkdir -p $(BUILD) && touch $@

$(BUILD)/configure: configure.ac
	@mkdir -p $(BUILD)
	@command -v autoconf > /dev/null || { echo 'autoconf is missing: "make deps" installs what is needed' >&2; exit 1; }
	$(call say,AC,$@)
	$(Q)cd $(BUILD) && autoconf -o configure '$(CURDIR)/configure.ac'

$(BUILD)/config.mk: $(BUILD)/configure $(BUILD)/configure.args config.mk.in config.h.in
	$(call say,CONF,$(BUILD))
	$(Q)cd $(BUILD) && eval "./configure --quiet --srcdir='$(CURDIR)' $$(cat configure.args)"

# ---- flags ---------------------------------------------------------------------------------------

comma    := ,
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion \
            $(if $(OPENMP_CFLAGS),,-Wno-unknown-pragmas) $(if $(filter 1,$(WERROR)),-Werror)
# That a float becomes an integer which does not hold it is undefined, too, but not part of "undefined".
checked  := $(SANITIZE)$(if $(findstring undefined,$(SANITIZE)),$(comma)float-cast-overflow)
sanitize := $(if $(SANITIZE),-fsanitize=$(checked) -fno-sanitize-recover=undefined$(comma)float-cast-overflow \
              -fno-omit-frame-pointer -O1)

base_flags  := -std=c11 $(OPENMP_CFLAGS) $(CFLAGS) $(sanitize)
common      := $(base_flags) $(WARNINGS) -ffp-contract=off -fno-math-errno -fno-trapping-math -fvisibility=hidden -fPIC \
               -Iinclude -I$(BUILD)/include -Ilib -I$(BUILD) -DHAVE_CONFIG_H -include $(BUILD)/config.h
# The caller's stack may be small (test/cases/embed_small_stack.c): what needs more room takes a buffer (scratch.c).
lib_flags   := $(common) $(if $(filter 1,$(ASSERTS)),-DTP__ASSERTS) $(if $(SANITIZE),,-Wframe-larger-than=24576) $(BLAS_CFLAGS) $(CPPFLAGS)
test_flags  := $(common) -Wno-type-limits -Itest $(CPPFLAGS)
bench_flags := $(common) $(BLAS_CFLAGS) $(CPPFLAGS)
# Examples are compiled as a user would: public headers alone.
user_flags  := $(base_flags) -Wall -Wextra $(if $(OPENMP_CFLAGS),,-Wno-unknown-pragmas) $(if $(filter 1,$(WERROR)),-Werror) -Iinclude -I$(BUILD)/include $(CPPFLAGS)

link      := $(CC) $(base_flags) $(LDFLAGS)
link_libs := $(LAPACKE_LIBS) $(BLAS_LIBS) $(JANSSON_LIBS) $(PNG_LIBS) $(ZLIB_LIBS) $(HDF5_LIBS) -lm $(LIBS)

# Kernels call nobody who might jump or look back through them: they need no tables for that.
isa_all    := $(if $(SANITIZE),,-fno-asynchronous-unwind-tables)
isa_base   := $(isa_all) -DTP__ISA=base
isa_avx2   := $(isa_all) -DTP__ISA=avx2 -mavx2 -mfma
isa_avx512 := $(isa_all) -DTP__ISA=avx512 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mavx2 -mfma -mprefer-vector-width=512

# Substitution, like BLAS's own, may round once where it multiplies and adds, and so may sums of squares and products.
$(foreach f,triangle distance conv depthwise placed winograd channel_norm,$(BUILD)/obj/lib/kernel/vec_$(f).%.o): lib_flags += -ffp-contract=fast
# Its loops are over vectors already.
$(BUILD)/obj/lib/kernel/vec_lanes.%.o: lib_flags += $(if $(SANITIZE),,-Os)

$(BUILD)/obj/lib/io/hdf5.o: lib_flags += $(HDF5_CFLAGS)
$(BUILD)/obj/test/unit/test_files_hdf5.o: test_flags += $(HDF5_CFLAGS)

# ---- the library ---------------------------------------------------------------------------------

sources := $(sort $(shell find lib -name "*.c"))
# Compiled for each instruction set: vec_*.c, and what others have under TP__ISA.
vectors := $(foreach s,$(sources),$(if $(filter vec_%,$(notdir $(s))),$(s)))
both    := $(filter-out $(vectors),$(shell grep -l 'defined(TP__ISA)' $(sources)))
objects := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(vectors),$(sources))) \
           $(foreach i,$(ISAS),$(patsubst %.c,$(BUILD)/obj/%.$(i).o,$(vectors) $(both)))
shared  := $(BUILD)/libtapir.so.$(VERSION)

trace_h := $(BUILD)/include/tapir/trace.h

lib: $(BUILD)/libtapir.a $(BUILD)/libtapir.so $(trace_h)

# Calls that note where they stand: a macro for each function of the headers that takes a tape.
$(trace_h): lib/trace.awk $(filter-out %/debug.h %/op.h,$(wildcard include/tapir/*.h))
	@mkdir -p $(@D)
	$(call say,AWK,$@)
	$(Q)awk -f $^ > $@.new && mv $@.new $@

compile = @mkdir -p $(@D)$(if $(filter 1,$(V)),,; printf '  %-4s %s\n' CC $<)
deps_in = -MMD -MP -MT $@ -MF $(@:.o=.d)

$(BUILD)/obj/lib/%.o: lib/%.c $(BUILD)/config.mk Makefile
	$(compile)
	$(Q)$(CC) $(lib_flags) $(deps_in) -c $< -o $@

# A file of operators ends with the list of them, which is read off it first (lib/ops/operators.awk).
$(BUILD)/obj/lib/ops/%.o: lib/ops/%.c lib/ops/operators.awk $(BUILD)/config.mk Makefile
	$(compile)
	$(Q)$(CC) $(lib_flags) -DTP__OPERATORS='"/dev/null"' -E -P $< > $(@:.o=.i) && \
	    awk -v file=$< -f lib/ops/operators.awk $(@:.o=.i) > $(@:.o=.list) && rm -f $(@:.o=.i)
	$(Q)$(CC) $(lib_flags) -DTP__OPERATORS='"$(abspath $(@:.o=.list))"' $(deps_in) -c $< -o $@

$(BUILD)/obj/lib/ops/registry.o: $(BUILD)/families.h

# Rewritten only when a list comes or goes.
$(BUILD)/families.h: $(sources)
	@mkdir -p $(@D)
	$(Q)sed -n 's/^const tp_op \*const \(tp__ops_[a-z0-9_]*\)\[\] = .*/TP__FAMILY(\1)/p' $^ > $@.new && \
	    if cmp -s $@.new $@; then rm $@.new && touch $@; else mv $@.new $@; fi

define isa_rule
$(BUILD)/obj/lib/%.$(1).o: lib/%.c $(BUILD)/config.mk Makefile
	$$(compile)
	$$(Q)$$(CC) $$(lib_flags) $$(isa_$(1)) $$(deps_in) -c $$< -o $$@
endef
$(foreach i,$(ISAS),$(eval $(call isa_rule,$(i))))

$(BUILD)/libtapir.a: $(objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(objects)

$(shared): $(objects) lib/tapir.map
	$(call say,LD,$@)
	$(Q)$(link) -shared $(SHORT_RELOCATIONS) -Wl,-soname,libtapir.so.$(SOVERSION) -Wl,--version-script=lib/tapir.map \
	    $(if $(SANITIZE),,-Wl,-z,defs) $(objects) $(link_libs) -o $@

$(BUILD)/libtapir.so: $(shared)
	$(Q)ln -sf $(<F) $(BUILD)/libtapir.so.$(SOVERSION) && ln -sf libtapir.so.$(SOVERSION) $@

# ---- examples, tests, benchmarks -----------------------------------------------------------------

examples: $(patsubst %.c,$(BUILD)/%,$(filter-out $(if $(NLOPT_LIBS),,examples/nlopt.c),$(wildcard examples/*.c)))
$(BUILD)/examples/nlopt: user_libs := $(NLOPT_LIBS)

$(BUILD)/examples/%: examples/%.c $(BUILD)/libtapir.so $(trace_h)
	@mkdir -p $(@D) $(BUILD)/obj/examples
	$(call say,CC,$<)
	$(Q)$(link) $(user_flags) -MMD -MP -MT $@ -MF $(BUILD)/obj/examples/$*.d $< -o $@ \
	    -L$(BUILD) -Wl,-rpath,'$$ORIGIN/..' -ltapir $(user_libs) -lm

# test/support/alloc.c counts and fails the library's allocations.
# test/support/support.c checks the tape at the end of each step.
wrapped     := malloc calloc realloc aligned_alloc mmap munmap free tp_tape_reset tp_tape_free tp_backward
test_wrap   := $(wrapped:%=-Wl,--wrap=%)
object_of    = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)))
conformance := $(if $(filter yes,$(HAVE_JANSSON)),$(BUILD)/test/conformance)

# A case is a program of a user's that failed once; it says what is right, and exits 0 when it is.
cases       := $(patsubst test/cases/%.c,$(BUILD)/test/case_%,$(wildcard test/cases/*.c))

# Every public function, called with arguments of all kinds (test/calls).
calls       := $(BUILD)/test/calls

# Readers, with files that are damaged in all ways: libFuzzer's (FUZZ=1, which "make fuzz" says), or with those of the corpus.
fuzzers     := $(patsubst test/fuzz/%.c,$(BUILD)/test/fuzz_%,$(filter-out %/fuzz.c %/replay.c,$(wildcard test/fuzz/*.c)))

tests: $(calls) $(fuzzers) $(patsubst test/unit/%.c,$(BUILD)/test/%,$(wildcard test/unit/test_*.c)) $(cases) $(conformance)
ifeq ($(HAVE_CHECK),no)
	@echo 'The tests need Check: "make deps" installs it' >&2; exit 1
$(BUILD)/obj/test/unit/%.o $(BUILD)/obj/test/support/%.o:
	@echo 'The tests need Check: "make deps" installs it' >&2; exit 1
endif

$(BUILD)/obj/test/%.o: test/%.c $(BUILD)/config.mk Makefile $(trace_h)
	$(compile)
	$(Q)$(CC) $(test_flags) $(deps_in) -c $< -o $@

$(BUILD)/test/test_%: $(BUILD)/obj/test/unit/test_%.o $(call object_of,test/support/*.c) $(BUILD)/libtapir.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $^ $(test_wrap) $(CHECK_LIBS) $(link_libs) -o $@

$(BUILD)/test/fuzz_%: $(BUILD)/obj/test/fuzz/%.o $(BUILD)/obj/test/fuzz/fuzz.o $(if $(FUZZ),,$(BUILD)/obj/test/fuzz/replay.o) $(BUILD)/libtapir.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $(if $(FUZZ),-fsanitize=fuzzer) $^ $(link_libs) -o $@

fuzzers: $(fuzzers)

# Each reader for so many seconds, with AddressSanitizer and UndefinedBehaviorSanitizer; READER=csv: that one alone.
SECONDS ?= 60
fuzz:
	@test/fuzz/run.sh --has-clang
	$(again) BUILD=$(BUILD)/fuzz CC='$(if $(findstring clang,$(CC)),$(CC),clang)' SANITIZE=fuzzer-no-link,address,undefined FUZZ=1 fuzzers
	@test/fuzz/run.sh $(BUILD)/fuzz $(SECONDS) $(READER)

$(BUILD)/test/case_%: test/cases/%.c $(BUILD)/libtapir.so
	@mkdir -p $(@D) $(BUILD)/obj/test/cases
	$(call say,CC,$<)
	$(Q)$(link) $(user_flags) -MMD -MP -MT $@ -MF $(BUILD)/obj/test/cases/$*.d $< -o $@ \
	    -L$(BUILD) -Wl,-rpath,'$$ORIGIN/..' -ltapir -lm

$(BUILD)/test/calls_list.h: test/calls/generate.awk $(wildcard include/tapir/*.h)
	@mkdir -p $(@D)
	$(call say,AWK,$@)
	$(Q)awk -f $^ > $@

$(calls): test/calls/calls.c test/calls/values.h $(BUILD)/test/calls_list.h $(BUILD)/libtapir.so
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(link) $(user_flags) -Wno-missing-field-initializers -I$(BUILD)/test $< -o $@ \
	    -L$(BUILD) -Wl,-rpath,'$$ORIGIN/..' -ltapir -lm

$(BUILD)/test/conformance: $(call object_of,test/conformance/*.c) $(BUILD)/libtapir.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $^ $(link_libs) -o $@

$(BUILD)/test/derivatives: $(call object_of,test/derivatives/*.c) $(BUILD)/libtapir.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $^ $(link_libs) -o $@

$(BUILD)/test/accuracy: $(BUILD)/obj/test/accuracy.o $(BUILD)/libtapir.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $^ $(link_libs) -o $@

# All of it, beside PyTorch where that is installed: eight minutes.
bench: bench-build
	@bench/compare --bench $(BUILD)/bench/tapir-bench --rounds 2 --budget 0.18 --quiet 30
	@bench/scaling --bench $(BUILD)/bench/tapir-bench --budget 0.15 --picture $(BUILD)/bench/scaling.png

bench-build: $(BUILD)/bench/tapir-bench $(BUILD)/bench/tapir-sweep

# A minute's worth: the small operators, a step of each kind, beside PyTorch where it is.
bench-quick: bench-build
	@bench/compare --bench $(BUILD)/bench/tapir-bench --rounds 1 --budget 0.3 --quiet 0 'op_*' 'logreg*' 'mlp_*b128*' 'mlp_64*' \
	    'ew_exp*' 'opt_adam*' 'startup*'

$(BUILD)/obj/bench/%.o: bench/%.c $(BUILD)/config.mk Makefile
	$(compile)
	$(Q)$(CC) $(bench_flags) $(deps_in) -c $< -o $@

$(BUILD)/bench/tapir-bench: $(call object_of,bench/*.c) $(BUILD)/libtapir.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $^ $(link_libs) -o $@

# Every operator beside PyTorch: CPU time on one thread, at three sizes.
bench-operators: $(BUILD)/bench/tapir-sweep
	@bench/operators --sweep $<

$(BUILD)/bench/tapir-sweep: $(call object_of,bench/sweep/*.c) $(BUILD)/libtapir.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $^ $(link_libs) -o $@

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# ---- running -------------------------------------------------------------------------------------

# MODEL=cnn: a convolutional network, which takes minutes; MODEL=tabular: breast cancer, of a table. DEMO='--epochs 3': its options.
demo_program := $(or $(filter tabular,$(MODEL)),$(if $(filter cnn,$(MODEL)),fashion_cnn,fashion_mnist))
demo:
	@+.ci/deps $(if $(filter tabular,$(MODEL)),python3-sklearn) && $(MAKE) --no-print-directory deps || echo 'Going on with what is there.'
	$(again) all
	@$(BUILD)/examples/$(demo_program) --save $(BUILD)/$(demo_program).safetensors --plot $(BUILD)/$(demo_program).png \
	    $(if $(filter cnn,$(MODEL)),--mistakes $(BUILD)/$(demo_program)_mistakes.png) $(DEMO)

# The graph of a small network, drawn by Graphviz.
graph: $(BUILD)/examples/graph
	@$(BUILD)/examples/graph $(BUILD)/graph.dot
	@command -v dot > /dev/null || { echo 'graphviz is not installed: $(BUILD)/graph.dot is there, undrawn'; exit 1; }
	@dot -Tsvg $(BUILD)/graph.dot -o $(BUILD)/graph.svg && dot -Tpng $(BUILD)/graph.dot -o $(BUILD)/graph.png
	@echo '$(BUILD)/graph.svg, $(BUILD)/graph.png'

# OP=gelu: that operator's generic tests and conformance cases alone.
check: $(if $(OP),$(BUILD)/test/test_operators $(conformance),all tests bench-build $(BUILD)/test/accuracy $(BUILD)/test/derivatives)
	@CC='$(CC)' T='$(T)' OP='$(OP)' sh test/run.sh $(BUILD)

# The library, the examples and the tests with AddressSanitizer and UndefinedBehaviorSanitizer; threads.c, loops and
# loaders with ThreadSanitizer, where there is clang; the demo, made small, under valgrind; instructions counted; another processor, emulated.
check-full:
	$(again) all bench-build $(BUILD)/test/accuracy $(BUILD)/test/derivatives
	$(again) BUILD=$(BUILD)/asan SANITIZE=address,undefined all tests
	@+! command -v clang > /dev/null || \
	    $(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SANITIZE=thread CC=clang $(addprefix $(BUILD)/tsan/,examples/threads test/test_parallel test/test_loader)
	@sh test/run.sh --full $(BUILD)

# Round trips with the real programs, which are installed where they are missing; nothing is skipped.
interop_needs := python3-numpy python3-torch python3-pil python3-h5py libhdf5-dev
check-interop:
	@.ci/deps $(interop_needs)
	$(again) BUILD=$(BUILD)/interop CONFIGURE_FLAGS='$(CONFIGURE_FLAGS) --with-hdf5' interop-tests
	@sh test/run.sh --interop $(BUILD)/interop

interop-tests: lib $(filter $(BUILD)/test/case_files_%,$(cases)) $(BUILD)/examples/pytorch_weights $(BUILD)/test/test_files_hdf5

# ---- installing ----------------------------------------------------------------------------------

headers := $(wildcard include/tapir/*.h)
# A path below the prefix is written as such, so that pkg-config can move it.
below_prefix = $(patsubst $(prefix)/%,$${prefix}/%,$(1))

# Debugging data, two thirds of the size, stay in $(BUILD): make install STRIP=: installs them, too. Programs find the shared
# library where the system looks (ldconfig is told), or by the path that tapir.pc gives them.
STRIP  ?= strip
looked_in := /lib% /usr/lib% /usr/local/lib%
install: lib
	install -d '$(DESTDIR)$(includedir)/tapir' '$(DESTDIR)$(libdir)/pkgconfig'
	install -m 644 include/tapir.h '$(DESTDIR)$(includedir)'
	install -m 644 $(headers) $(trace_h) '$(DESTDIR)$(includedir)/tapir'
	install -m 644 $(BUILD)/libtapir.a '$(DESTDIR)$(libdir)'
	$(STRIP) --strip-debug '$(DESTDIR)$(libdir)/libtapir.a'
	install -m 755 $(shared) '$(DESTDIR)$(libdir)'
	$(STRIP) --strip-unneeded '$(DESTDIR)$(libdir)/$(notdir $(shared))'
	ln -sf libtapir.so.$(VERSION) '$(DESTDIR)$(libdir)/libtapir.so.$(SOVERSION)'
	ln -sf libtapir.so.$(SOVERSION) '$(DESTDIR)$(libdir)/libtapir.so'
	sed -e 's|@prefix@|$(prefix)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@libdir@|$(call below_prefix,$(libdir))|' -e 's|@includedir@|$(call below_prefix,$(includedir))|' \
	    -e 's|@RPATH@|$(if $(filter $(looked_in),$(libdir)),, -Wl,-rpath,$${libdir})|' \
	    -e 's|@REQUIRES_PRIVATE@|$(strip $(REQUIRES_PRIVATE))|' \
	    -e 's|@LIBS_PRIVATE@|$(strip $(ASK_OPENBLAS) $(LAPACKE_LIBS) $(BLAS_LIBS) $(OPENMP_CFLAGS) -lm $(LIBS))|' \
	    tapir.pc.in > '$(DESTDIR)$(libdir)/pkgconfig/tapir.pc'
	@[ -n '$(DESTDIR)' ] || ! [ -w /etc/ld.so.cache ] || PATH="$$PATH:/sbin:/usr/sbin" ldconfig

uninstall:
	rm -rf '$(DESTDIR)$(includedir)/tapir' '$(DESTDIR)$(includedir)/tapir.h'
	rm -f '$(DESTDIR)$(libdir)/libtapir.a' '$(DESTDIR)$(libdir)/pkgconfig/tapir.pc' \
	    '$(DESTDIR)$(libdir)/libtapir.so' '$(DESTDIR)$(libdir)/libtapir.so.$(SOVERSION)' \
	    '$(DESTDIR)$(libdir)/libtapir.so.$(VERSION)'

dist:
	@mkdir -p $(BUILD)
	git archive --prefix=tapir-$(VERSION)/ -o $(BUILD)/tapir-$(VERSION).tar.gz HEAD
	@echo $(BUILD)/tapir-$(VERSION).tar.gz

# ---- the rest ------------------------------------------------------------------------------------

# The headers are the manual: a page each, and an index of all that they declare.
doc:
	@mkdir -p $(BUILD)/doc
	@awk -v out=$(BUILD)/doc -f doc/html.awk include/tapir.h $(headers) && echo $(BUILD)/doc/index.html

# The table from PyTorch's names to ours; committed, since people read it where the sources are.
.PHONY: doc/from-pytorch.md
doc/from-pytorch.md:
	@awk -f doc/from-pytorch.awk $(headers) > $@.new && mv $@.new $@

# What was missing may be there now, so the configuration is made anew.
deps:
	@.ci/deps && { [ ! -e $(BUILD)/config.mk ] || [ -n "$$(find $(BUILD)/config.mk -newer /var/lib/dpkg/status 2>/dev/null)" ] || rm -f $(BUILD)/config.mk; }

clean:
	@[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name 'config*' ! -name autom4te.cache -exec rm -rf {} +

distclean:
	rm -rf $(BUILD)

# The examples are laid out by hand.
format:
	clang-format -i $(wildcard lib/*/*.[ch] lib/*/*/*.[ch] include/*.h include/*/*.h test/*/*.[ch] bench/*.[ch])

help:
	@echo 'all         the library, shared and static, and the examples (the default)'
	@echo 'demo        installs what is missing, builds, trains a network on Fashion-MNIST'
	@echo 'check       all tests (T=io: those with "io" in their name); check-full: those with sanitizers and valgrind, which take longer'
	@echo '            check T=operators OP=gelu: one operator alone, its generic tests and its conformance cases'
	@echo 'check-interop  files and memory to and from NumPy, PyTorch and h5py, which are installed where they are missing'
	@echo 'fuzz        each reader of files for SECONDS=60, with libFuzzer (clang); READER=csv: that one'
	@echo 'bench       all measurements, beside PyTorch where it is installed, in eight minutes'
	@echo 'graph       draws the graph of a small network with Graphviz'
	@echo 'bench-quick  some of it, in a minute'
	@echo 'bench-operators  every operator beside PyTorch, on one thread'
	@echo 'install     to DESTDIR and prefix; uninstall takes it away'
	@echo 'deps        installs what is missing (Debian and its relatives), or says what is needed'
	@echo 'doc         the headers as HTML pages, with an index'
	@echo 'doc/from-pytorch.md  the table of names, of the headers'
	@echo 'dist        $(BUILD)/tapir-$(VERSION).tar.gz, of what is committed'
	@echo 'format      lays out the sources with clang-format'
	@echo 'clean       what was built; distclean: the configuration, too'
	@echo
	@echo 'Variables: CC CFLAGS CPPFLAGS LDFLAGS prefix DESTDIR BUILD=build WERROR=1 V=1'
	@echo '           SANITIZE=address,undefined, or only ASSERTS=1: what must hold inside is looked at (with a BUILD of its own)'
	@echo '           DEMO="--epochs 3 --layers 64" CONFIGURE_FLAGS="--without-zlib --without-jansson --without-png --disable-openmp ..." (--help: all)'
