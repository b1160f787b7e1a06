import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image
from scipy import ndimage

from echojax import resize
from echojax.errors import InputError
from echojax.inference import fidelity
from echojax.inference.enhance import Interpolation
from echojax.inference.tiles import Piece
from echojax.metrics import psnr, ssim
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.weights import convert

# Measured with PyTorch, Pillow's bicubic; see README.md of the shared data.
SET5 = {
    "sr": {"baby": 32.51, "bird": 32.70, "butterfly": 26.38, "head": 32.23, "woman": 29.49},
    "bicubic": {"baby": 31.78, "bird": 30.18, "butterfly": 22.10, "head": 31.61, "woman": 26.47},
}
MEAN = {"sr": 30.66, "bicubic": 28.43}
BICUBIC = Interpolation("bicubic", 4)
BT601 = np.array([65.481, 128.553, 24.966])


def picture(seed, shape):
    """Smooth uint8 noise, so that enlarging it has something to get right and to get wrong."""
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, (2, 2, 0)[: len(shape)])
    return np.clip(128 + 250 * smooth, 0, 255).round().astype(np.uint8)


def save(folder, **images):
    folder.mkdir(exist_ok=True)
    for name, image in images.items():
        Image.fromarray(image).save(folder / f"{name}.png")
    return folder


def by_pillow(image, method):
    """The protocol with Pillow's resampling: the reference and the result, as floats 0 to 255."""
    rows, columns = (n // 4 * 4 for n in image.shape[:2])
    high = Image.fromarray(image[:rows, :columns])
    low = high.resize((columns // 4, rows // 4), Image.Resampling.BICUBIC)
    back = low.resize((columns, rows), method)
    arrays = [np.asarray(x, np.float64) for x in (high, back)]
    if image.ndim == 3:
        arrays = [16 + x @ BT601 / 255 for x in arrays]
    return [x[4:-4, 4:-4] / 255 for x in arrays]


@pytest.fixture
def network(random_network):
    def make(**settings):
        return random_network(lambda: SRResNet(SRResNetSettings(**settings), rngs=nnx.Rngs(0)))

    return lambda channels: make(
        blocks=1, channels=4, in_channels=channels, out_channels=channels, activation="tanh"
    )


def test_set5_gives_the_published_figures_of_a_public_network(shared_data):
    """PSNR of the leftthomas generator and of bicubic; tolerance 0.02 dB."""
    file = shared_data / "sr_weights" / "leftthomas_netG_epoch_4_100.pth"
    report = fidelity.evaluate(shared_data / "set5", convert.convert(file).model)
    for way, expected in SET5.items():
        found = {name: scores[way].psnr for name, scores in report.images.items()}
        assert found == {f"{name}.png": pytest.approx(v, abs=0.02) for name, v in expected.items()}
        assert report.mean[way].psnr == pytest.approx(MEAN[way], abs=0.02)
    assert report.mean["bicubic"].psnr < report.mean["lanczos"].psnr < report.mean["sr"].psnr


@pytest.mark.parametrize("shape", [(64, 80), (67, 82), (64, 80, 3), (67, 82, 3)])
@pytest.mark.parametrize(
    ("way", "method"),
    [("bicubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)],
)
def test_protocol_is_that_of_pillow_spelled_out(tmp_path, shape, way, method):
    """Gray and colour, sizes that four divides or not; tolerance 0.05 dB and 0.001 (rounding)."""
    image = picture(0, shape)
    score = fidelity.evaluate(save(tmp_path / "set", a=image)).images["a.png"][way]
    reference, result = by_pillow(image, method)
    assert score.psnr == pytest.approx(psnr(reference, result), abs=0.05)
    assert score.ssim == pytest.approx(ssim(reference, result), abs=0.001)


class Recorder:
    """Enlarges by repeating pixels, and keeps what it was given."""

    scale = 4

    def __init__(self):
        self.seen = []

    def pieces(self, image):
        self.seen.append(image)
        yield Piece(slice(None), slice(None), image.repeat(4, 0).repeat(4, 1))


def test_low_resolution_pixels_are_of_8_bit():
    by = Recorder()
    fidelity.score(picture(0, (66, 80, 3)), by)
    (low,) = by.seen
    assert low.shape == (16, 20, 3)
    np.testing.assert_allclose(low * 255, np.round(low * 255), atol=1e-4)


def cone():
    """A frame whose left half is smooth noise, and whose right half is black."""
    image = np.zeros((80, 160), np.uint8)
    image[:, :80] = picture(0, (80, 80)).clip(20)
    return image


def test_black_around_the_sector_does_not_flatter_the_score_inside():
    whole = fidelity.score(cone(), BICUBIC, inside=True)
    assert whole.psnr > whole.psnr_sector + 2
    assert whole.ssim > whole.ssim_sector
    alone = fidelity.score(cone()[:, :80], BICUBIC)
    assert whole.psnr_sector == pytest.approx(alone.psnr, abs=1.0)


def test_inside_is_measured_only_where_asked_for():
    assert set(fidelity.score(cone(), BICUBIC).named()) == {"psnr", "ssim"}
    found = fidelity.quality([cone()], BICUBIC, inside=True)
    assert set(found) == {"psnr", "ssim", "psnr_sector", "ssim_sector"}


def test_quality_is_the_mean_over_images():
    images = [picture(seed, (40, 48)) for seed in range(3)]
    expected = np.mean([fidelity.score(image, BICUBIC).psnr for image in images])
    assert fidelity.quality(images, BICUBIC, inside=False)["psnr"] == pytest.approx(expected)


def test_a_report_shows_the_inside_of_the_sector_beside_the_whole(tmp_path):
    report = fidelity.evaluate(save(tmp_path / "set", a=cone()), inside=True)
    score = report.images["a.png"]["bicubic"]
    assert f"{score.psnr_sector:.2f} / {score.ssim_sector:.4f}" in report.as_text()
    assert report.as_json()["mean"]["bicubic"]["psnr_sector"] == score.psnr_sector
    assert "Bicubic, inside" in report.as_markdown()


def test_no_sector_is_looked_for_in_colour(tmp_path):
    folder = save(tmp_path / "set", a=picture(0, (40, 40, 3)))
    with pytest.raises(InputError, match=r"a\.png: a colour image"):
        fidelity.evaluate(folder, inside=True)


def enlarged(by, image):
    (piece,) = by.pieces(image)
    return piece.values


def run(model, image):
    return np.asarray(model(jnp.asarray(image)[None]))[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_network_of_the_images_channels_gets_the_image_whole(network, channels):
    """As the network alone gives it, to its borders; tolerance 1e-5."""
    model = network(channels)
    image = picture(0, (21, 18, channels)).astype(np.float32) / 255
    np.testing.assert_allclose(
        enlarged(fidelity.enlargers(model)["sr"], image), run(model, image), atol=1e-5
    )


def test_colour_network_gets_gray_replicated_and_is_averaged(network):
    model, image = network(3), picture(0, (21, 18, 1)).astype(np.float32) / 255
    expected = run(model, image.repeat(3, -1)).mean(-1, keepdims=True)
    np.testing.assert_allclose(
        enlarged(fidelity.enlargers(model)["sr"], image), expected, atol=1e-5
    )


def test_gray_network_gets_the_luma_of_colour_and_the_chroma_is_bicubic(network):
    model, image = network(1), picture(0, (21, 18, 3)).astype(np.float32) / 255
    luma = np.array([[0.299], [0.587], [0.114]], np.float32)
    chroma = resize.enlarge(image - image @ luma, 4)
    expected = (run(model, image @ luma).clip(0, 1) + chroma).clip(0, 1)
    np.testing.assert_allclose(
        enlarged(fidelity.enlargers(model)["sr"], image), expected, atol=1e-5
    )


def test_json_holds_every_score_their_means_and_the_protocol(tmp_path, network):
    folder = save(tmp_path / "set", a=picture(0, (40, 40)), b=picture(1, (40, 44)))
    found = json.loads(json.dumps(fidelity.evaluate(folder, network(1)).as_json()))
    assert list(found) == ["images", "mean", "protocol"]
    assert list(found["images"]) == ["a.png", "b.png"]
    ways = ["sr", "bicubic", "lanczos"]
    for scores in (*found["images"].values(), found["mean"]):
        assert list(scores) == ways
        assert all(list(score) == ["psnr", "ssim"] for score in scores.values())
    for way in ways:
        for metric in ("psnr", "ssim"):
            both = [scores[way][metric] for scores in found["images"].values()]
            assert found["mean"][way][metric] == pytest.approx(sum(both) / 2)
    assert found["protocol"]["scale"] == found["protocol"]["border"] == 4
    assert "BT.601, 16-235" in found["protocol"]["channel"]


def test_without_a_network_interpolation_stands_alone(tmp_path):
    report = fidelity.evaluate(save(tmp_path / "set", a=picture(0, (40, 40))))
    assert list(report.mean) == ["bicubic", "lanczos"]
    assert "Network" not in report.as_text()


def test_identical_images_have_no_number_in_json(tmp_path):
    """A flat image comes back as it was: PSNR is infinite, which JSON cannot say."""
    flat = np.full((40, 40), 100, np.uint8)
    report = fidelity.evaluate(save(tmp_path / "set", a=flat))
    assert report.images["a.png"]["bicubic"].psnr == float("inf")
    assert report.as_json()["mean"]["bicubic"] == {"psnr": None, "ssim": pytest.approx(1)}


def test_tables_have_a_row_for_every_image_and_the_mean(tmp_path):
    folder = save(tmp_path / "set", a=picture(0, (40, 40)), longer_name=picture(1, (40, 44)))
    report = fidelity.evaluate(folder)
    score = report.images["longer_name.png"]["lanczos"]
    cell = f"{score.psnr:.2f} / {score.ssim:.4f}"
    table = report.as_markdown().split("\n\n")[0].splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == [
        "| a.png",
        "| longer_name.png",
        "| mean",
    ]
    assert len({line.count("|") for line in table}) == 1
    assert table[3].endswith(f"| {cell} |")
    lines = report.as_text().split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == ["Image", "a.png", "longer_name.png", "mean"]
    assert len(set(map(len, lines))) == 1
    assert lines[2].endswith(cell)


def test_only_images_of_the_folder_itself_count(tmp_path):
    folder = save(tmp_path / "set", b=picture(0, (40, 40)), a=picture(1, (40, 40)))
    save(folder / "LRbicx4", a=picture(1, (40, 40)))
    (folder / "LICENSE.txt").write_text("not an image")
    shutil.copy(folder / "a.png", folder / "._a.png")
    assert list(fidelity.evaluate(folder).images) == ["a.png", "b.png"]


def test_folders_that_cannot_be_measured_are_input_errors(tmp_path):
    folder = save(tmp_path / "set", a=picture(0, (40, 40)))
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, why in ((tmp_path / "nowhere", "no such folder"), (empty, "no images; expected")):
        with pytest.raises(InputError, match=f"{path}: {why}"):
            fidelity.evaluate(path)
    save(folder, b=picture(0, (19, 40)))
    with pytest.raises(InputError, match=r"b.png: 19x40 pixels; at least 20 a side"):
        fidelity.evaluate(folder)
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:300])
    with pytest.raises(InputError, match=r"b.png: cannot be read as PNG"):
        fidelity.evaluate(folder)


def test_smallest_image_has_a_score(tmp_path):
    report = fidelity.evaluate(save(tmp_path / "set", a=picture(0, (20, 20))))
    assert np.isfinite(report.mean["bicubic"][:2]).all()
