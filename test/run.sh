#!/bin/sh
# Runs the tests of a build and adds up what came of them.
#
# usage: run.sh BUILD           what "make check" runs
#        run.sh --interop BUILD what "make check-interop" runs, of which nothing may be skipped
#        run.sh --full BUILD    what "make check-full" runs: the builds BUILD/asan and BUILD/tsan, and valgrind on BUILD
#
# A line for each program, in the order in which they end; of one that fails, also what it said (all of it is in
# BUILD/test/log), of one that skips, why. The last line is the sum: each check of a Check program and each conformance case counts, and each other program counts one.
cd "$(dirname "$0")/.." || exit 2
what=all
case $1 in
    --*) what=${1#--} && shift ;;
esac
T=${T:-}   # a part of the names of those to run
OP=${OP:-} # or one operator: its generic tests and its conformance cases
build=${1:-build}
logs=$build/test/log
case_seconds=60 # one that takes longer hangs
data=/usr/share/datasets/fashion-mnist
mkdir -p "$logs" || exit 2
# The compiler is for the rules that compile something; a make that they run need not hear of it.
TEST_CC=${CC:-cc}
export TEST_CC
unset CC MAKEFLAGS MAKELEVEL MFLAGS

# ---- how a program's outcome is counted: "passed failed skipped" from its status and its output ----

count_checks() # "95%: Checks: 20, Failures: 1, Errors: 0", by Check
{
    awk -v status="$1" '
        /^[0-9]+%: Checks: / { gsub(/[^0-9 ]/, ""); n = $2; bad = $3 + $4; found = 1 }
        END { if (!found || (status != 0 && bad == 0)) bad++
              print (n > bad ? n - bad : 0), bad, 0 }' "$2"
}

count_cases() # "120 passed, 0 failed, 3 skipped", by the conformance runner
{
    awk -v status="$1" '
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { n = $1; bad = $3; skipped = $5; found = 1 }
        END { if (!found || (status != 0 && bad == 0)) bad++
              print n + 0, bad + 0, skipped + 0 }' "$2"
}

count_one()
{
    case $1 in
        0)  echo 1 0 0 ;;
        77) echo 0 0 1 ;;
        *)  echo 0 1 0 ;;
    esac
}

# ---- running one ----
#
# As many at once as there are processors: who wants to start takes a token out of the pipe, and puts it back at the end.

tokens=$logs/tokens counts=$logs/counts
rm -f "$tokens" "$counts"
mkfifo "$tokens" && exec 9<> "$tokens" && rm "$tokens" || exit 2
for _ in $(seq "$(nproc 2> /dev/null || echo 1)"); do echo; done >&9
: > "$counts"

now() { date +%s.%N; }

wanted() # name
{
    case $1 in
        *"$T"*) ;;
        *) return 1 ;;
    esac
}

run() # name, how to count, command ...
{
    wanted "$1" || return
    read -r _ <&9
    {
        outcome=$(execute "$@")
        echo "$outcome"
        echo >&9
    } &
}

execute()
{
    name=$1 count=$2 log=$logs/$(echo "$1" | tr ' /' '__').log
    shift 2
    start=$(now)
    "$@" > "$log" 2>&1 < /dev/null 9>&-
    status=$?
    seconds=$(echo "$start $(now)" | awk '{ printf "%.1f", $2 - $1 }')
    # shellcheck disable=SC2046 # three words are wanted
    set -- $($count $status "$log")
    why=
    if [ $status = 77 ]; then
        why="  ($(grep . "$log" | tail -n 1))"
        [ -s "$log" ] || set -- 0 1 0 # a skip says why
    fi
    echo "$1 $2 $3" >> "$counts"
    printf '%-36s %6d passed %5d failed %5d skipped %8.1f s%s\n' "$name" "$1" "$2" "$3" "$seconds" "$why"
    [ "$2" = 0 ] || complain
}

# What a program that failed said: the lines that look like reasons, or else its last words.
complain()
{
    grep -E ':[FE]:|[1-9][0-9]* failed  |ERROR: |WARNING: |runtime error' "$log" > "$log.why" || tail -n 20 "$log" > "$log.why"
    head -n 40 "$log.why" | sed 's/^/    /'
    echo "    (status $status, all of it in $log)"
}

skip() # name, why
{
    wanted "$1" || return
    echo '0 0 1' >> "$counts"
    printf '%-36s %6d passed %5d failed %5d skipped             (%s)\n' "$1" 0 0 1 "$2"
}

# ---- what there is to run ----

programs() # build, a prefix for the names; the longest first
{
    for source in examples/*.c; do
        example=$(basename "$source" .c)
        case $example in
            *fashion* | autoencoder | tabular) continue ;; # take minutes, on data that need not be there: see rules/demo.sh
            resume) rm -f "$logs/resume.safetensors"; arguments=$logs/resume.safetensors ;;
            nlopt) [ -x "$1/examples/nlopt" ] || { skip "$2example nlopt" 'no NLopt'; continue; }; arguments= ;;
            pytorch_weights) arguments="test/data/moons.pt $logs/moons_tuned.pt" ;;
            gp_co2 | kalman | sunspots) arguments=$logs/$example.png ;; # the picture
            ode_fit) arguments=10000 ;; # steps: still more than 20 snapshots reach in three goes
            *) arguments= ;;
        esac
        # shellcheck disable=SC2086 # none, or one
        run "$2example $example" count_one "$1/examples/$example" $arguments
    done
    for program in "$1"/test/test_*; do
        [ -x "$program" ] && run "$2$(basename "$program")" count_checks env CK_VERBOSITY=normal CK_DEFAULT_TIMEOUT=60 "$program"
    done
    # Of the slower builds the calls are fewer, and may take longer.
    calls_options=$([ -z "$2" ] || echo --bases 3 --seconds 20)
    # shellcheck disable=SC2086 # several words, or none
    run "$2calls" count_one env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0:max_allocation_size_mb=1000" \
        "$1/test/calls" --directory "$logs" $calls_options
    if [ -x "$1/test/conformance" ]; then
        run "$2conformance" count_cases "$1/test/conformance" test/conformance/open
    else
        skip "$2conformance" 'built without jansson'
    fi
    for reader in test/fuzz/corpus/*; do
        run "$2corpus $(basename "$reader")" count_one "$1/test/fuzz_$(basename "$reader")" "$reader"
    done
    for source in test/cases/*.c; do
        case=$(basename "$source" .c)
        case $2$case in files_*) continue ;; esac # see interop
        run "$2case $case" count_one timeout "$case_seconds" "$1/test/case_$case"
    done
}

# Files and memory, to and from the real programs.
interop()
{
    for source in test/cases/files_*.c; do
        case=$(basename "$source" .c)
        run "interop $case" count_one timeout "$case_seconds" "$build/test/case_$case"
    done
    [ "$what" = all ] || run 'interop test_files_hdf5' count_checks env CK_VERBOSITY=normal "$build/test/test_files_hdf5"
    for script in test/interop/*.py; do
        run "interop $(basename "$script" .py)" count_one timeout "$case_seconds" sh test/interop/run.sh "$script" "$build"
    done
}

rules()
{
    for rule in test/rules/*.sh; do
        run "rule $(basename "$rule" .sh)" count_one sh "$rule" "$build"
    done
}

address_sanitizer()
{
    case_seconds=600
    export ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1:allocator_may_return_null=1}"
    export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
    export CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER:-20}"
    programs "$build/asan" 'asan '
}

# GCC's OpenMP tells ThreadSanitizer nothing of its barriers; LLVM's does, through archer.
thread_sanitizer()
{
    archer=
    for tool in "$(clang -print-file-name=libarcher.so 2> /dev/null)" /usr/lib/llvm-*/lib/libarcher.so; do
        [ -z "$archer" ] && [ -e "$tool" ] && archer=$tool
    done
    if [ -x "$build/tsan/examples/threads" ] && [ -n "$archer" ]; then
        run 'tsan example threads' count_one env OMP_TOOL_LIBRARIES="$archer" OMP_NUM_THREADS=4 \
            TSAN_OPTIONS="ignore_noninstrumented_modules=1" \
            "$build/tsan/examples/threads"
        run 'tsan test_parallel' count_checks env OMP_TOOL_LIBRARIES="$archer" CK_VERBOSITY=normal CK_FORK=no \
            CK_RUN_CASE=loops TSAN_OPTIONS="ignore_noninstrumented_modules=1" "$build/tsan/test/test_parallel"
        run 'tsan test_loader' count_checks env OMP_TOOL_LIBRARIES="$archer" CK_VERBOSITY=normal CK_FORK=no \
            CK_RUN_CASE=workers TSAN_OPTIONS="ignore_noninstrumented_modules=1" "$build/tsan/test/test_loader"
    else
        skip 'tsan' 'needs clang with libomp and archer'
    fi
}

# valgrind knows no AVX-512, so OpenBLAS is told of a processor that has none.
memory_checker()
{
    if ! command -v valgrind > /dev/null; then
        skip 'valgrind fashion_mnist' 'no valgrind'
    elif [ ! -d $data ] || [ ! -x "$build/examples/fashion_mnist" ]; then
        skip 'valgrind fashion_mnist' "no $data"
    else
        run 'valgrind fashion_mnist' count_one env OPENBLAS_CORETYPE=Haswell OMP_NUM_THREADS=2 \
            valgrind -q --error-exitcode=1 --leak-check=full --show-leak-kinds=definite \
            --errors-for-leak-kinds=definite "$build/examples/fashion_mnist" \
            --train-samples 256 --epochs 1 --layers 16 --save "$logs/demo.safetensors" --plot "$logs/demo.png"
    fi
}

# So that recording does not grow dearer unseen.
instruction_counts()
{
    if command -v valgrind > /dev/null && [ -x "$build/bench/tapir-bench" ]; then
        run 'instructions' count_one sh test/instructions.sh "$build"
    else
        skip 'instructions' 'needs valgrind and the bench'
    fi
}

accuracy()
{
    run 'accuracy' count_one "$build/test/accuracy"
    run 'derivatives' count_one "$build/test/derivatives"
}

other_processor()
{
    run 'aarch64, emulated' count_one sh test/aarch64.sh "$build"
    run 'additions' count_one sh test/additions.sh
}

# Where it has a name of its own here, PyTorch's is what comes after: linalg_solve, solve.
one_operator()
{
    run "test_operators $OP" count_checks env CK_VERBOSITY=normal "$build/test/test_operators" "$OP"
    if [ -x "$build/test/conformance" ]; then
        run "conformance $OP" count_cases "$build/test/conformance" --op "${OP#linalg_}" test/conformance/open
    fi
}

if [ -n "$OP" ]; then
    T=
    one_operator
elif [ "$what" = interop ]; then
    interop
elif [ "$what" = full ]; then
    address_sanitizer
    run 'killed 100 times' count_checks env TAPIR_TEST_KILLS=100 CK_VERBOSITY=normal "$build/test/test_snapshot"
    thread_sanitizer
    memory_checker
    instruction_counts
    accuracy
    other_processor
else
    rules
    programs "$build" ''
    interop
fi
wait
awk -v what="$what" '{ n += $1; bad += $2; skipped += $3 }
     END { print n + 0 " passed, " bad + 0 " failed, " skipped + 0 " skipped"; exit bad > 0 || (what == "interop" && skipped > 0) }' "$counts"
