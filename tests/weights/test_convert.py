import hashlib

import ml_dtypes
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from echojax.errors import InputError
from echojax.models.mobilenet import MobileNetV2Settings
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.vgg import VGG19Settings
from echojax.weights import convert, networks
from tests.weights import public_checkpoints as public


@nnx.jit
def run(model, x):
    return model(x)


@pytest.fixture
def saved(tmp_path):
    """Writes tensors with foreign names as a safetensors file."""

    def write(tensors, name="foreign.safetensors"):
        save_file(dict(tensors), tmp_path / name)
        return tmp_path / name

    return write


def images(*shape):
    """(n, channels, h, w) in [0, 1]."""
    return np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)


def output(model, x):
    """Of NCHW images, as NCHW."""
    y = np.asarray(run(model, x.transpose(0, 2, 3, 1)))
    return y.transpose(0, 3, 1, 2) if y.ndim == 4 else y


# By case: the tensors' names, what varies in their shapes, the layout, and the settings it has
# beside those of `RGB`.
RGB = {"in_channels": 3, "out_channels": 3, "channels": 8}
SRRESNETS = {
    "lornatang": (public.lornatang(), {}, "Lornatang SRGAN-PyTorch", {"activation": "clip"}),
    "lornatang x8": (
        public.lornatang(blocks=1, stages=3),
        {},
        "Lornatang SRGAN-PyTorch",
        {"activation": "clip", "blocks": 1, "scale": 8},
    ),
    "lornatang 2022": (
        public.lornatang(conv="conv_block"),
        {},
        "Lornatang SRGAN-PyTorch (2022)",
        {"activation": "clip"},
    ),
    "leftthomas of 9": (
        public.leftthomas(9, stages=1),
        {"bias": True, "channels": 4},
        "leftthomas SRGAN",
        {"activation": "tanh", "bias": True, "blocks": 9, "channels": 4, "scale": 2},
    ),
    "leftthomas with PReLU": (
        public.leftthomas(5),
        {"bias": True, "trunk_end": "prelu", "counters": False},
        "leftthomas SRGAN",
        {"activation": "tanh", "bias": True, "blocks": 5, "trunk_end": "prelu"},
    ),
    "sisr": (public.sisr(), {"bias": True}, "SRResNet-SISR", {"activation": "tanh", "bias": True}),
    "sisr of 3x3": (
        public.sisr(),
        {"kernels": (3, 9)},
        "SRResNet-SISR",
        {"activation": "tanh", "first_kernel": 3},
    ),
    "sisr of gray": (
        public.sisr(),
        {"images": 1},
        "SRResNet-SISR",
        {"activation": "tanh", "in_channels": 1, "out_channels": 1},
    ),
    "sgrvinod": (
        public.sgrvinod(),
        {"bias": True},
        "sgrvinod super-resolution",
        {"activation": "tanh", "bias": True, "normalise": True},
    ),
}


@pytest.mark.parametrize("case", SRRESNETS)
def test_srresnet_is_recognised_and_computes_what_its_checkpoint_does(case, saved):
    """Reference: convolutions in NCHW on the same tensors; tolerance 1e-5."""
    names, variant, layout, told = SRRESNETS[case]
    settings = SRResNetSettings(**({"blocks": 2} | RGB | told))
    tensors = public.srresnet(names, **variant)
    converted = convert.convert(saved(tensors))
    assert (converted.layout, converted.model.settings) == (layout, settings)
    x = images(2, settings.in_channels, 6, 7)
    expected = public.run_srresnet(
        tensors,
        names,
        x,
        settings.activation,
        trunk_end=settings.trunk_end,
        normalise=settings.normalise,
    )
    assert expected.std() > 0.05
    np.testing.assert_allclose(output(converted.model, x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("program", "scale"), [("BasicSR", 2), ("BasicSR", 4), ("mmagic", 3), ("mmagic", 4)]
)
def test_msrresnet_is_recognised_and_computes_what_its_checkpoint_does(program, scale, saved):
    """Reference: convolutions in NCHW on the same tensors; tolerance 1e-5."""
    names = public.MMAGIC if program == "mmagic" else {}
    after = {"after": lambda x: x} if program == "mmagic" else {}
    tensors = public.msrresnet(scale=scale, **names)
    converted = convert.convert(saved(tensors))
    assert converted.layout == f"{program} MSRResNet"
    assert converted.model.settings == MSRResNetSettings(
        scale=scale, blocks=2, leaky_stages=program == "BasicSR", **RGB
    )
    x = images(2, 3, 6, 7)
    expected = public.run_msrresnet(tensors, x, scale=scale, **names, **after)
    np.testing.assert_allclose(output(converted.model, x), expected, rtol=1e-5, atol=1e-5)


def test_resnet18_is_recognised_and_computes_what_its_checkpoint_does(saved):
    """Reference: convolutions in NCHW on the same tensors; tolerance 1e-5, relative."""
    tensors = public.resnet18(classes=7)
    x = images(2, 3, 45, 38) * 4 - 2
    expected = public.run_resnet18(tensors, x)
    converted = convert.convert(saved(tensors))
    assert converted.layout == "torchvision ResNet-18"
    assert converted.model.settings == ResNetSettings(classes=7, width=4)
    assert expected.shape == (2, 7)
    np.testing.assert_allclose(output(converted.model, x), expected, rtol=1e-5, atol=2e-5)


def test_mobilenetv2_is_recognised_and_computes_what_its_checkpoint_does(saved):
    """Reference: convolutions in NCHW on the same tensors; tolerance 1e-4, relative."""
    tensors = public.mobilenetv2(classes=7)
    x = images(2, 3, 45, 38) * 4 - 2
    expected = public.run_mobilenetv2(tensors, x)
    converted = convert.convert(saved(tensors))
    assert converted.layout == "torchvision MobileNetV2"
    assert converted.model.settings == MobileNetV2Settings(outputs=7, width=0.25)
    assert expected.std() > 0.01
    np.testing.assert_allclose(output(converted.model, x), expected, rtol=1e-4, atol=1e-5)


def test_gray_mobilenetv2_sees_one_channel_as_three_equal_ones(saved):
    """Reference: convolutions in NCHW on the same tensors, of r = g = b; tolerance 1e-4."""
    tensors = public.mobilenetv2(classes=7)
    x = images(2, 1, 45, 38)
    converted = convert.convert(saved(tensors), gray=True)
    assert converted.model.settings.channels == 1
    assert "summed" in converted.notes[-1]
    expected = public.run_mobilenetv2(tensors, np.repeat(x, 3, 1))
    np.testing.assert_allclose(output(converted.model, x), expected, rtol=1e-4, atol=1e-5)
    again, (note,) = convert.fold_to_gray(converted.model)
    assert again is converted.model
    assert "already" in note


def test_vgg19_is_recognised_and_computes_what_its_checkpoint_does(saved):
    """Reference: convolutions in NCHW on the same tensors; tolerance 1e-5, relative."""
    tensors = public.vgg()
    x = images(2, 3, 37, 32) * 4 - 2
    expected = public.run_vgg19(tensors, x)
    converted = convert.convert(saved(tensors))
    assert converted.layout == "torchvision VGG19"
    assert converted.model.settings == VGG19Settings(width=4)
    assert expected.std() > 0.001
    np.testing.assert_allclose(output(converted.model, x), expected, rtol=1e-5, atol=1e-6)
    (note,) = converted.notes
    assert "left out" in note
    assert "classifier.6.bias" in note


def test_real_checkpoint_computes_what_pytorch_computed(shared_data):
    """Reference: PyTorch's own output of this generator; tolerance 1e-4."""
    folder = shared_data / "sr_weights"
    reference = np.load(folder / "leftthomas_x4_reference.npz")
    converted = convert.convert(folder / "leftthomas_netG_epoch_4_100.pth")
    assert converted.layout == "leftthomas SRGAN"
    y = run(converted.model, reference["lr_nhwc"])
    np.testing.assert_allclose(y, reference["sr_nhwc"], atol=1e-4)


NAMES = public.lornatang()
LORNATANG = public.srresnet(NAMES)


def test_halved_numbers_become_float32(saved):
    halved = {
        name: each.astype(ml_dtypes.bfloat16 if "rcb" in name else np.float16)
        for name, each in LORNATANG.items()
        if each.dtype == np.float32
    }
    rounded = {name: each.astype(np.float32) for name, each in halved.items()}
    x = images(1, 3, 5, 5)
    model = convert.convert(saved(halved)).model
    expected = public.run_srresnet(rounded, NAMES, x, "clip")
    np.testing.assert_allclose(output(model, x), expected, atol=1e-5)


def test_absent_biases_of_a_whole_part_are_zeros_and_said(saved):
    """Reference: convolutions without a bias; tolerance 1e-5."""
    bare = {
        name: each
        for name, each in LORNATANG.items()
        if not name.startswith(("conv1.0.bias", "conv3.bias")) and "block.0.bias" not in name
    }
    assert len(LORNATANG) - len(bare) == 4
    converted = convert.convert(saved(bare))
    x = images(1, 3, 5, 5)
    expected = public.run_srresnet(bare, NAMES, x, "clip")
    np.testing.assert_allclose(output(converted.model, x), expected, atol=1e-5)
    said = "zeros, which is the same: conv1.0.bias, conv3.bias, upsampling.0.upsample_block.0.bias"
    assert any(said in note for note in converted.notes)


def test_biases_absent_here_and_there_are_missing(saved):
    biased = public.srresnet(NAMES, bias=True)
    del biased["trunk.1.rcb.0.bias"], biased["upsampling.1.upsample_block.0.bias"]
    missing = r"missing \(2\): trunk\.1\.rcb\.0\.bias, upsampling\.1\.upsample_block\.0\.bias"
    with pytest.raises(InputError, match=missing):
        convert.convert(saved(biased))


def test_everything_that_does_not_fit_is_named_at_once(saved):
    tensors = dict(LORNATANG)
    del tensors["trunk.0.rcb.1.running_var"]
    tensors["conv2.0.weight"] = np.zeros((8, 8, 5, 5), np.float32)
    tensors["trunk.1.rcb.5.weight"] = np.zeros(3, np.float32)
    tensors["conv3.bias"] = np.zeros(3, np.int64)
    path = saved(tensors)
    with pytest.raises(InputError) as refused:
        convert.convert(path)
    assert str(refused.value) == (
        f"{path}: looks like Lornatang SRGAN-PyTorch, but does not fit: "
        "missing (1): trunk.0.rcb.1.running_var; left over (1): trunk.1.rcb.5.weight; "
        "of another shape (1): conv2.0.weight (8, 8, 5, 5), expected (8, 8, 3, 3); "
        "not of floating-point numbers (1): conv3.bias"
    )


def test_long_lists_are_cut_and_counted(saved):
    more = {f"trunk.0.rcb.{k}.weight": np.zeros(1, np.float32) for k in range(5, 35)}
    with pytest.raises(InputError, match=r"left over \(30\): .* and 10 more") as refused:
        convert.convert(saved(LORNATANG | more))
    assert str(refused.value).count("trunk.0.rcb.") == 20


@pytest.mark.parametrize("bad", [np.nan, -np.inf, 1e60])
def test_numbers_that_32_bits_do_not_hold_are_refused(bad, saved):
    wrong = LORNATANG["conv2.1.running_var"].astype(np.float64)
    wrong[3] = bad
    with pytest.raises(InputError, match=r"not finite as 32-bit numbers: conv2\.1\.running_var"):
        convert.convert(saved(LORNATANG | {"conv2.1.running_var": wrong}))


@pytest.mark.parametrize("other", [public.vgg(public.VGG16), public.vgg(norms=True)])
def test_other_vggs_are_known_not_to_fit(other, saved):
    with pytest.raises(InputError, match=r"left over .* only VGG19 without BatchNorm"):
        convert.convert(saved(other))


def test_deeper_resnets_are_known_not_to_fit(saved):
    deeper = {
        name.replace("layer1.1", f"layer1.{k}"): each
        for name, each in public.resnet18().items()
        for k in (1, 2)
    }
    with pytest.raises(InputError, match=r"left over .*layer1\.2.* only ResNet-18"):
        convert.convert(saved(deeper))


def test_tensors_that_share_numbers_cannot_claim_more_than_the_file(saved, monkeypatch):
    """A kilobyte's file whose tensors are all views of the same numbers."""
    path = saved({"a": np.zeros(1, np.float32)})
    whole = convert.state_dict.read(saved(LORNATANG, "whole.safetensors"))
    monkeypatch.setattr(convert.state_dict, "read", lambda _: whole)
    with pytest.raises(InputError, match="share numbers"):
        convert.convert(path)


def test_converted_file_is_loaded_again(saved, tmp_path):
    path, out = saved(LORNATANG), tmp_path / "out.safetensors"
    converted = convert.convert(path)
    networks.save(converted.model, out, converted.card)
    said = networks.card(out)
    assert said["source"] == "foreign.safetensors"
    assert said["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert said["layout"] == "Lornatang SRGAN-PyTorch"
    assert said["notes"] == "5 counters left out: num_batches_tracked"
    x = images(1, 3, 5, 5)
    np.testing.assert_array_equal(output(networks.load(out), x), output(converted.model, x))
    with pytest.raises(InputError, match="echojax already"):
        convert.convert(out)


def test_file_of_another_kind_is_refused_by_name(tmp_path):
    for name in ("absent.pth", "absent.safetensors"):
        with pytest.raises(InputError, match=f"{name}: no such weights file"):
            convert.convert(tmp_path / name)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x08\0\0\0\0\0\0\0{broken}")
    with pytest.raises(InputError, match=r"broken\.safetensors: cannot be read"):
        convert.convert(broken)


def test_safetensors_is_known_by_its_first_bytes(saved):
    assert convert.inspect(saved(LORNATANG, "foreign.pth")).format == "safetensors"


def test_information_tells_layout_settings_and_sizes(saved):
    info = convert.inspect(saved(public.vgg()))
    assert (info.format, info.layout, info.problem) == ("safetensors", "torchvision VGG19", None)
    assert info.network == {"model": "vgg19", "width": "4"}
    assert info.tensors == 2 * (16 + 3)
    assert info.parameters == sum(each.size for each in public.vgg().values())
    assert "left out" in info.notes[0]
    assert "names of    torchvision VGG19" in info.as_text()


def test_information_needs_no_numbers(saved, monkeypatch):
    path = saved(LORNATANG)

    def refuse(self):
        raise AssertionError("the numbers were read")

    monkeypatch.setattr(convert.state_dict._Stored, "array", refuse)
    info = convert.inspect(path)
    assert info.network["blocks"] == "2"
    statistics = sum(each.size for name, each in LORNATANG.items() if "running" in name)
    assert info.parameters == sum(e.size for e in LORNATANG.values()) - statistics - 5


def test_information_of_what_cannot_be_converted_says_why(saved):
    unknown = convert.inspect(saved({"encoder.weight": np.zeros(3, np.float32)}))
    assert unknown.layout is None
    assert (unknown.tensors, unknown.parameters) == (1, 3)
    assert "no known layout" in unknown.problem
    tensors = dict(LORNATANG)
    del tensors["conv3.weight"]
    damaged = convert.inspect(saved(tensors))
    assert damaged.layout == "Lornatang SRGAN-PyTorch"
    assert "missing (1): conv3.weight" in damaged.problem
    assert "problem" in damaged.as_text()


def test_information_of_our_own_file_is_its_metadata(saved, tmp_path):
    out = tmp_path / "out.safetensors"
    converted = convert.convert(saved(LORNATANG))
    networks.save(converted.model, out, converted.card | {"licence": "none\x1b[2J"})
    info = convert.inspect(out)
    assert info.layout == convert.OWN
    assert info.network["activation"] == "clip"
    assert info.metadata["source"] == "foreign.safetensors"
    assert "activation" not in info.metadata
    assert "\x1b" not in info.as_text()


def grayed(model, x):
    """The mean over channels of what an RGB network makes of r = g = b."""
    return output(model, np.repeat(x, 3, 1)).mean(1, keepdims=True)


TO_GRAY = {
    "none": ({"activation": "none"}, {"in_channels": 1, "out_channels": 1, "gray": False}),
    "tanh": ({"activation": "tanh"}, {"in_channels": 1, "out_channels": 3, "gray": True}),
    "normalise without tanh": (
        {"activation": "none", "normalise": True},
        {"in_channels": 3, "out_channels": 3, "gray": True},
    ),
}


@pytest.mark.parametrize("case", TO_GRAY)
def test_gray_srresnet_averages_what_rgb_makes_of_gray(case, random_network):
    """Reference: the RGB network, left as it was, on r = g = b, averaged; tolerance 1e-5."""
    before, after = TO_GRAY[case]
    settings = SRResNetSettings(blocks=2, in_channels=3, out_channels=3, channels=8, **before)
    model = random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))
    gray, (note,) = convert.fold_to_gray(model)
    assert {key: getattr(gray.settings, key) for key in after} == after
    assert note.startswith("gray: ")
    x = images(2, 1, 6, 7)
    y = output(gray, x)
    assert y.shape == (2, 1, 24, 28)
    np.testing.assert_allclose(y, grayed(model, x), rtol=1e-5, atol=1e-5)


def test_gray_msrresnet_averages_what_rgb_makes_of_gray(random_network):
    """Reference: the RGB network on r = g = b, its outputs averaged; tolerance 1e-5."""
    settings = MSRResNetSettings(
        blocks=2, channels=8, in_channels=3, out_channels=3, leaky_stages=False
    )
    model = random_network(lambda: MSRResNet(settings, rngs=nnx.Rngs(0)))
    gray, _ = convert.fold_to_gray(model)
    assert (gray.settings.in_channels, gray.settings.out_channels) == (1, 1)
    x = images(2, 1, 6, 7)
    np.testing.assert_allclose(output(gray, x), grayed(model, x), rtol=1e-5, atol=1e-5)


def test_gray_network_stays_as_it_is(random_network):
    settings = SRResNetSettings(blocks=1, channels=4)
    model = random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))
    again, (note,) = convert.fold_to_gray(model)
    assert again is model
    assert "already" in note


def test_classifier_cannot_become_gray(saved, random_network):
    with pytest.raises(InputError, match="not for vgg19"):
        convert.convert(saved(public.vgg()), gray=True)
    model = random_network(lambda: ResNet18(ResNetSettings(width=2), rngs=nnx.Rngs(0)))
    with pytest.raises(InputError, match="not for resnet18"):
        convert.fold_to_gray(model)


def test_conversion_to_gray_is_noted_and_written(saved, tmp_path):
    """Reference: the checkpoint's convolutions on r = g = b, averaged; tolerance 1e-5."""
    converted = convert.convert(saved(LORNATANG), gray=True)
    out = tmp_path / "gray.safetensors"
    networks.save(converted.model, out, converted.card)
    assert "averaged after the clip" in networks.card(out)["notes"]
    x = images(1, 1, 6, 7)
    rgb = public.run_srresnet(LORNATANG, NAMES, np.repeat(x, 3, 1), "clip")
    y = output(networks.load(out), x)
    np.testing.assert_allclose(y, rgb.mean(1, keepdims=True), atol=1e-5)


def test_network_of_a_training_keeps_its_card(random_network):
    settings = SRResNetSettings(blocks=1, channels=4, in_channels=3, out_channels=3)
    model = random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))
    found = convert.of_network(model, {"data": "frames"}, gray=True)
    assert found.model.channels == 1
    assert found.card == {"data": "frames", "notes": found.notes[0]}


def test_a_colour_network_of_ours_is_folded_too(random_network, tmp_path):
    settings = SRResNetSettings(blocks=1, channels=4, in_channels=3, out_channels=3)
    model = random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))
    networks.save(model, tmp_path / "ours.safetensors", {"data": "photographs"})
    found = convert.convert(tmp_path / "ours.safetensors", gray=True)
    assert found.model.channels == 1
    assert found.card["data"] == "photographs"
    x = images(1, 1, 6, 7)
    rgb = output(model, np.repeat(x, 3, 1))
    np.testing.assert_allclose(output(found.model, x), rgb.mean(1, keepdims=True), atol=1e-5)
