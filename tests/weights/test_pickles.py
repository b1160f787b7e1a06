import collections
import io
import os
import pickle
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echojax.weights import pickles
from echojax.weights.pickles import Global, Opaque, Refused, StandIn, Vocabulary, opaque

CONTAINERS = Vocabulary(calls=pickles.CONTAINERS)
LENIENT = Vocabulary(
    calls={**pickles.CONTAINERS, "numpy.dtype": opaque("numpy.dtype")},
    may_name=lambda name: name == "builtins.object",
    fits=lambda stand_in: "_modules" in stand_in.state,
)


def load(data, vocabulary=CONTAINERS):
    return pickles.load(io.BytesIO(data), len(data), vocabulary)


def unicode(text):
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


keys = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary()
values = st.recursive(
    keys | st.floats(allow_nan=False) | st.integers(-(2**1000), 2**1000),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.dictionaries(keys, inner).map(collections.OrderedDict)
        | st.sets(keys)
        | st.frozensets(keys)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(values, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back_as_they_were_pickled(value, protocol):
    assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_containers_of_the_standard_library_become_plain_ones(protocol):
    ordered = collections.OrderedDict(a=1)
    ordered._metadata = {"version": 2}
    value = [
        ordered,
        collections.Counter("aab"),
        collections.defaultdict(list, {"a": [1]}),
        bytearray(b"\0\xff"),
    ]
    loaded = load(
        pickle.dumps(value, protocol),
        Vocabulary(calls=pickles.CONTAINERS, may_name=lambda name: name == "builtins.list"),
    )
    assert loaded == [{"a": 1}, {"a": 2, "b": 1}, {"a": [1]}, b"\0\xff"]
    assert [type(each) for each in loaded] == [dict, dict, dict, bytes]


def test_dictionaries_of_python_2_are_read():
    data = b"\x80\x02ccollections\nOrderedDict\n(](](U\x01aK\x01e](U\x01bK\x02eetR."
    assert load(data) == {"a": 1, "b": 2}


def test_several_pickles_in_one_stream_are_read_one_after_another():
    stream = io.BytesIO(pickle.dumps([1]) + pickle.dumps("two"))
    size = len(stream.getvalue())
    assert [pickles.load(stream, size, CONTAINERS) for _ in range(2)] == [[1], "two"]


def marker_command(tmp_path):
    return f"touch {tmp_path / 'executed'}"


class Reduced:
    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    ("function", "protocol"),
    [(os.popen, 0), (eval, 1), (exec, 2), (getattr, 3), (os.system, 4), (__import__, 5)],
)
def test_calls_are_refused_by_name_and_never_made(tmp_path, function, protocol):
    command = marker_command(tmp_path)
    text = command if function in (os.system, os.popen) else f"__import__('os').system({command!r})"
    data = pickle.dumps([1, {"a": Reduced(function, (text,))}], protocol)
    pickle.loads(pickle.dumps(Reduced(os.system, (command,))))
    (tmp_path / "executed").unlink()  # the command works
    with pytest.raises(Refused, match=rf"call \w+\.{function.__name__}; refused"):
        load(data, LENIENT)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("opcode", ["NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "REDUCE"])
def test_objects_are_refused_by_name_and_never_created(tmp_path, opcode):
    argument = unicode(marker_command(tmp_path)) + b"\x88"
    popen = b"csubprocess\nPopen\n"
    data = {
        "NEWOBJ": popen + b"(" + argument + b"t\x81.",
        "NEWOBJ_EX": popen + b")}" + unicode("args") + argument[:-1] + b"s\x92.",
        "OBJ": b"(" + popen + argument + b"o.",
        "INST": b"(" + argument + b"isubprocess\nPopen\n.",
        "REDUCE": popen + b"(" + argument + b"tR.",
    }[opcode]
    with pytest.raises(Refused, match=r"subprocess\.Popen; refused, nothing was executed"):
        load(data, LENIENT)
    assert not list(tmp_path.iterdir())


def test_objects_without_arguments_are_refused_unless_they_turn_out_harmless():
    create = b"cmodels\nNet\n)\x81"
    fill = b"}" + unicode("_modules") + b"}sb."
    with pytest.raises(Refused, match=r"create models\.Net"):
        load(create + b".", LENIENT)
    with pytest.raises(Refused, match=r"create models\.Net"):
        load(create + b"}b.", LENIENT)
    stand_in = load(create + fill, LENIENT)
    assert isinstance(stand_in, StandIn)
    assert (stand_in.name, stand_in.state) == ("models.Net", {"_modules": {}})
    with pytest.raises(Refused, match=r"create models\.Net"):
        load(create + fill[:-1] + fill, LENIENT)


def test_objects_of_older_protocols_become_stand_ins_too():
    class Net:
        pass

    Net.__module__, Net.__qualname__ = "models", "Net"
    module = type(sys)("models")
    module.Net = Net
    net = Net()
    net._modules = {}
    sys.modules["models"] = module
    try:
        data = [pickle.dumps(net, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    finally:
        del sys.modules["models"]
    assert [load(each, LENIENT).name for each in data] == ["models.Net"] * len(data)


@pytest.mark.parametrize(
    "data", [b"cthis\nd\n.", b"cthis\nd\n0N.", unicode("this") + b"\x8c\x01d\x93."]
)
def test_what_is_merely_named_is_refused_and_not_imported(data):
    with pytest.raises(Refused, match=r"use this\.d; refused"):
        load(data, LENIENT)
    assert "this" not in sys.modules


def test_allowed_names_stay_names():
    assert load(b"cbuiltins\nobject\n.", LENIENT) == Global("builtins.object")
    loaded = load(b"cnumpy\ndtype\n" + unicode("f8") + b"\x85R(K\x03tb.", LENIENT)
    assert isinstance(loaded, Opaque)
    assert loaded.name == "numpy.dtype"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated"),
        (b"K", "truncated"),
        (b".", "damaged"),
        (b"\xff.", "damaged"),
        (b"t.", "damaged"),
        (b"0.", "damaged"),
        (b"\x87.", "damaged"),
        (b"h\x05.", "damaged"),
        (b"q\x05.", "damaged"),
        (b"N)R.", "call NoneType"),
        (b"N)\x81.", "create NoneType"),
        (b"(o.", "create NoneType"),
        (b"ccollections\nOrderedDict\nNR.", "no tuple"),
        (b"ccollections\nOrderedDict\nK\x05\x85R.", "arguments it does not take"),
        (b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "arguments it does not take"),
        (b"NN\x93.", "no text"),
        (b"}Na.", "fills a dict"),
        (b"]NNs.", "fills a list"),
        (b"](NNu.", "fills a list"),
        (b"}(Nu.", "half an item"),
        (b"}]Ns.", "type list as a key"),
        (b"\x8f()\x90.", "type tuple as a key"),
        (b"()\x91.", "type tuple as a key"),
        (b"}\x8a\x09" + 8 * b"\0" + b"\x7fNs.", "type int as a key"),
        (b"]}b.", "attributes to a list"),
        (b"\x82\x01.", "uses EXT1"),
        (b"\x84\x01\0\0\0.", "uses EXT4"),
        (b"Pkey\n.", "uses PERSID"),
        (b"\x97.", "uses NEXT_BUFFER"),
        (b"K\x01Q.", "outside itself"),
        (b"\x8b\x81\0\0\0" + 129 * b"\x7f" + b".", "1,031 bits"),
        (b"\x8b\xff\xff\xff\xff.", "damaged"),
        (b"\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "damaged"),
        (b"Np99999999999999999999\n.", "beyond 32 bits"),
        (b"Np-1\n.", "beyond 32 bits"),
        (b"I" + 5000 * b"9" + b"\n.", "damaged"),
        (b"S'\\d'\n.", "damaged"),
        (b"c\\d\n\\d\n.", "damaged"),
        (b"Fnumber\n.", "damaged"),
        (unicode("a")[:-1] + b"\xff.", "damaged"),
        (b"X\x03\0\0\0\xed\xa0\x80.", "not text"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_damage_is_refused_with_a_reason(data, message):
    with pytest.raises(Refused, match=message) as error:
        load(data, LENIENT)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("opcode", [b"B", b"T", b"X", b"\x8b"])
def test_claimed_lengths_allocate_nothing(opcode):
    tracemalloc.start()
    with pytest.raises(Refused, match="damaged"):
        load(opcode + b"\xff\xff\xff\x7f" + b"abc.")
    with pytest.raises(Refused, match="damaged"):
        load(b"\x8e" + 7 * b"\xff" + b"\x0f" + b"abc.")
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("opening", "closing"),
    [(b"", b"\x85"), (b"]", b"a"), (b"}N", b"s"), (b"cmodels\nNet\n)\x81}N", b"sb")],
)
def test_deep_nesting_neither_crashes_nor_hangs(opening, closing):
    data = 100_000 * opening + b"N" + 100_000 * closing + b"."
    nested = load(data, Vocabulary(fits=lambda stand_in: True))
    depth = 0
    while nested is not None:
        nested = nested.state if isinstance(nested, StandIn) else nested
        nested = nested[None] if isinstance(nested, dict) else nested[0]
        depth += 1
    assert depth == 100_000


def test_deeply_nested_keys_are_refused_before_they_are_hashed():
    with pytest.raises(Refused, match="type tuple as a key"):
        load(b"}N" + 100_000 * b"\x85" + b"Ns.")


def test_values_may_contain_themselves():
    loaded = load(b"]q\0h\0a.")
    assert loaded[0] is loaded
    loaded = load(b"}q\0Nh\0s.")
    assert loaded[None] is loaded


def test_doubling_takes_no_memory():
    loaded = load(b"N" + 1000 * b"2\x86" + b".")
    assert loaded[0] is loaded[1]


def test_long_pickles_are_refused(monkeypatch):
    monkeypatch.setattr(pickles, "MAX_OPCODES", 1000)
    load(998 * b"N" + b"N.")
    with pytest.raises(Refused, match="more than 1,000 instructions"):
        load(1000 * b"N" + b".")


@pytest.mark.parametrize(
    "call",
    [
        b"c_codecs\nencode\nh\0\x85R0",
        b"cbuiltins\nset\nh\1\x85R0",
        b"ccollections\nOrderedDict\nh\2\x85R0",
    ],
)
def test_copying_one_value_again_and_again_is_refused(call):
    items = b"".join(b"J" + i.to_bytes(4, "little") for i in range(50_000))
    big = unicode(100_000 * "a") + b"q\0](" + items + b"eq\1}(" + items + b"uq\2"
    with pytest.raises(Refused, match="copies more than it holds"):
        load(big + 1000 * call + b"N.")
    load(big + call + b"N.")
