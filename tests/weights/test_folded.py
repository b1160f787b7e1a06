import numpy as np
import pytest
from skimage import data
from skimage.transform import resize

from echojax.errors import InputError
from echojax.models.mobilenet import MobileNetV2Settings, as_input
from echojax.weights import convert, networks
from tests.models.running import run

# Photographs, the class that they show (0 is background), and what that class is called.
SHOWN = {"chelsea": (283, "tiger cat"), "coffee": (968, "espresso"), "rocket": (658, "missile")}


def layers(width=0.25, classes=5, seed=0):
    """A small file of random numbers: arrays by name."""
    rng, arrays = np.random.default_rng(seed), {}

    def add(kernel, *, each=False):
        number, outputs = len(arrays) // 2, kernel[-1 if each else 0]
        what = "depthwise_kernel_1HWC" if each else "conv_kernel_OHWI"
        inputs = 9 if each else np.prod(kernel[1:])
        arrays[f"{number:02}_{what}"] = rng.normal(size=kernel) / np.sqrt(inputs)
        arrays[f"{number:02}_bias"] = rng.normal(size=outputs) / 2

    inputs = int(32 * width)
    add((inputs, 3, 3, 3))
    stages = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
    for factor, channels, blocks in stages:
        outputs = max(8, int(channels * width + 4) // 8 * 8)
        for _ in range(blocks):
            if factor > 1:
                add((factor * inputs, 1, 1, inputs))
            add((1, 3, 3, factor * inputs), each=True)
            add((outputs, 1, 1, factor * inputs))
            inputs = outputs
    add((1280, 1, 1, inputs))
    add((classes, 1, 1, 1280))
    return {name: array.astype(np.float16) for name, array in arrays.items()}


def evaluate(arrays, x):
    """What such a file computes, in NumPy: (n, h, w, channels), padded as TensorFlow does."""
    numbers = list(arrays.items())
    pairs = [(*numbers[k], numbers[k + 1][1]) for k in range(0, len(numbers), 2)]
    wide, first = 1, x
    strides = {1: 2, 3: 2, 6: 2, 13: 2}  # blocks, counted from 0
    block, added = -1, True
    for number, (name, kernel, bias) in enumerate(pairs):
        kernel, bias = kernel.astype(np.float32), bias.astype(np.float32)
        last = number == len(pairs) - 1
        if "depthwise" in name:
            block += 1
            first = x if wide == 1 else first
            x = np.clip(depthwise(x, kernel[0], strides.get(block, 1)) + bias, 0, 6)
            added = True
        elif kernel.shape[1] == 3:
            x = np.clip(patches(x, 2) @ kernel.reshape(len(kernel), -1).T + bias, 0, 6)
        elif last:
            x = x.mean((1, 2)) @ kernel[:, 0, 0].T + bias
        else:
            projects = added and block >= 0
            if not projects:
                first, wide = x, 6
            x = x @ kernel[:, 0, 0].T + bias
            if projects:
                x = x + first if x.shape == first.shape else x
                added, wide = False, 1
            else:
                x = np.clip(x, 0, 6)
    return x


def windows(x, stride):
    pads = [(0, 1) if stride == 2 and side % 2 == 0 else (1, 1) for side in x.shape[1:3]]
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    seen = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    return seen[:, ::stride, ::stride]  # (n, h, w, channels, 3, 3)


def depthwise(x, kernel, stride):
    seen = windows(x, stride)
    return sum(seen[..., r, c] * kernel[r, c] for r in range(3) for c in range(3))


def patches(x, stride):
    seen = np.moveaxis(windows(x, stride), 3, -1)
    return seen.reshape(*seen.shape[:3], -1)


@pytest.fixture
def file(tmp_path):
    def save(arrays):
        path = tmp_path / "folded.npz"
        np.savez_compressed(path, **arrays)
        return path

    return save


def photograph(name):
    """The middle of one of scikit-image's photographs, (1, 224, 224, 3) in [0, 1]."""
    image = getattr(data, name)()
    side = min(image.shape[:2])
    top, left = ((n - side) // 2 for n in image.shape[:2])
    square = image[top : top + side, left : left + side] / 255
    return resize(square, (224, 224, 3), anti_aliasing=True)[None].astype(np.float32)


def test_a_folded_network_computes_what_its_file_does(file):
    """Reference: NumPy on the file's arrays; tolerance 1e-4, relative."""
    arrays = layers()
    found = convert.convert(file(arrays))
    assert found.model.settings == MobileNetV2Settings(outputs=5, width=0.25, padding="tensorflow")
    x = np.random.default_rng(1).uniform(-1, 1, (2, 64, 45, 3)).astype(np.float32)
    expected = evaluate(arrays, x)
    assert expected.std() > 0.1
    np.testing.assert_allclose(run(found.model, x), expected, rtol=1e-4, atol=1e-4)


def test_imagenet_s_network_names_photographs_as_an_independent_evaluation(shared_data):
    """Reference: NumPy on the file's arrays; the same class, and logits to 1e-4."""
    path = shared_data / "grading" / "mobilenetv2_imagenet_folded_f16.npz"
    found, arrays = convert.convert(path), dict(np.load(path))
    for name, (shown, _) in SHOWN.items():
        x = np.asarray(as_input(photograph(name), found.model.settings))
        expected, answer = evaluate(arrays, x), np.asarray(run(found.model, x))
        assert expected.argmax() == answer.argmax() == shown, name
        np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_it_is_told_about_and_loaded_like_any_other_file(file, monkeypatch, tmp_path):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "kept"))
    path = file(layers())
    found = convert.inspect(path)
    assert (found.format, found.layout) == ("NumPy", "folded MobileNetV2")
    assert found.network["padding"] == "tensorflow"
    assert networks.load(path).settings.outputs == 5
    assert convert.convert(path, gray=True).model.settings.channels == 1


def test_what_is_no_such_file_is_refused(file, tmp_path):
    arrays = layers()
    with pytest.raises(InputError, match="52 layers; MobileNetV2 has 53"):
        convert.convert(file({k: v for k, v in arrays.items() if not k.startswith("07")}))
    wrong = arrays | {"03_conv_kernel_OHWI": arrays["03_conv_kernel_OHWI"][:, :, :, :4]}
    with pytest.raises(InputError, match=r"blocks\.1\.expand\.conv\.kernel is"):
        convert.convert(file(wrong))
    with pytest.raises(InputError, match="layer 00 is not a kernel"):
        convert.convert(file({"00_weights": np.zeros(3)}))
    with pytest.raises(InputError, match="holds no layers"):
        convert.convert(file({}))
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK no archive")
    with pytest.raises(InputError, match="cannot be read as a NumPy file"):
        convert.convert(broken)
