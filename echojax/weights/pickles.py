"""Pickles read as data, by a stack machine that has no way to import or call what they name."""

import io
import mmap
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any, cast

from echojax.wording import shown

MAX_OPCODES = 2_000_000  # of one byte each, these can still make half a gigabyte of empty sets
_MAX_BITS = 1024  # of one integer; states of random generators have 128
_LITERALS = frozenset(  # integers, floats, texts and bytes
    opcode.name
    for opcode in pickletools.opcodes
    if opcode.arg and opcode.stack_after and opcode.stack_after != [pickletools.anyobject]
)
_RENAMED = {
    "__builtin__.": "builtins.",
    "copy_reg.": "copyreg.",
    "numpy.core.": "numpy._core.",
    "torch.tensor.": "torch._tensor.",
}


Stream = io.BytesIO | mmap.mmap  # in which a claimed length allocates nothing


class Refused(Exception):  # noqa: N818
    """Why a pickle is not read, in words for the user."""


class Forbidden(Refused):
    """The pickle wants something done."""


@dataclass(frozen=True)
class Global:
    """The dotted name of a class or function that a pickle mentions; only the name."""

    name: str


@dataclass(frozen=True, eq=False)
class Opaque:
    """A harmless value that no reader needs, such as a NumPy scalar; only the name of its class."""

    name: str


@dataclass(eq=False)
class StandIn:
    """An object of a class that is not here: the name of the class and the object's attributes."""

    name: str
    state: dict = field(default_factory=dict, repr=False)


def _no_persistent(_: object) -> object:
    raise Refused("the pickle refers to data outside itself")


@dataclass(frozen=True)
class Vocabulary:
    """What a pickle may ask for.

    `calls` has an inert function for each name that may be called, `may_name` accepts names that
    may only be mentioned, `persistent` answers references to data outside the pickle, `stand_in`
    makes the stand-in for an unknown class, and `fits` says whether it may stay once it is filled.
    """

    calls: Mapping[str, Callable[..., object]] = field(default_factory=dict)
    may_name: Callable[[str], bool] = lambda _: False
    persistent: Callable[[object], object] = _no_persistent
    stand_in: Callable[[str], StandIn] = StandIn
    fits: Callable[[StandIn], bool] = lambda _: False


def load(stream: Stream, size: int, vocabulary: Vocabulary) -> object:
    """Read one pickle, leaving the stream behind its end.

    `size` is the number of bytes that the stream holds. The result may share and contain itself
    like any pickled object, so walk it with a limit.

    Raises:
        Refused: damaged, too long, or asking for anything outside the vocabulary.
    """
    machine = _Machine(vocabulary, size)
    try:
        for opcode, arg, _ in islice(pickletools.genops(cast(IO[bytes], stream)), MAX_OPCODES):
            if opcode.name == "STOP":
                return machine.finish()
            machine.step(opcode.name, arg)
    except (ValueError, AssertionError, OverflowError, Warning, IndexError, KeyError):
        # Warning: a bad escape in a text, where warnings are errors.
        raise Refused("truncated or damaged: its pickle cannot be read") from None
    raise Refused(f"its pickle has more than {MAX_OPCODES:,} instructions")


def hashable(key: object) -> Any:
    """The key of a dictionary or member of a set, if hashing it is quick and cannot fail.

    Tuples are refused: they may be nested too deeply to hash. So are integers beyond 64 bits: any
    number of them may share one hash.
    """
    quick = key is None or isinstance(key, str | bytes | bool | float)
    small = isinstance(key, int) and key.bit_length() <= 64
    if quick or small or type(key).__hash__ is object.__hash__:
        return key
    raise Refused(f"the pickle uses a value of type {type(key).__name__} as a key")


def _literal(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise Refused(f"the pickle has an integer of {value.bit_length():,} bits")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # half a surrogate pair: no message could print it
            raise Refused("damaged: a text in its pickle is not text") from None
    return bytes(value) if isinstance(value, bytearray) else value


class _Machine:
    def __init__(self, vocabulary: Vocabulary, size: int) -> None:
        self.vocabulary = vocabulary
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.named: dict[str, Global] = {}
        self.stand_ins: list[StandIn] = []
        # One list in the file can be passed to any number of calls that copy it.
        self.left_to_copy = size

    def step(self, opcode: str, arg: Any) -> None:
        stack = self.stack
        if opcode in _LITERALS:
            stack.append(_literal(arg))
            return
        match opcode:
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                self.put(arg)
            case "MEMOIZE":
                self.put(len(self.memo))
            case "BINGET" | "LONG_BINGET" | "GET":
                stack.append(self.memo[arg])
            case "MARK":
                self.marks.append(stack)
                self.stack = []
            case "TUPLE":
                self.push(tuple(self.pop_mark()))
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.push(tuple(reversed([stack.pop() for _ in range(int(opcode[-1]))])))
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(opcode == "NEWTRUE")
            case "GLOBAL":
                self.push_global(*arg.partition(" ")[::2])
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                self.push_global(module, name)
            case "BINPERSID":
                self.push(self.vocabulary.persistent(stack.pop()))
            case "REDUCE":
                args, function = stack.pop(), stack.pop()
                self.push(self.call(function, args))
            case "EMPTY_DICT":
                stack.append({})
            case "DICT":
                items = self.pop_mark()
                self.push(self.set_items({}, items))
            case "SETITEM" | "SETITEMS":
                items = self.pop_mark() if opcode == "SETITEMS" else [stack.pop(-2), stack.pop()]
                self.set_items(self.stack[-1], items)
            case "EMPTY_LIST":
                stack.append([])
            case "LIST":
                self.push(self.pop_mark())
            case "APPEND" | "APPENDS":
                items = self.pop_mark() if opcode == "APPENDS" else [stack.pop()]
                self.container(self.stack[-1], list).extend(items)
            case "EMPTY_SET":
                stack.append(set())
            case "ADDITEMS":
                items = self.pop_mark()
                self.container(self.stack[-1], set).update(hashable(item) for item in items)
            case "FROZENSET":
                self.push(frozenset(hashable(item) for item in self.pop_mark()))
            case "BUILD":
                state = stack.pop()
                self.build(stack[-1], state)
            case "NEWOBJ":
                args, cls = stack.pop(), stack.pop()
                self.push(self.create(cls, args))
            case "NEWOBJ_EX":
                keywords, args, cls = stack.pop(), stack.pop(), stack.pop()
                self.push(self.create(cls, (*self.arguments(args), keywords) if keywords else args))
            case "OBJ":
                cls, *rest = self.pop_mark() or [None]
                self.push(self.create(cls, tuple(rest)))
            case "INST":
                args = tuple(self.pop_mark())
                self.push_global(*arg.partition(" ")[::2])
                self.push(self.create(self.stack.pop(), args))
            case "POP":
                stack.pop() if stack else self.pop_mark()
            case "POP_MARK":
                self.pop_mark()
            case "DUP":
                stack.append(stack[-1])
            case "PROTO" | "FRAME":
                pass
            case _:
                raise Refused(f"its pickle uses {opcode}, which no checkpoint needs")

    def finish(self) -> object:
        for each in self.stand_ins:
            if not self.vocabulary.fits(each):
                raise self.refusal("create", each.name)
        created = {each.name for each in self.stand_ins}
        for name in self.named:
            if name not in created and not self.listed(name):
                raise self.refusal("use", name)
        return self.stack.pop()

    def push(self, value: object) -> None:
        self.stack.append(value)

    def put(self, index: int) -> None:
        if not 0 <= index < 2**32:
            raise Refused("damaged: its pickle numbers its values beyond 32 bits")
        self.memo[index] = self.stack[-1]

    def pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def push_global(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("damaged: its pickle names something by a value that is no text")
        full = f"{module}.{name}"
        for old, new in _RENAMED.items():
            if full.startswith(old):
                full = new + full.removeprefix(old)
        self.push(self.named.setdefault(full, Global(full)))

    def container(self, target: Any, kind: type) -> Any:
        if isinstance(target, StandIn):
            raise self.refusal("create", target.name)
        if type(target) is not kind:
            raise Refused(f"damaged: its pickle fills a {type(target).__name__}")
        return target

    def set_items(self, target: Any, items: list[Any]) -> Any:
        target = self.container(target, dict)
        if len(items) % 2:
            raise Refused("damaged: its pickle has a dictionary with half an item")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[hashable(key)] = value
        return target

    def arguments(self, args: Any) -> tuple[Any, ...]:
        if not isinstance(args, tuple):
            raise Refused("damaged: its pickle passes arguments that are no tuple")
        self.left_to_copy -= len(args)
        self.left_to_copy -= sum(len(each) for each in args if hasattr(each, "__len__"))
        if self.left_to_copy < 0:
            raise Refused("its pickle copies more than it holds")
        return args

    def call(self, function: Any, args: Any) -> object:
        args = self.arguments(args)
        if not isinstance(function, Global):
            raise self.refusal("call", function)
        if function.name == "copyreg._reconstructor":
            cls, base, state = args if len(args) == 3 else (None, None, None)
            if base == Global("builtins.object") and state is None:
                return self.create(cls, ())
        if function.name not in self.vocabulary.calls:
            raise self.refusal("call", function.name)
        try:
            return self.vocabulary.calls[function.name](*args)
        except (TypeError, ValueError):
            name = shown(function.name)
            raise Refused(f"damaged: {name} gets arguments it does not take") from None

    def create(self, cls: Any, args: Any) -> object:
        if not isinstance(cls, Global):
            raise self.refusal("create", cls)
        if cls.name in self.vocabulary.calls:
            return self.call(cls, args)
        if self.arguments(args):
            raise self.refusal("create", cls.name)
        stand_in = self.vocabulary.stand_in(cls.name)
        self.stand_ins.append(stand_in)
        return stand_in

    def build(self, target: object, state: object) -> None:
        if isinstance(target, StandIn) and isinstance(state, dict) and not target.state:
            target.state = state
        elif isinstance(target, StandIn):
            raise self.refusal("create", target.name)
        elif not isinstance(target, dict | Opaque):  # theirs are attributes nobody reads
            raise Refused(f"damaged: its pickle gives attributes to a {type(target).__name__}")

    def listed(self, name: str) -> bool:
        known = name == "copyreg._reconstructor" or name in self.vocabulary.calls
        return known or self.vocabulary.may_name(name)

    def refusal(self, verb: str, name: object) -> Forbidden:
        return Forbidden(f"the pickle wants to {verb} {shown(name)}; refused, nothing was executed")


def _dictionary(items: Any = ()) -> dict:
    pairs = items.items() if isinstance(items, dict) else items
    return {hashable(key): value for key, value in pairs}


def _set(items: Any = ()) -> set:
    return {hashable(item) for item in items}


def _bytes(value: object = b"", encoding: object = "latin1") -> bytes:
    if isinstance(value, str) and encoding in ("latin1", "latin-1"):
        return value.encode("latin1")
    if isinstance(value, bytes):
        return value
    raise TypeError


def opaque(name: str) -> Callable[..., Opaque]:
    """A function that takes anything and answers with a value nobody needs."""
    return lambda *_: Opaque(name)


CONTAINERS: Mapping[str, Callable[..., object]] = {
    "_codecs.encode": _bytes,
    "builtins.bytearray": _bytes,
    "builtins.bytes": _bytes,
    "builtins.frozenset": lambda items=(): frozenset(_set(items)),
    "builtins.set": _set,
    "collections.Counter": _dictionary,
    "collections.OrderedDict": _dictionary,
    "collections.defaultdict": lambda _=None, items=(): _dictionary(items),
}
