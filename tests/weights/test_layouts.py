from dataclasses import dataclass, field

import numpy as np
import pytest

from echojax.weights import layouts, sizes, state_dict, torch_objects
from tests.weights import public_checkpoints as public

FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class Tensor:
    """One of a file; its numbers must not be needed."""

    shape: tuple[int, ...]
    dtype: np.dtype = FLOAT

    def array(self):
        raise AssertionError("the numbers were read")


@dataclass(eq=False)
class Module(torch_objects.Module):
    """A stand-in for a network whose tensors are known."""

    tensors: dict = field(default_factory=dict)

    def state_dict(self):
        return self.tensors


def without_numbers(tensors, prefix=""):
    return {prefix + name: Tensor(each.shape, each.dtype) for name, each in tensors.items()}


def read(tensors):
    """Name of the layout and the settings."""
    layout = layouts.recognise(tensors)
    shapes = {name: each.shape for name, each in tensors.items()}
    return layout.name, sizes.settings(layout, shapes)[0]


LORNATANG = public.srresnet(public.lornatang())
PLAIN = {name for name in LORNATANG if not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize("prefix", ["module._orig_mod.", "net."])
def test_wrappers_prefixes_are_taken_off(prefix):
    found = state_dict.find({"state_dict": without_numbers(LORNATANG, prefix)})
    assert set(found.tensors) == PLAIN


def test_prefix_that_only_some_names_have_stays():
    found = state_dict.find({"module.a": Tensor((1,)), "b": Tensor((1,))})
    assert set(found.tensors) == {"module.a", "b"}


def test_counters_are_left_out_and_counted():
    found = state_dict.find(without_numbers(LORNATANG) | {"n_averaged": Tensor(())})
    assert set(found.tensors) == PLAIN
    assert found.notes == ("6 counters left out: n_averaged, num_batches_tracked",)


@pytest.mark.parametrize(
    ("average", "last"), [("ema_state_dict", "state_dict"), ("params_ema", "params")]
)
def test_average_over_training_is_preferred_and_said(average, last):
    content = {"epoch": 3, last: {"a": Tensor((1,))}, average: {"a": Tensor((2,))}}
    found = state_dict.find(content)
    assert found.tensors["a"].shape == (2,)
    said = f"taken: {average}, the average over training; left alone: epoch, {last}"
    assert found.notes == (said,)
    content[average] = None
    assert state_dict.find(content).tensors["a"].shape == (1,)


def test_generator_is_taken_from_a_file_of_more_networks():
    content = {
        "meta": {},
        "state_dict": {
            "generator.a": Tensor((1,)),
            "generator_ema.a": Tensor((2,)),
            "discriminator.b": Tensor((3,)),
            "step_counter": Tensor((1,)),
        },
    }
    found = state_dict.find(content)
    assert {name: each.shape for name, each in found.tensors.items()} == {"a": (2,)}
    said = "left alone: generator (1), discriminator (1), step_counter (1)"
    assert found.notes[-1] == f"taken: generator_ema.*; {said}"


@pytest.mark.parametrize(
    "content",
    [
        Module("models.SRResNet", tensors={"net.a": Tensor((1,))}),
        {"epoch": 1, "model": Module("models.SRResNet", tensors={"a": Tensor((1,))})},
        {
            "discriminator": Module("models.Discriminator", tensors={"b": Tensor((2,))}),
            "generator": Module("models.Generator", tensors={"net.a": Tensor((1,))}),
        },
    ],
)
def test_whole_modules_are_read(content):
    assert set(state_dict.find(content).tensors) == {"a"}


def test_what_is_no_tensor_is_said():
    assert state_dict.find({"a": Tensor((1,)), "epoch": 3, 7: None}).notes == (
        "no tensors, so left out: epoch, int",
    )


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, {"n_averaged": Tensor(())}])
def test_content_without_tensors_is_refused(content):
    with pytest.raises(ValueError, match="tensors"):
        state_dict.find(content)


def test_wrappers_are_taken_off_a_limited_number_of_times():
    name = "module." * 100_000 + "a"
    assert len(state_dict.find({name: Tensor((1,))}).tensors) == 1


def test_one_missing_tensor_changes_neither_layout_nor_settings():
    for name in PLAIN - {"conv1.1.weight"}:
        tensors = {each: LORNATANG[each] for each in PLAIN - {name}}
        assert read(tensors) == read(LORNATANG), name


def test_unknown_names_are_shown_with_the_layouts_that_are_known():
    tensors = {f"encoder.{i}.weight": Tensor((1,)) for i in range(9)}
    with pytest.raises(ValueError, match=r"encoder\.4\.weight, \.\.\.; known are Lornatang") as no:
        read(tensors)
    assert "encoder.5" not in str(no.value)
    assert all(layout.name in str(no.value) for layout in layouts.LAYOUTS)


def changed(name, shape):
    return {**without_numbers(LORNATANG), name: Tensor(shape)}


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        (changed("conv1.0.weight", (8, 3, 8, 8)), "kernel of 8; expected odd"),
        (changed("conv3.weight", (3, 8, 33, 33)), "kernel of 33"),
        (changed("conv1.0.weight", (8, 2, 9, 9)), "3 channels from images of 2"),
        (changed("conv1.0.weight", (0, 3, 9, 9)), "expected sizes of 1 to"),
        (changed("conv1.0.weight", (10**9, 3, 9, 9)), "expected sizes of 1 to"),
        (without_numbers(public.srresnet(public.lornatang(stages=4))), "4 enlargements"),
        ({f"trunk.{i}.rcb.0.weight": Tensor((1,)) for i in range(100_000)}, "100000 residual"),
        ({"trunk.99999999999.rcb.0.weight": Tensor((1,))}, "0 enlargements"),
    ],
)
def test_sizes_of_no_such_network_are_refused(tensors, complaint):
    with pytest.raises(ValueError, match=complaint):
        read(tensors)
