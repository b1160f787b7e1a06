import os
import pickle
import struct
import sys
import tracemalloc
import zipfile
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echojax.errors import InputError
from echojax.weights.pickles import Global, Opaque
from echojax.weights.torch_file import read
from echojax.weights.torch_objects import Module, Tensor

KINDS = {
    "Float": np.float32,
    "Double": np.float64,
    "Half": np.float16,
    "BFloat16": ml_dtypes.bfloat16,
    "Long": np.int64,
    "Int": np.int32,
    "Short": np.int16,
    "Char": np.int8,
    "Byte": np.uint8,
    "Bool": np.bool_,
}


@dataclass
class Name:
    module: str
    name: str


@dataclass
class Call:
    function: Name
    args: tuple


@dataclass
class New:
    cls: Name
    state: dict


@dataclass
class Storage:
    key: str
    kind: str
    count: int
    view: tuple | None = None
    module: str = "torch"


@dataclass
class Raw:
    opcodes: bytes


def opcodes(value, old):
    """What `torch.save` writes for a value; the older format has six items in its references."""

    def each(values):
        return b"".join(opcodes(value, old) for value in values)

    match value:
        case Raw():
            return value.opcodes
        case Name():
            return f"c{value.module}\n{value.name}\n".encode()
        case Call():
            return opcodes(value.function, old) + opcodes(value.args, old) + b"R"
        case New():
            return opcodes(value.cls, old) + b")\x81" + opcodes(value.state, old) + b"b"
        case Storage():
            kind = Name(value.module, f"{value.kind}Storage")
            view = (value.view,) if old else ()
            return opcodes(("storage", kind, value.key, "cpu", value.count, *view), old) + b"Q"
        case tuple():
            return b"(" + each(value) + b"t"
        case list():
            return b"](" + each(value) + b"e"
        case dict():
            return b"}(" + each(part for item in value.items() for part in item) + b"u"
        case _:
            return pickle.dumps(value, 2)[2:-1]


def write_archive(path, value, storages, **members):
    members = {
        "data.pkl": b"\x80\x02" + opcodes(value, old=False) + b".",
        "byteorder": b"little",
        **{f"data/{key}": array.tobytes() for key, array in storages.items()},
        "version": b"3\n",
    } | members
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"archive/{name}", data)
    return path


def write_big_endian(path, value, storages):
    swapped = {
        key: np.frombuffer(array.tobytes(), f"u{array.itemsize}").byteswap()
        for key, array in storages.items()
    }
    return write_archive(path, value, swapped, byteorder=b"big")


def write_stream(path, value, storages):
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    parts = [pickle.dumps(each, 2) for each in head]
    parts += [b"\x80\x02" + opcodes(value, old=True) + b".", pickle.dumps(sorted(storages), 2)]
    for _, array in sorted(storages.items()):
        parts += [struct.pack("<q", array.size), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


WRITERS = pytest.mark.parametrize("write", [write_archive, write_stream])
NO_HOOKS = Call(Name("collections", "OrderedDict"), ())


def tensor(key, array, size=None, stride=None, offset=0, bits=(), **storage):
    """A tensor over all of a flat array, or part of it."""
    kind = next(kind for kind, dtype in KINDS.items() if array.dtype == dtype)
    storage = Storage(key, kind, **{"count": array.size, **storage})
    size = array.shape if size is None else size
    stride = (1,) if stride is None else stride
    args = (storage, offset, size, stride, False, NO_HOOKS, *bits)
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), args)


def refusal(path):
    """The reason for which a file is refused, without its path."""
    with pytest.raises(InputError) as error:
        read(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def numbers(count=24, dtype=np.float32):
    return np.random.default_rng(0).uniform(0, 100, count).astype(dtype)


@pytest.mark.parametrize("write", [write_archive, write_big_endian, write_stream])
def test_tensors_of_every_type_come_back_exactly(tmp_path, write):
    arrays = {kind: numbers(24, np.float64).astype(dtype) for kind, dtype in KINDS.items()}
    value = {kind: tensor(kind, each, (2, 3, 4), (1, 2, 6)) for kind, each in arrays.items()}
    loaded = read(write(tmp_path / "a.pth", value | {"epoch": 1}, arrays))
    assert list(loaded) == [*KINDS, "epoch"]
    for kind, array in arrays.items():
        found = loaded[kind]
        assert isinstance(found, Tensor)
        assert (found.shape, found.dtype) == ((2, 3, 4), array.dtype)
        assert found.array().dtype == array.dtype
        assert found.array().dtype.isnative
        np.testing.assert_array_equal(found.array(), array.reshape(4, 3, 2).T, kind)


@WRITERS
def test_views_of_one_storage_come_back_as_contiguous_arrays(tmp_path, write):
    array = numbers(24)
    value = {
        "whole": tensor("0", array, (4, 6), (6, 1)),
        "transposed": tensor("0", array, (6, 4), (1, 6)),
        "column": tensor("0", array, (4,), (6,), offset=2),
        "stepped": tensor("0", array, (2, 3), (12, 2), offset=6),
        "one": tensor("0", array, (), (), offset=23),
        "wide stride": tensor("0", array, (1, 2), (2**40, 1)),
        "empty": tensor("0", array, (0, 512), (512, 1)),
    }
    loaded = read(write(tmp_path / "a.pth", value, {"0": array}))
    whole = array.reshape(4, 6)
    expected = {
        "whole": whole,
        "transposed": whole.T,
        "column": whole[:, 2],
        "stepped": whole[1::2, ::2],
        "one": whole[3, 5],
        "wide stride": whole[:1, :2],
        "empty": np.empty((0, 512)),
    }
    for name, part in expected.items():
        found = loaded[name].array()
        np.testing.assert_array_equal(found, part)
        assert found.flags.c_contiguous
        assert found.flags.owndata or found.base.flags.owndata
    loaded["whole"].array()[:] = 0
    np.testing.assert_array_equal(loaded["whole"].array(), whole)


def test_an_unknown_byte_order_is_refused(tmp_path):
    value, storages = tensor("0", numbers()), {"0": numbers()}
    path = write_archive(tmp_path / "a.pt", value, storages, byteorder=b"middle")
    assert "byte order" in refusal(path)


def test_parameters_and_newer_types_come_back(tmp_path):
    array, wide = numbers(3), np.arange(3, dtype=np.uint16)
    plain = tensor("0", array)
    raw = Storage("1", "Untyped", 6, module="torch.storage")
    v3 = Name("torch._utils", "_rebuild_tensor_v3")
    uint16 = Name("torch", "uint16")
    value = [
        Call(Name("torch._utils", "_rebuild_parameter"), (plain, True, NO_HOOKS)),
        Call(Name("torch._utils", "_rebuild_parameter_with_state"), (plain, True, NO_HOOKS, {})),
        Call(Name("torch.nn.parameter", "Parameter"), (plain, True)),
        Call(
            Name("torch._tensor", "_rebuild_from_type_v2"),
            (plain.function, Name("torch", "Tensor"), plain.args, {"note": "x"}),
        ),
        tensor("0", array, module="torch.cuda"),
        Call(v3, (raw, 0, (3,), (1,), False, NO_HOOKS, uint16)),
    ]
    storages = {"0": array, "1": wide.view(np.uint8)}
    loaded = read(write_archive(tmp_path / "a.pth", value, storages))
    for each in loaded[:-1]:
        np.testing.assert_array_equal(each.array(), array)
    np.testing.assert_array_equal(loaded[-1].array(), wide)
    assert loaded[-1].dtype == np.uint16


def test_everything_beside_the_tensors_is_plain_or_opaque(tmp_path):
    value = {
        "epoch": 3,
        "losses": [0.5, (None, True)],
        "size": Call(Name("torch", "Size"), ((2, 3),)),
        "state": Call(Name("collections", "defaultdict"), (Name("__builtin__", "dict"),)),
        "psnr": Call(Name("numpy.core.multiarray", "scalar"), (Name("numpy", "dtype"), "x")),
        "args": New(Name("argparse", "Namespace"), {"lr": 0.1}),
        "dtype": Name("torch", "float16"),
        "optimizer": New(Name("torch.optim.adam", "Adam"), {"param_groups": []}),
    }
    loaded = read(write_archive(tmp_path / "a.pth.tar", value, {}))
    optimizer = loaded.pop("optimizer")
    assert isinstance(optimizer, Module)
    assert (optimizer.name, optimizer.state) == ("torch.optim.adam.Adam", {"param_groups": []})
    assert [type(loaded.pop(name)) for name in ("psnr", "args")] == [Opaque, Opaque]
    assert loaded.pop("dtype") == Global("torch.float16")
    plain = {"epoch": 3, "losses": [0.5, (None, True)], "size": (2, 3), "state": {}}
    assert loaded == plain


def module(name="Net", modules=None, parameters=None, buffers=None, **more):
    groups = {"_parameters": parameters or {}, "_buffers": buffers or {}, "_modules": modules or {}}
    return New(Name("models", name), {"training": True, **groups, **more})


def test_whole_networks_give_the_state_dictionary_of_their_modules(tmp_path):
    array = numbers(3)
    weight = tensor("0", array)
    inner = module("Inner", parameters={"weight": weight, "bias": None})
    transient = Call(Name("builtins", "set"), (["cache"],))
    net = module(
        modules={"0": inner, "none": None, "1": inner},
        parameters={"scale": weight},
        buffers={"mean": weight, "cache": weight},
        _non_persistent_buffers_set=transient,
    )
    loaded = read(write_archive(tmp_path / "a.pth", {"model": net}, {"0": array}))["model"]
    assert loaded.name == "models.Net"
    state = loaded.state_dict()
    assert list(state) == ["scale", "mean", "0.weight", "1.weight"]
    for each in state.values():
        np.testing.assert_array_equal(each.array(), array)


def test_classes_beside_their_source_are_read(tmp_path):
    name = opcodes(("module", Name("models", "Net"), "models.py", "class Net: ..."), old=True)
    opened = name + b"Q)\x81" + opcodes(module().state, old=True) + b"b"
    loaded = read(write_stream(tmp_path / "a.pth", Raw(opened), {}))
    assert loaded.state_dict() == {}


def endless():
    """A network that is its own member."""
    state = opcodes(module().state, old=False)
    return Raw(b"cmodels\nNet\n)\x81q\1" + state[:-1] + b"X\x08\0\0\0_modules}X\1\0\0\0ah\1sub")


def doubling():
    """Forty networks in each other, each of them twice."""
    start, rest = opcodes(module("Leaf"), old=False), opcodes(module().state, old=False)[:-1]
    double = b"X\x08\0\0\0_modules}(X\1\0\0\0ah\1X\1\0\0\0bh\1uub"
    return Raw(start + b"q\1" + 40 * (b"0cmodels\nNet\n)\x81" + rest + double + b"q\1"))


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (endless(), "too large or contains itself"),
        (doubling(), "too large or contains itself"),
        (module(parameters={"a": 3}), "a is not a tensor"),
        (module(modules={"a": 3}), "a. is not a network"),
        (module(modules={3: module()}), "without a usable name"),
        (module(modules={2000 * "a": module()}), "without a usable name"),
        (New(Name("torch.optim", "Adam"), {}), "torch.optim.Adam is not a network"),
    ],
)
def test_networks_that_make_no_sense_are_refused(tmp_path, net, message):
    path = write_archive(tmp_path / "a.pth", net, {})
    loaded = read(path)
    with pytest.raises(InputError, match=message) as error:
        loaded.state_dict()
    assert str(error.value).startswith(f"{path}: ")


@WRITERS
def test_calls_are_refused_wherever_they_stand(tmp_path, write):
    marker = tmp_path / "executed"
    evil = Call(Name("os", "system"), (f"touch {marker}",))
    array = numbers(3)
    inside = tensor("0", array)
    storage, offset, size, _, *rest = inside.args
    inside.args = (storage, offset, size, (evil,), *rest)
    hooks = tensor("0", array)
    hooks.args = (*hooks.args[:-1], evil)
    net = module(parameters={"a": tensor("0", array)}, forward=evil)
    for value in (evil, {"a": [evil]}, inside, hooks, net, {"state_dict": {"a": evil}}):
        reason = refusal(write(tmp_path / "a.pth", value, {"0": array}))
        assert reason == "the pickle wants to call os.system; refused, nothing was executed"
    assert not marker.exists()


@WRITERS
@pytest.mark.parametrize(
    "name",
    [
        "posix.system",
        "builtins.eval",
        "__builtin__.exec",
        "builtins.getattr",
        "subprocess.Popen",
        "torch.load",
        "torch.storage._load_from_bytes",
        "torch._utils._rebuild_qtensor",
        "torch.nn.Linear",  # which may be named
    ],
)
def test_calls_are_refused_by_name_whatever_they_belong_to(tmp_path, write, name):
    marker = tmp_path / "executed"
    module_name, _, function = name.rpartition(".")
    evil = Call(Name(module_name, function), (f"touch {marker}",))
    reason = refusal(write(tmp_path / "a.pth", {"a": [evil]}, {}))
    shown = name.replace("__builtin__", "builtins")
    assert reason == f"the pickle wants to call {shown}; refused, nothing was executed"
    assert not marker.exists()


@WRITERS
def test_objects_that_are_no_networks_are_refused(tmp_path, write):
    for value in (
        New(Name("subprocess", "Popen"), {"args": "touch executed"}),
        Raw(b"csubprocess\nPopen\n(X\1\0\0\0at\x81"),
        {"model": module(), "a": Name("subprocess", "Popen")},
    ):
        reason = refusal(write(tmp_path / "a.pth", value, {}))
        assert "subprocess.Popen; refused, nothing was executed" in reason


def test_pickles_that_are_no_checkpoints_are_refused_unexecuted(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'executed'}",)

    path = tmp_path / "a.pth"
    path.write_bytes(pickle.dumps(Evil()))
    assert "system; refused, nothing was executed" in refusal(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    assert "not a PyTorch checkpoint; expected a .pth or .pt file" in refusal(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.pth"]


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    path = tmp_path / "a.pth"
    assert refusal(path) == "no such weights file"
    assert "not a file; expected" in refusal(tmp_path)
    for content, reason in (
        (b"", "an empty file; expected"),
        (b"<html>404</html>", "not a PyTorch checkpoint; expected"),
        (b"PK", "not a PyTorch checkpoint"),
        (b"\x80", "truncated"),
        (pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1000, 2), "unknown version"),
        (257 * b"\0" + b"ustar", "tar archive"),
    ):
        path.write_bytes(content)
        assert reason in refusal(path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in refusal(tmp_path / "pipe")
    with path.open("wb") as file:
        np.savez(file, a=numbers())
    assert "no single folder with data.pkl" in refusal(path)


@WRITERS
def test_truncated_files_are_refused(tmp_path, write):
    array = numbers(1000)
    value = {f"layer{i}.weight": tensor("0", array) for i in range(20)}
    path = write(tmp_path / "a.pth", value, {"0": array})
    whole = path.read_bytes()
    for cut in np.linspace(30, len(whole) - 1, 12).astype(int):
        path.write_bytes(whole[:cut])
        assert "truncated" in refusal(path)


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((25,), (1,), 0),
        ((24,), (1,), 1),
        ((2,), (24,), 0),
        ((10**9,), (0,), 0),
        ((10**6, 10**6, 10**6), (0, 0, 0), 0),
        ((1,), (1,), 2**40),
        ((-1,), (1,), 0),
        ((2,), (-1,), 1),
        ((2,), (1,), -1),
        ((2, 2), (1,), 0),
        ((2**70,), (1,), 0),
        ((1,), (2**70,), 0),
        ((True,), (1,), 0),
        ((2.0,), (1,), 0),
        (33 * (1,), 33 * (1,), 0),
        (6 * (2**40,) + (0,), 7 * (1,), 0),
        (3, 1, 0),
    ],
)
def test_tensors_outside_their_storage_are_refused(tmp_path, size, stride, offset):
    array = numbers(24)
    value = tensor("0", array, size, stride, offset)
    assert refusal(write_archive(tmp_path / "a.pth", value, {"0": array})).startswith("damaged: ")


@WRITERS
@pytest.mark.parametrize("count", [25, 10**12])
def test_storages_larger_than_their_data_are_refused(tmp_path, write, count):
    array = numbers(24)
    value = tensor("0", array, count=count)
    path = write(tmp_path / "a.pth", value, {"0": array})
    tracemalloc.start()
    assert "damaged" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Storage("0", "ComplexFloat", 3), "torch.ComplexFloatStorage, which cannot be read"),
        (Call(tensor("0", numbers()).function, (1, 0, (1,), (1,))), "arguments it does not take"),
        (tensor("0", numbers(), bits=({"neg": True},)), "negated"),
        (tensor("0", numbers(), count=2**62), "impossible size"),
        (tensor("0", numbers(), count=-1), "impossible size"),
        (tensor("0", numbers(), count="24"), "no storage"),
        (Raw(b"K\1Q"), "no storage"),
        (Raw(b"Pkey\n"), "PERSID"),
    ],
)
def test_storages_that_cannot_be_read_are_refused(tmp_path, value, reason):
    assert reason in refusal(write_archive(tmp_path / "a.pth", value, {"0": numbers()}))


def test_views_of_the_older_format_are_read_and_checked(tmp_path):
    array = numbers(24)
    value = tensor("0", array, (2, 3), (3, 1), offset=1, view=("7", 10, 7))
    loaded = read(write_stream(tmp_path / "a.pth", value, {"0": array}))
    np.testing.assert_array_equal(loaded.array(), array[11:17].reshape(2, 3))
    for view in (("7", 18, 7), ("7", -1, 7), ("7", 10, 6), ("7", 30, -10), (1, 2), 3):
        value = tensor("0", array, (2, 3), (3, 1), offset=1, view=view)
        assert "damaged" in refusal(write_stream(tmp_path / "a.pth", value, {"0": array}))


def test_data_that_does_not_fit_the_older_format_is_refused(tmp_path):
    array = numbers(24)
    for value, storages in (
        (tensor("0", array), {}),
        (tensor("0", array, (25,)), {"0": array}),
        (tensor("0", array), {"0": array, "1": array}),
        (tensor("0", array, (12,), count=12), {"0": array}),
        ([tensor("0", array), Storage("0", "Double", 12)], {"0": array}),
    ):
        path = write_stream(tmp_path / "a.pth", value, storages)
        assert "damaged" in refusal(path)


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members:
            file.writestr(name, data)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_that_torch_does_not_write_are_refused(tmp_path):
    array, path = numbers(3), tmp_path / "a.pt"
    pickled = ("a/data.pkl", b"\x80\x02" + opcodes(tensor("0", array), old=False) + b".")
    data = ("a/data/0", array.tobytes())
    assert read(archive(path, [pickled, data])).shape == (3,)
    for members, reason in (
        ([pickled], "has no data/0"),
        ([data], "no single folder with data.pkl"),
        ([pickled, data, ("b/data.pkl", b"N.")], "no single folder"),
        ([pickled, data, data], "twice"),
        ([pickled, ("a/data/0", b"12345678")], "fewer bytes"),
        ([pickled, data, ("a/constants.pkl", b""), ("a/code/a.py", b"")], "TorchScript"),
        ([("a/data.pkl", b""), data], "truncated"),
    ):
        assert reason in refusal(archive(path, members))
    content = archive(path, [pickled, data]).read_bytes()
    path.write_bytes(content.replace(array.tobytes(), array[::-1].tobytes()))
    assert refusal(path) == "damaged: the checksum of data/0 is wrong"


def test_archives_without_checksums_are_read(tmp_path):
    path = write_archive(tmp_path / "a.pt", tensor("0", numbers(3)), {"0": numbers(3)})
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\1\2", 16), (b"PK\3\4", 14)):
        at = content.find(signature)
        while at >= 0:
            content[at + place : at + place + 4] = bytes(4)
            at = content.find(signature, at + 1)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path).array(), numbers(3))


def test_zip_bombs_are_refused_without_being_unpacked(tmp_path):
    bomb = ("a/data/0", bytes(50_000_000))
    path = archive(tmp_path / "a.pt", [("a/data.pkl", b"N."), bomb], zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    assert "compressed" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_overlapping_members_are_refused(tmp_path):
    path = archive(tmp_path / "a.pt", [("a/data.pkl", b"N."), ("a/data/0", bytes(100))])
    content = bytearray(path.read_bytes())
    second = content.rfind(b"PK\1\2")
    content[second + 42 : second + 46] = bytes(4)  # both members now start at the first
    path.write_bytes(content)
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("shared", [b"](" + 100_000 * b"N" + b"e", b"(" + 100_000 * b"N" + b"t"])
def test_one_long_list_in_many_tensors_costs_little(tmp_path, shared):
    rebuild = b"ctorch._tensor\n_rebuild_from_type_v2\nq\1ctorch._utils\n_rebuild_tensor_v2\nq\2"
    many = rebuild + 20_000 * b"0h\1(h\2h\0h\0h\0tR"
    path = write_archive(tmp_path / "a.pt", Raw(shared + b"q\0" + many), {})
    assert "damaged" in refusal(path)
    path = write_archive(tmp_path / "a.pt", Raw(shared + b"q\0" + 20_000 * b"h\0Q"), {})
    assert "no storage" in refusal(path)


def test_deeply_nested_checkpoints_are_read(tmp_path):
    value = Raw(b"N" + 100_000 * b"\x85")
    assert read(write_archive(tmp_path / "a.pt", value, {})) is not None
    for nested in (Storage("0", "Float", value), Call(Name("os", "system"), (value,))):
        assert len(refusal(write_stream(tmp_path / "a.pt", nested, {}))) < 200


def test_published_generator_is_read(shared_data):
    loaded = read(shared_data / "sr_weights" / "leftthomas_netG_epoch_4_100.pth")
    assert len(loaded) == 79
    assert loaded["block1.0.weight"].shape == (64, 3, 9, 9)
    assert loaded["block1.0.weight"].dtype == np.float32
    for each in loaded.values():
        assert np.isfinite(each.array()).all()
    assert sum(each.array().size for each in loaded.values()) * 4 < 2_952_717


def valid_value(array):
    return {
        "state_dict": {
            "a": tensor("0", array, (2, 3), (1, 2)),
            "b": Call(Name("torch._utils", "_rebuild_parameter"), (tensor("1", array), True, ())),
        },
        "model": module(parameters={"a": tensor("0", array)}, modules={"b": module()}),
        "args": New(Name("argparse", "Namespace"), {"lr": 0.1}),
    }


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    folder, array = tmp_path_factory.mktemp("valid"), numbers(6)
    return folder, [
        write(folder / name, valid_value(array), {"0": array, "1": array}).read_bytes()
        for name, write in (("archive.pt", write_archive), ("stream.pt", write_stream))
    ]


INTERESTING = (
    [bytes([each]) for each in range(256)]
    + [b"cos\nsystem\n", b"cposix\nsystem\n(X\1\0\0\0atR", b"csubprocess\nPopen\n)\x81"]
    + [b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", bytes(8), b"h\0", b"h\1", b"(", b"\x81", b"R"]
    + [b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", 50 * b"2\x86", b"c\\d\n\\d\n"]
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "insert", "cut", "copy", "flip"]),
        st.floats(0, 1),
        st.floats(0, 1),
        st.sampled_from(INTERESTING),
    ),
    min_size=1,
    max_size=4,
)


def edited(data, edits, other):
    for kind, first, second, piece in edits:
        at, until = (int(place * len(data)) for place in sorted((first, second)))
        match kind:
            case "put":
                data = data[:at] + piece + data[at + len(piece) :]
            case "insert":
                data = data[:at] + piece + data[at:]
            case "cut":
                data = data[:at] + data[until:]
            case "copy":
                data = data[:at] + other[at:until] + data[at:]
            case "flip":
                data = (
                    data[:at] + bytes([data[at] ^ piece[0]]) + data[at + 1 :] if data[at:] else data
                )
    return data


def read_all(path):
    """Read a file, its tensors, and its network."""
    loaded = read(path)
    if isinstance(loaded, dict):
        inner = loaded.get("state_dict")
        for each in inner.values() if isinstance(inner, dict) else ():
            if isinstance(each, Tensor):
                assert each.array().shape == each.shape
        if isinstance(loaded.get("model"), Module):
            loaded["model"].state_dict()


executed = []


def watch(event, args):
    if event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class"):
        executed.append((event, args))


sys.addaudithook(watch)


def check_only_input_errors(path, data):
    path.write_bytes(data)
    executed.clear()
    error = None
    tracemalloc.start()
    try:
        read_all(path)
    except InputError as refused:
        error = str(refused)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error is None or (error.startswith(f"{path}: ") and "\n" not in error)
    assert peak < 5e6
    assert not executed


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 1), EDITS)
def test_damaged_files_are_read_or_refused_and_nothing_else(valid, which, edits):
    folder, files = valid
    data = edited(files[which], edits, files[1 - which])
    check_only_input_errors(folder / "mutated.pt", data)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(EDITS)
def test_damaged_pickles_in_sound_archives_are_read_or_refused(valid, edits):
    folder, _ = valid
    array = numbers(6)
    pickled = b"\x80\x02" + opcodes(valid_value(array), old=False) + b"."
    path = folder / "sound.pt"
    changed = edited(pickled, edits, pickled)
    write_archive(path, None, {"0": array, "1": array}, **{"data.pkl": changed})
    check_only_input_errors(path, path.read_bytes())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_arbitrary_pickles_are_read_or_refused(valid, noise):
    folder, _ = valid
    path = write_archive(folder / "noise.pt", Raw(noise), {})
    check_only_input_errors(path, path.read_bytes())
