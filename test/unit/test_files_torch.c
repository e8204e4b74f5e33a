/* test_files_torch.c - PyTorch's files: as torch 1.13 wrote them, as they are written here, cut, and wrong. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/hostile.h"
#include "support/support.h"

#include <unistd.h>

/* a = torch.arange(6.).reshape(2, 3), in a newer and an older file:
 *     OrderedDict([("a.weight", a.t()), ("a.row", a[1]), ("h", tensor([1.5, -2.25], dtype=float16)),
 *                  ("n", {"lr": 0.5, "k": [1, -300], "on": True, "none": None, "text": "x", "big": 2 ** 40}),
 *                  ("s", torch.tensor(-7, dtype=torch.int16))]) */
/* clang-format off */
static const unsigned char new_file[] = {
    80,75,3,4,0,0,8,8,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,12,0,22,0,110,101,119,47,100,97,116,97,46,112,107,108,70,
    66,18,0,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,128,2,99,99,111,108,108,101,99,116,105,111,110,
    115,10,79,114,100,101,114,101,100,68,105,99,116,10,113,0,41,82,113,1,40,88,8,0,0,0,97,46,119,101,105,103,104,
    116,113,2,99,116,111,114,99,104,46,95,117,116,105,108,115,10,95,114,101,98,117,105,108,100,95,116,101,110,115,
    111,114,95,118,50,10,113,3,40,40,88,7,0,0,0,115,116,111,114,97,103,101,113,4,99,116,111,114,99,104,10,70,108,
    111,97,116,83,116,111,114,97,103,101,10,113,5,88,1,0,0,0,48,113,6,88,3,0,0,0,99,112,117,113,7,75,6,116,113,8,81,
    75,0,75,3,75,2,134,113,9,75,1,75,3,134,113,10,137,104,0,41,82,113,11,116,113,12,82,113,13,88,5,0,0,0,97,46,114,
    111,119,113,14,104,3,40,40,104,4,104,5,104,6,104,7,75,6,116,113,15,81,75,3,75,3,133,113,16,75,1,133,113,17,137,
    104,0,41,82,113,18,116,113,19,82,113,20,88,1,0,0,0,104,113,21,104,3,40,40,104,4,99,116,111,114,99,104,10,72,97,
    108,102,83,116,111,114,97,103,101,10,113,22,88,1,0,0,0,49,113,23,104,7,75,2,116,113,24,81,75,0,75,2,133,113,25,
    75,1,133,113,26,137,104,0,41,82,113,27,116,113,28,82,113,29,88,1,0,0,0,110,113,30,125,113,31,40,88,2,0,0,0,108,
    114,113,32,71,63,224,0,0,0,0,0,0,88,1,0,0,0,107,113,33,93,113,34,40,75,1,74,212,254,255,255,101,88,2,0,0,0,111,
    110,113,35,136,88,4,0,0,0,110,111,110,101,113,36,78,88,4,0,0,0,116,101,120,116,113,37,88,1,0,0,0,120,113,38,88,
    3,0,0,0,98,105,103,113,39,138,6,0,0,0,0,0,1,117,88,1,0,0,0,115,113,40,104,3,40,40,104,4,99,116,111,114,99,104,
    10,83,104,111,114,116,83,116,111,114,97,103,101,10,113,41,88,1,0,0,0,50,113,42,104,7,75,1,116,113,43,81,75,0,41,
    41,137,104,0,41,82,113,44,116,113,45,82,113,46,117,46,80,75,7,8,222,77,105,25,231,1,0,0,231,1,0,0,80,75,3,4,0,0,
    8,8,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,10,0,33,0,110,101,119,47,100,97,116,97,47,48,70,66,29,0,90,90,90,90,90,
    90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,0,0,0,0,0,0,128,63,0,0,0,64,0,0,64,64,0,
    0,128,64,0,0,160,64,80,75,7,8,23,144,231,145,24,0,0,0,24,0,0,0,80,75,3,4,0,0,8,8,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
    0,0,0,10,0,48,0,110,101,119,47,100,97,116,97,47,49,70,66,44,0,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,
    90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,90,0,62,128,192,80,75,7,8,125,
    77,86,175,4,0,0,0,4,0,0,0,80,75,3,4,0,0,8,8,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,10,0,4,0,110,101,119,47,100,97,
    116,97,47,50,70,66,0,0,249,255,80,75,7,8,134,167,165,169,2,0,0,0,2,0,0,0,80,75,3,4,0,0,8,8,0,0,0,0,0,0,0,0,0,0,
    0,0,0,0,0,0,0,0,11,0,5,0,110,101,119,47,118,101,114,115,105,111,110,70,66,1,0,90,51,10,80,75,7,8,209,158,103,85,
    2,0,0,0,2,0,0,0,80,75,1,2,0,0,0,0,8,8,0,0,0,0,0,0,222,77,105,25,231,1,0,0,231,1,0,0,12,0,0,0,0,0,0,0,0,0,0,0,0,
    0,0,0,0,0,110,101,119,47,100,97,116,97,46,112,107,108,80,75,1,2,0,0,0,0,8,8,0,0,0,0,0,0,23,144,231,145,24,0,0,0,
    24,0,0,0,10,0,0,0,0,0,0,0,0,0,0,0,0,0,55,2,0,0,110,101,119,47,100,97,116,97,47,48,80,75,1,2,0,0,0,0,8,8,0,0,0,0,
    0,0,125,77,86,175,4,0,0,0,4,0,0,0,10,0,0,0,0,0,0,0,0,0,0,0,0,0,168,2,0,0,110,101,119,47,100,97,116,97,47,49,80,
    75,1,2,0,0,0,0,8,8,0,0,0,0,0,0,134,167,165,169,2,0,0,0,2,0,0,0,10,0,0,0,0,0,0,0,0,0,0,0,0,0,20,3,0,0,110,101,
    119,47,100,97,116,97,47,50,80,75,1,2,0,0,0,0,8,8,0,0,0,0,0,0,209,158,103,85,2,0,0,0,2,0,0,0,11,0,0,0,0,0,0,0,0,
    0,0,0,0,0,82,3,0,0,110,101,119,47,118,101,114,115,105,111,110,80,75,6,6,44,0,0,0,0,0,0,0,30,3,45,0,0,0,0,0,0,0,
    0,0,5,0,0,0,0,0,0,0,5,0,0,0,0,0,0,0,27,1,0,0,0,0,0,0,146,3,0,0,0,0,0,0,80,75,6,7,0,0,0,0,173,4,0,0,0,0,0,0,1,0,
    0,0,80,75,5,6,0,0,0,0,5,0,5,0,27,1,0,0,146,3,0,0,0,0};
static const unsigned char old_file[] = {
    128,2,138,10,108,252,156,70,249,32,106,168,80,25,46,128,2,77,233,3,46,128,2,125,113,0,40,88,16,0,0,0,112,114,
    111,116,111,99,111,108,95,118,101,114,115,105,111,110,113,1,77,233,3,88,13,0,0,0,108,105,116,116,108,101,95,101,
    110,100,105,97,110,113,2,136,88,10,0,0,0,116,121,112,101,95,115,105,122,101,115,113,3,125,113,4,40,88,5,0,0,0,
    115,104,111,114,116,113,5,75,2,88,3,0,0,0,105,110,116,113,6,75,4,88,4,0,0,0,108,111,110,103,113,7,75,4,117,117,
    46,128,2,99,99,111,108,108,101,99,116,105,111,110,115,10,79,114,100,101,114,101,100,68,105,99,116,10,113,0,41,
    82,113,1,40,88,8,0,0,0,97,46,119,101,105,103,104,116,113,2,99,116,111,114,99,104,46,95,117,116,105,108,115,10,
    95,114,101,98,117,105,108,100,95,116,101,110,115,111,114,95,118,50,10,113,3,40,40,88,7,0,0,0,115,116,111,114,97,
    103,101,113,4,99,116,111,114,99,104,10,70,108,111,97,116,83,116,111,114,97,103,101,10,113,5,88,9,0,0,0,50,54,49,
    51,48,53,56,48,56,113,6,88,3,0,0,0,99,112,117,113,7,75,6,78,116,113,8,81,75,0,75,3,75,2,134,113,9,75,1,75,3,134,
    113,10,137,104,0,41,82,113,11,116,113,12,82,113,13,88,5,0,0,0,97,46,114,111,119,113,14,104,3,40,40,104,4,104,5,
    88,9,0,0,0,50,54,49,51,48,53,56,48,56,113,15,104,7,75,6,78,116,113,16,81,75,3,75,3,133,113,17,75,1,133,113,18,
    137,104,0,41,82,113,19,116,113,20,82,113,21,88,1,0,0,0,104,113,22,104,3,40,40,104,4,99,116,111,114,99,104,10,72,
    97,108,102,83,116,111,114,97,103,101,10,113,23,88,9,0,0,0,49,57,56,56,50,49,50,49,54,113,24,104,7,75,2,78,116,
    113,25,81,75,0,75,2,133,113,26,75,1,133,113,27,137,104,0,41,82,113,28,116,113,29,82,113,30,88,1,0,0,0,110,113,
    31,125,113,32,40,88,2,0,0,0,108,114,113,33,71,63,224,0,0,0,0,0,0,88,1,0,0,0,107,113,34,93,113,35,40,75,1,74,212,
    254,255,255,101,88,2,0,0,0,111,110,113,36,136,88,4,0,0,0,110,111,110,101,113,37,78,88,4,0,0,0,116,101,120,116,
    113,38,88,1,0,0,0,120,113,39,88,3,0,0,0,98,105,103,113,40,138,6,0,0,0,0,0,1,117,88,1,0,0,0,115,113,41,104,3,40,
    40,104,4,99,116,111,114,99,104,10,83,104,111,114,116,83,116,111,114,97,103,101,10,113,42,88,9,0,0,0,50,54,48,56,
    51,48,54,48,56,113,43,104,7,75,1,78,116,113,44,81,75,0,41,41,137,104,0,41,82,113,45,116,113,46,82,113,47,117,46,
    128,2,93,113,0,40,88,9,0,0,0,49,57,56,56,50,49,50,49,54,113,1,88,9,0,0,0,50,54,48,56,51,48,54,48,56,113,2,88,9,
    0,0,0,50,54,49,51,48,53,56,48,56,113,3,101,46,2,0,0,0,0,0,0,0,0,62,128,192,1,0,0,0,0,0,0,0,249,255,6,0,0,0,0,0,
    0,0,0,0,0,0,0,0,128,63,0,0,0,64,0,0,64,64,0,0,128,64,0,0,160,64};
/* clang-format on */
static tp_tape *T;
static char path[] = "/tmp/tapir_test_XXXXXX";

static void setup(void)
{
    T = tp_tape_new();
    strcpy(path, "/tmp/tapir_test_XXXXXX");
    close(mkstemp(path));
}

static void teardown(void)
{
    unlink(path);
    tp_tape_free(T);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static const struct {
    const unsigned char *bytes;
    size_t n;
} files[] = {{new_file, sizeof new_file}, {old_file, sizeof old_file}};

START_TEST(read_both)
{
    write_file(path, files[_i].bytes, files[_i].n);
    tp_state_dict *d = tp_torch_load(T, path);
    ck_no_error(T);
    ck_assert_int_eq(d->n, 8);
    tp_tensor *a = tp_state_dict_get(d, "a.weight"), *row = tp_state_dict_get(d, "a.row");
    ck_assert(tp_size(a, 0) == 3 && tp_stride(a, 0) == 1 && tp_stride(a, 1) == 3);
    ck_values(a, 0, 0, 3, 1, 4, 2, 5);
    ck_values(row, 0, 3, 4, 5);
    ck_assert_ptr_eq(tp_data(row), (float *)tp_data(a) + 3); /* one storage */
    ck_assert_int_eq(tp_dtype_of(tp_state_dict_get(d, "h")), TP_F32);
    ck_values(tp_state_dict_get(d, "h"), 0, 1.5, -2.25);
    ck_assert(tp_dtype_of(tp_state_dict_get(d, "n.lr")) == TP_F64 && tp_ndim(tp_state_dict_get(d, "n.lr")) == 0);
    ck_values(tp_state_dict_get(d, "n.lr"), 0, 0.5);
    ck_assert(tp_dtype_of(tp_state_dict_get(d, "n.k")) == TP_I64 && tp_ndim(tp_state_dict_get(d, "n.k")) == 1);
    ck_values(tp_state_dict_get(d, "n.k"), 0, 1, -300);
    ck_assert_int_eq(tp_dtype_of(tp_state_dict_get(d, "n.on")), TP_BOOL);
    ck_values(tp_state_dict_get(d, "n.big"), 0, 0x1p40);
    ck_assert_int_eq(tp_dtype_of(tp_state_dict_get(d, "s")), TP_I32);
    ck_values(tp_state_dict_get(d, "s"), 0, -7);
    tp_state_dict_free(d);
}
END_TEST

static void is_damaged(size_t bytes, size_t whole)
{
    tp_state_dict *d = tp_torch_load(T, path);
    ck_assert(bytes == whole || d == NULL);
    ck_assert(d != NULL || (tp_error(T) && strncmp(tp_error(T), "torch_load: ", 12) == 0));
    double sum = 0;
    for (int i = 0; d && i < d->n; i++) /* all that it says is there */
        for (int64_t k = 0; k < tp_numel(d->tensors[i]) && k < 1000; k++)
            sum += tp_item_at(d->tensors[i], k);
    (void)sum;
    tp_state_dict_free(d);
    tp_clear_error(T);
    tp_tape_reset(T);
}

START_TEST(damaged)
{
    write_file(path, files[_i].bytes, files[_i].n);
    each_damage(path, is_damaged);
}
END_TEST

/* An older file of one pickle, so that no sums are in the way: it is put between the heads and a list of no storages. */
static void load_pickle(const char *pickle, size_t n)
{
    static const char head[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    unsigned char file[4096];
    memcpy(file, head, sizeof head - 1);
    memcpy(file + sizeof head - 1, pickle, n);
    memcpy(file + sizeof head - 1 + n, "\x80\x02].", 4);
    write_file(path, file, sizeof head - 1 + n + 4);
    tp_state_dict *d = tp_torch_load(T, path);
    ck_assert(d == NULL || tp_error(T) == NULL);
    tp_state_dict_free(d);
}
#define PICKLE(text) load_pickle(text, sizeof text - 1)
#define STORAGE(type, numel) \
    "(X\7\0\0\0storagectorch\n" type "\nX\1\0\0\0" \
    "0X\3\0\0\0cpu" numel "tQ"
#define TENSOR(storage, offset, size, stride) \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset size stride "\x89" \
    "ccollections\nOrderedDict\n)RtR."

START_TEST(never_executed)
{
    PICKLE("cos\nsystem\n(X\4\0\0\0true"
           "tR.");
    ck_error(T, TP_EUNSUPPORTED, "os.system");
    PICKLE("\x80\x04\x8c\x08"
           "builtins\x8c\x04"
           "eval\x93\x8c\1"
           "1\x85R.");
    ck_error(T, TP_EUNSUPPORTED, "builtins.eval");
    PICKLE("c__main__\nNet\n)\x81}b.");
    ck_error(T, TP_EUNSUPPORTED, "__main__.Net");
    PICKLE("(X\2\0\0\0osi.");
    ck_error(T, TP_EIO, "opcode");
    PICKLE("P0\n.");
    ck_error(T, TP_EIO, "opcode");
}
END_TEST

START_TEST(machine)
{
    PICKLE("}(X\1\0\0\0aK\1X\1\0\0\0bG\x3f\xf0\0\0\0\0\0\0u.");
    ck_no_error(T);
    PICKLE("\x80\x04\x95\0\0\0\0\0\0\0\0}\x94\x8c\1a\x94K\1s.");
    ck_no_error(T);
}
END_TEST

START_TEST(refused)
{
    static const struct {
        const char *pickle;
        size_t n;
        const char *says;
        tp_status status;
    } cases[] = {
#define CASE(pickle, says, status) {pickle, sizeof(pickle) - 1, says, status}
        CASE(".", "leaves no value", TP_EIO),
        CASE("(.", "leaves no value", TP_EIO),
        CASE("0.", "stack is empty", TP_EIO),
        CASE("(0.", "stack is empty", TP_EIO),
        CASE("t.", "no mark", TP_EIO),
        CASE("K\1a.", "does not take", TP_EIO),
        CASE("K\1K\1a.", "does not take", TP_EIO),
        CASE("}(K\1u.", "does not take", TP_EIO),
        CASE("h\1.", "not kept", TP_EIO),
        CASE("Nr\xff\xff\xff\xff.", "place", TP_EIO),
        CASE("X\xff\xff\xff\xff.", "cut short", TP_EIO),
        CASE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "cut short", TP_EIO),
        CASE("\x8b\xff\xff\xff\x7f.", "cut short", TP_EIO),
        CASE("ccollections\nOrderedDict\nK\1R.", "no tuple", TP_EIO),
        CASE("ccollections\nOrderedDict\nK\1\x85R.", "pairs", TP_EIO),
        CASE("K\1}b.", "takes nothing", TP_EIO),
        CASE("ctorch\nFloatStorage\n)R.", "not to be called", TP_EIO),
        CASE("\x8a\x0a\1\2\3\4\5\6\7\x08\x09\x0a.", "beyond int64", TP_EUNSUPPORTED),
        CASE("]q\0h\0a.", "more parts", TP_EIO), /* a list in itself */
        CASE("}q\0(X\1\0\0\0ah\0u.", "more parts", TP_EIO),
        CASE("}(X\1\0\0\0aK\1X\1\0\0\0aK\2u.", "a is there twice", TP_EINVAL),
        CASE("}(X\2\0\0\0a\0K\1u.", "key", TP_EUNSUPPORTED),
        CASE("}(NK\1u.", "key", TP_EUNSUPPORTED),
        CASE(TENSOR(STORAGE("FloatStorage", "K\4"), "K\1", "K\4\x85", "K\1\x85"), "beyond its storage", TP_EIO),
        CASE(TENSOR(STORAGE("FloatStorage", "K\4"), "J\xff\xff\xff\xff", "K\4\x85", "K\1\x85"), "beyond", TP_EIO),
        CASE(TENSOR(STORAGE("FloatStorage", "K\4"), "K\0", "K\4\x85", "J\xff\xff\xff\xff\x85"), "size", TP_EIO),
        CASE(TENSOR(STORAGE("FloatStorage", "K\4"), "K\0", "K\4\x85", "K\1K\1\x86"), "beyond", TP_EIO),
        CASE(TENSOR(STORAGE("FloatStorage", "K\4"), "K\0", "K\2K\2\x86",
                    "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86"),
             "beyond", TP_EIO),
        CASE(TENSOR(STORAGE("FloatStorage", "K\4"), "K\0", "K\4\x85", "K\1\x85"), "larger than the file", TP_EIO),
        CASE(TENSOR(STORAGE("ComplexFloatStorage", "K\4"), "K\0", "K\4\x85", "K\1\x85"), "ComplexFloatStorage",
             TP_EUNSUPPORTED),
        CASE(TENSOR(STORAGE("float32", "K\4"), "K\0", "K\4\x85", "K\1\x85"), "storage", TP_EIO),
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        load_pickle(cases[i].pickle, cases[i].n);
        ck_assert_msg(tp_error(T) != NULL, "case %zu: %s", i, cases[i].says);
        ck_error(T, cases[i].status, cases[i].says);
    }
}
END_TEST

/* Lists of lists of the same list: 2^40 parts in a few bytes. */
START_TEST(bombs)
{
    char bomb[400] = "]q";
    size_t n = 2;
    bomb[n++] = 0;
    bomb[n++] = 'N';
    bomb[n++] = 'a';
    for (int i = 1; i <= 40; i++) {
        const char step[] = {']', '(', 'h', (char)(i - 1), 'h', (char)(i - 1), 'e', 'q', (char)i};
        memcpy(bomb + n, step, sizeof step);
        n += sizeof step;
    }
    memmove(bomb + 1, bomb, n); /* the lists stay on the stack: they are put into a tuple */
    bomb[0] = '(';
    n += 1;
    bomb[n++] = 't';
    bomb[n++] = '.';
    load_pickle(bomb, n);
    ck_error(T, TP_EIO, "more parts");
    memset(bomb, ']', 100);
    memset(bomb + 100, 'a', 99);
    bomb[199] = '.';
    load_pickle(bomb, 200);
    ck_error(T, TP_EUNSUPPORTED, "nested too deeply");
}
END_TEST

/* ---- writing ------------------------------------------------------------------------------------------------------- */

START_TEST(round_trip)
{
    tp_tensor *a = tp_reshape(T, tp_arange(T, TP_F32, 0, 12, 1), tp_shape(3, 4));
    const char *names[] = {"a", "t", "row", "i", "scalar", "empty", "b", "u", "wide"};
    tp_tensor *x[] = {a,
                      tp_t(T, a),
                      tp_select(T, a, 0, 2),
                      tp_arange(T, TP_I64, -1, 70000, 10000),
                      tp_full(T, TP_F64, TP_SCALAR, 0.1),
                      tp_zeros(T, TP_F32, tp_shape(0, 3)),
                      tp_ones(T, TP_BOOL, tp_shape(2)),
                      tp_arange(T, TP_U8, 0, 256, 1),
                      tp_expand(T, tp_ones(T, TP_I32, tp_shape(1, 3)), tp_shape(1000, 3))};
    ck_no_error(T);
    ck_assert_int_eq(tp_torch_save(T, path, LENGTH(x), names, x), TP_OK);
    tp_state_dict *d = tp_torch_load(T, path);
    ck_no_error(T);
    ck_assert_int_eq(d->n, LENGTH(x));
    for (size_t i = 0; i < LENGTH(x); i++) {
        ck_assert_str_eq(d->names[i], names[i]);
        ck_assert(tensors_identical(d->tensors[i], x[i]));
    }
    ck_assert_ptr_eq(tp_data(d->tensors[0]), tp_data(d->tensors[1]));
    ck_assert_ptr_eq(tp_data(d->tensors[2]), (float *)tp_data(d->tensors[0]) + 8);
    size_t n;
    free(read_file(path, &n));
    ck_assert_uint_lt(n, 6000); /* what is expanded is written once, and a and its views */
    tp_state_dict_free(d);
}
END_TEST

START_TEST(optimizer)
{
    tp_module *m = tp_nn_linear(T, 3, 2, NULL), *other = tp_nn_linear(T, 3, 2, NULL);
    tp_optim *o = tp_optim_adam(T, tp_module_params(m), &(tp_adam_options){.lr = 0.25}),
             *again = tp_optim_adam(T, tp_module_params(other), NULL);
    tp_backward(T, tp_sum(T, tp_forward(T, m, tp_ones(T, TP_F32, tp_shape(1, 3)))));
    tp_optim_step(T, o);
    tp_state_dict *d = tp_optim_state_dict(T, o), *read;
    ck_assert_int_eq(tp_torch_save(T, path, d->n, d->names, d->tensors), TP_OK);
    read = tp_torch_load(T, path);
    ck_no_error(T);
    ck_assert_int_eq(read->n, d->n);
    for (int i = 0; i < d->n; i++)
        ck_assert_msg(tensors_identical(tp_state_dict_get(read, d->names[i]), d->tensors[i]), "%s", d->names[i]);
    ck_assert_int_eq(tp_optim_load_state_dict(T, again, read->n, read->names, read->tensors), TP_OK);
    ck_assert_double_eq(tp_optim_lr(again), 0.25);
    tp_state_dict_free(read);
    tp_state_dict_free(d);
    tp_optim_free(o);
    tp_optim_free(again);
    tp_module_free(m);
    tp_module_free(other);
}
END_TEST

/* {"model": ..., "optimizer": ..., "epoch": 5, "best": 0.5, "rows": tensor}: what torch has, and in and out again. */
START_TEST(checkpoint)
{
    tp_module *m = tp_nn_linear(T, 3, 2, NULL);
    tp_optim *o = tp_optim_adam(T, tp_module_params(m), &(tp_adam_options){.lr = 0.25});
    tp_backward(T, tp_sum(T, tp_forward(T, m, tp_ones(T, TP_F32, tp_shape(1, 3)))));
    tp_optim_step(T, o);
    tp_tensor *value[] = {tp_scalar(T, TP_I64, 5), tp_scalar(T, TP_F64, 0.5), tp_ones(T, TP_F32, tp_shape(2))};
    static const char *const nameless[] = {""};
    tp_state_dict of_value[] = {{1, nameless, value}, {1, nameless, value + 1}, {1, nameless, value + 2}};
    tp_state_dict *parts[] = {tp_module_state_dict(T, m), tp_optim_state_dict(T, o), of_value, of_value + 1,
                              of_value + 2};
    static const char *const keys[] = {"model", "optimizer", "epoch", "best", "rows"};
    ck_assert_int_eq(tp_torch_save_parts(T, path, 5, keys, parts), TP_OK);
    tp_state_dict *d = tp_torch_load(T, path), *part;
    ck_no_error(T);
    ck_assert_int_eq(d->n, parts[0]->n + parts[1]->n + 3);
    for (int k = 0; k < 2; k++) {
        part = tp_state_dict_part(T, d, keys[k]);
        ck_assert_int_eq(part->n, parts[k]->n);
        for (int i = 0; i < part->n; i++)
            ck_assert(tensors_identical(tp_state_dict_get(part, parts[k]->names[i]), parts[k]->tensors[i]));
        tp_state_dict_free(part);
    }
    ck_assert(tensors_identical(tp_state_dict_get(d, "epoch"), value[0]));
    ck_assert(tensors_identical(tp_state_dict_get(d, "best"), value[1]));
    ck_assert(tensors_identical(tp_state_dict_get(d, "rows"), value[2]));
    part = tp_state_dict_part(T, d, "mod"); /* a whole key, or nothing */
    ck_assert_int_eq(part->n, 0);
    tp_state_dict_free(part);
    tp_state_dict_free(d);
    ck_assert_int_eq(tp_torch_save_parts(T, path, 0, NULL, NULL), TP_OK);
    ck_assert_int_eq(tp_torch_save_parts(T, path, 2, (const char *const[]){"a", "a"}, parts), TP_EINVAL);
    ck_error(T, TP_EINVAL, "a is there twice");
    ck_assert_int_eq(tp_torch_save_parts(T, path, 2, keys, (tp_state_dict *const[]){parts[0], NULL}), TP_EINVAL);
    ck_error(T, TP_EINVAL, "part 1 is NULL");
    ck_assert_ptr_null(tp_state_dict_part(T, NULL, "a"));
    ck_error(T, TP_EINVAL, "the list is NULL");
    tp_state_dict_free(parts[0]);
    tp_state_dict_free(parts[1]);
    tp_optim_free(o);
    tp_module_free(m);
}
END_TEST

START_TEST(refused_names)
{
    tp_tensor *x[2] = {tp_ones(T, TP_F32, tp_shape(2)), tp_ones(T, TP_F32, tp_shape(2))};
    tp_torch_save(T, path, 2, (const char *const[]){"a", "a"}, x);
    ck_error(T, TP_EINVAL, "a is there twice");
    tp_torch_save(T, path, 1, (const char *const[]){"\xff"}, x);
    ck_error(T, TP_EINVAL, "UTF-8");
    tp_torch_save(T, path, -1, NULL, NULL);
    ck_error(T, TP_EINVAL, "-1 tensors");
    ck_assert_ptr_null(tp_torch_load(T, "/no/such/file"));
    ck_error(T, TP_EIO, "/no/such/file");
    ck_assert_int_eq(tp_npz_save(T, path, 2, (const char *const[]){"a", "b"}, x), TP_OK);
    ck_assert_ptr_null(tp_torch_load(T, path));
    ck_error(T, TP_EIO, "no data.pkl");
}
END_TEST

/* Each request for memory fails in turn, then all from there on. */
START_TEST(without_memory)
{
    int failed = 0;
    for (int all = 0; all < 2; all++) {
        bool last = false;
        for (long n = 1; n < 200 && !last; n++) {
            tp_tensor *x[2] = {tp_t(T, tp_ones(T, TP_F32, tp_shape(3, 5))), tp_ones(T, TP_I64, tp_shape(2))};
            (all ? alloc_fail_from : alloc_fail_at)(n);
            tp_status status = tp_torch_save(T, path, 2, (const char *const[]){"a", "b"}, x);
            tp_state_dict *d = status == TP_OK ? tp_torch_load(T, path) : NULL;
            alloc_fail_at(0);
            last = d != NULL;
            ck_assert(last || tp_error_status(T) == TP_ENOMEM || tp_error_status(T) == TP_EIO);
            failed += !last;
            tp_state_dict_free(d);
            tp_clear_error(T);
            tp_tape_reset(T);
        }
        ck_assert(last);
    }
    ck_assert_int_ge(failed, 30);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files_torch");
    TCase *t = tcase_create("torch");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, read_both, 0, 2);
    tcase_add_loop_test(t, damaged, 0, 2);
    tcase_add_test(t, never_executed);
    tcase_add_test(t, machine);
    tcase_add_test(t, refused);
    tcase_add_test(t, bombs);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, optimizer);
    tcase_add_test(t, checkpoint);
    tcase_add_test(t, refused_names);
    tcase_add_test(t, without_memory);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
