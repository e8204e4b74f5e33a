# HDF5 with h5py: what is written by either is read by the other.
#
#     python3 test/interop/hdf5.py build
#
# needs: numpy, h5py
import ctypes, h5py, numpy, os, sys, tempfile


class Dims(ctypes.Structure):
    _fields_ = [("ndim", ctypes.c_int), ("dim", ctypes.c_int64 * 10)]


class Attribute(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("key", ctypes.c_char_p), ("value", ctypes.c_void_p), ("text", ctypes.c_char_p)]


P, S, I = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
tp = ctypes.CDLL(sys.argv[1] + "/libtapir.so")
for name, result, *arguments in (
        ("tape_new", P), ("tape_free", None, P), ("error", S, P), ("clear_error", None, P), ("from", P, P, I, Dims, P),
        ("t", P, P, P), ("dtype_of", I, P), ("ndim", I, P), ("size", ctypes.c_int64, P, I), ("numel", ctypes.c_int64, P),
        ("item_at", ctypes.c_double, P, ctypes.c_int64), ("hdf5_open", P, P, S), ("hdf5_close", None, P),
        ("hdf5_length", I, P), ("hdf5_name", S, P, I), ("hdf5_get", P, P, P, S), ("hdf5_attribute", P, P, P, S, S),
        ("hdf5_text", ctypes.c_int64, P, S, S, S, ctypes.c_size_t), ("hdf5_save", I, P, S, I, P, P, I, P)):
    f = getattr(tp, "tp_" + name)
    f.restype, f.argtypes = result, arguments
T = tp.tp_tape_new()
path = os.path.join(tempfile.mkdtemp(), "a.h5")
dtypes = ["f4", "f8", "i4", "i8", "u1", "?"]


def tensor(a):
    a = numpy.ascontiguousarray(a)
    return tp.tp_from(T, dtypes.index(a.dtype.str.lstrip("<|").replace("b1", "?")),
                      Dims(a.ndim, (ctypes.c_int64 * 10)(*a.shape)), a.ctypes.data_as(P))


def values(x):
    return [tp.tp_item_at(x, i) for i in range(tp.tp_numel(x))]


def attributes(*rows):
    return (Attribute * len(rows))(*rows)


# ours: all dtypes, strided, groups, empty, attributes
a = numpy.arange(12).reshape(3, 4) % 7
names = [b"g/" + d.encode() for d in dtypes] + [b"turned", b"0.weight", b"deep/er/none", b"scalar"]
xs = [tensor(a.astype(d)) for d in dtypes] + [tp.tp_t(T, tensor(a.astype("f4"))), tensor(numpy.zeros(2, "f8")),
                                              tensor(numpy.zeros((0, 3), "f4")), tensor(numpy.array(2.5))]
row = attributes((b"", b"title", None, "\u00e4 file".encode()), (b"", b"version", tensor(numpy.array(3)), None),
                 (b"g", b"ok", tensor(numpy.array([True, False])), None), (b"g/f4", b"unit", None, b"m/s"), (b"g/f4", b"empty", None, b""))
status = tp.tp_hdf5_save(T, path.encode(), len(xs), (S * len(xs))(*names), (P * len(xs))(*xs), len(row), row)
if status != 0:
    print(tp.tp_error(T).decode())
    sys.exit(77 if b"--with-hdf5" in tp.tp_error(T) else 1)
with h5py.File(path) as f:
    for d in dtypes:
        assert f["g/" + d].dtype == d and (f["g/" + d][...] == a.astype(d)).all(), d
    assert (f["turned"][...] == a.T).all() and f["0.weight"].shape == (2,) and f["deep/er/none"].shape == (0, 3)
    assert f["scalar"][()] == 2.5 and f.attrs["version"] == 3
    text = [x.decode() if isinstance(x, bytes) else x for x in (f.attrs["title"], f["g/f4"].attrs["unit"], f["g/f4"].attrs["empty"])]
    assert text == ["\u00e4 file", "m/s", ""], text
    assert f["g"].attrs["ok"].dtype == bool and list(f["g"].attrs["ok"]) == [True, False]

# theirs: all dtypes of both orders, packed in chunks, attributes of all kinds; what is refused
more = {"f2": 0, "i1": 2, "i2": 2, "u2": 2, "u4": 3, "u8": 3}
with h5py.File(path, "w") as f:
    for d in dtypes + list(more):
        for order in "<>":
            f.create_dataset("%s/%s" % (d.replace("?", "b1"), "little" if order == "<" else "big"), data=a.astype(order + d))
    f.create_dataset("packed", data=numpy.arange(10000.).reshape(100, 100), chunks=(30, 30), compression="gzip", shuffle=True)
    f.create_dataset("growing", data=a, maxshape=(None, 4))
    f["text"], f["complex"], f["record"] = "hello", numpy.zeros(2, "c8"), numpy.zeros(2, [("a", "f4"), ("b", "i2")])
    f["far"] = h5py.ExternalLink("/etc/passwd", "/x")
    f["loop"] = h5py.SoftLink("/")
    f.create_dataset("large", shape=(1 << 40,), dtype="f8", chunks=(1 << 20,))
    f.create_dataset("outside", shape=(4,), dtype="u1", external=[("/etc/passwd", 0, 4)])
    f.attrs["variable"], f.attrs["fixed"], f.attrs["numbers"] = "\u00e4 text", numpy.bytes_("abc"), [1.5, 2.5]
    f["packed"].attrs["on"] = True
f = tp.tp_hdf5_open(T, path.encode())
assert tp.tp_error(T) is None, tp.tp_error(T)
listed = [tp.tp_hdf5_name(f, i).decode() for i in range(tp.tp_hdf5_length(f))]
assert len(listed) == 2 * 12 + 7 and "far" not in listed and "f2/big" in listed, listed
for d in dtypes + list(more):
    for order in "little", "big":
        x = tp.tp_hdf5_get(T, f, ("%s.%s" % (d.replace("?", "b1"), order)).encode())
        assert tp.tp_error(T) is None, tp.tp_error(T)
        assert tp.tp_dtype_of(x) == (more[d] if d in more else dtypes.index(d)), d
        assert values(x) == a.astype(d).flatten().tolist(), (d, order)
assert values(tp.tp_hdf5_get(T, f, b"packed")) == list(range(10000))
assert tp.tp_size(tp.tp_hdf5_get(T, f, b"growing"), 1) == 4
assert values(tp.tp_hdf5_attribute(T, f, b"", b"numbers")) == [1.5, 2.5] and values(tp.tp_hdf5_attribute(T, f, b"packed", b"on")) == [1]
buffer = ctypes.create_string_buffer(20)
assert tp.tp_hdf5_text(f, b"", b"variable", buffer, 20) == 7 and buffer.value.decode() == "\u00e4 text"
assert tp.tp_hdf5_text(f, b"", b"fixed", buffer, 20) == 3 and buffer.value == b"abc"
for name, says in (b"text", b"dtype"), (b"complex", b"dtype"), (b"record", b"dtype"), (b"large", b"larger"), \
        (b"outside", b"other files"), (b"far", b"is not in"):
    assert tp.tp_hdf5_get(T, f, name) is None and says in tp.tp_error(T), (name, tp.tp_error(T))
    tp.tp_clear_error(T)
tp.tp_hdf5_close(f)
try:
    h5py.File(path + ".none")  # h5py's own way with errors is as it was
    sys.exit("a file that is not there was opened")
except OSError:
    pass
tp.tp_tape_free(T)
os.remove(path)
os.rmdir(os.path.dirname(path))
print("h5py %s, HDF5 %s" % (h5py.__version__, h5py.version.hdf5_version))
