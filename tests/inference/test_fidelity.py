import json
import shutil

import numpy as np
import pytest
from flax import nnx
from PIL import Image
from scipy import ndimage

from echojax.errors import InputError
from echojax.inference import fidelity
from echojax.inference.tiles import Piece
from echojax.media import open_recording
from echojax.metrics import psnr, ssim
from echojax.models.srresnet import SRResNet, SRResNetSettings

BICUBIC_AND_LANCZOS = fidelity.interpolations(4)
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


def by_pillow(image, method, scale):
    """The protocol with Pillow's resampling: the reference and the result, as floats 0 to 255."""
    rows, columns = (n // scale * scale for n in image.shape[:2])
    high = Image.fromarray(image[:rows, :columns])
    low = high.resize((columns // scale, rows // scale), Image.Resampling.BICUBIC)
    back = low.resize((columns, rows), method)
    arrays = [np.asarray(x, np.float64) for x in (high, back)]
    if image.ndim == 3:
        arrays = [16 + x @ BT601 / 255 for x in arrays]
    return [x[scale:-scale, scale:-scale] / 255 for x in arrays]


@pytest.fixture
def network(random_network):
    def make(channels=1, scale=4):
        colours = {"in_channels": channels, "out_channels": channels}
        settings = SRResNetSettings(scale=scale, blocks=1, channels=4, activation="tanh", **colours)
        return random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))

    return make


class Given:
    """Enlarges to what it is given, and keeps what it saw."""

    def __init__(self, result, scale=4):
        self.result, self.scale = result, scale

    def pieces(self, image):
        self.seen = image
        yield Piece(slice(None), slice(None), self.result)


@pytest.mark.parametrize(
    ("shape", "way", "method", "scale"),
    [
        ((64, 80), "bicubic", Image.Resampling.BICUBIC, 4),
        ((67, 82), "lanczos", Image.Resampling.LANCZOS, 8),
        ((64, 80, 3), "lanczos", Image.Resampling.LANCZOS, 4),
        ((67, 82, 3), "bicubic", Image.Resampling.BICUBIC, 8),
    ],
)
def test_protocol_is_that_of_pillow_spelled_out(shape, way, method, scale):
    """Gray and colour, sizes that are multiples or not; tolerance 0.05 dB and 0.002 (rounding)."""
    image = picture(0, shape)
    found = fidelity.scores(image, fidelity.interpolations(scale)[way])
    reference, result = by_pillow(image, method, scale)
    assert found["psnr"] == pytest.approx(psnr(reference, result), abs=0.05)
    assert found["ssim"] == pytest.approx(ssim(reference, result), abs=0.002)


def test_low_resolution_pixels_and_results_are_of_8_bit():
    image = picture(0, (64, 80, 3))
    almost = Given((image + 0.4) / 255)
    assert fidelity.scores(image, almost)["psnr"] == np.inf
    assert almost.seen.shape == (16, 20, 3)
    np.testing.assert_allclose(almost.seen * 255, np.round(almost.seen * 255), atol=1e-4)


def test_neither_the_border_nor_what_does_not_fit_a_reduction_counts():
    image = picture(3, (102, 121))
    result = image[:100, :120, None] / np.float32(255)
    result[:4] = result[-4:] = 0
    result[:, :4] = result[:, -4:] = 0
    given = Given(result)
    assert fidelity.scores(image, given)["psnr"] == np.inf
    assert given.seen.shape == (25, 30, 1)
    result[4, 4] = 1
    assert fidelity.scores(image, given)["psnr"] < np.inf


def test_the_mean_of_frames_is_that_of_their_scores():
    frames = [picture(seed, (40, 44)) for seed in (0, 1)]
    bicubic = fidelity.interpolations(4)["bicubic"]
    found = fidelity.quality(frames, bicubic)
    one, other = (fidelity.scores(frame, bicubic) for frame in frames)
    assert found == {name: pytest.approx((one[name] + other[name]) / 2) for name in one}


def echo(seed, shape):
    """Noise in a sector with a black surround."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    mask = np.abs(columns - shape[1] / 2) < 0.8 * rows
    return np.where(mask, 30 + picture(seed, shape) // 2, 0).astype(np.uint8), mask


def test_in_the_sector_only_the_ultrasound_counts():
    """An error of a constant in the sector: known there, and diluted by the black in the frame."""
    image, mask = echo(0, (96, 120))
    wrong = np.where(mask, image + 10, 0)[..., None] / np.float32(255)
    found = fidelity.scores(image, Given(wrong), sector=True)
    assert found["psnr_sector"] == pytest.approx(-20 * np.log10(10 / 255), abs=0.1)
    share = mask[4:-4, 4:-4].mean()
    assert found["psnr"] == pytest.approx(-10 * np.log10(share * (10 / 255) ** 2), abs=0.1)
    assert found["ssim_sector"] < found["ssim"] < 1


def test_a_report_tells_both_figures_of_echo_frames(tmp_path):
    folder = save(tmp_path / "set", a=echo(0, (96, 120))[0], b=echo(1, (96, 120))[0])
    report = fidelity.evaluate(folder, fidelity.interpolations(4), sector=True)
    names = {"psnr", "ssim", "psnr_sector", "ssim_sector"}
    assert all(found.keys() == names for found in report.as_json()["mean"].values())
    assert "hull" in report.as_json()["protocol"]["sector"]
    found = report.mean["lanczos"]
    assert found["psnr_sector"] < found["psnr"]
    for table in (report.as_markdown(), report.as_text()):
        header = table.splitlines()[0]
        assert header.index("Lanczos (dB / SSIM)") < header.index("Bicubic, sector (dB / SSIM)")
        assert f"{found['psnr_sector']:.2f} / {found['ssim_sector']:.4f}" in table
        assert "sector: convex hull" in table


def test_real_frames_come_back_worse_in_the_sector(shared_data):
    """Measured on CAMUS before: 1.2 to 2.2 dB and 0.07 to 0.11 lower."""
    path = next((shared_data / "camus_4ch_full" / "database_nifti").rglob("*_4CH_ED.nii.gz"))
    (frame,) = open_recording(path).frames()
    found = fidelity.scores(frame, fidelity.interpolations(4)["bicubic"], sector=True)
    assert 1 < found["psnr"] - found["psnr_sector"] < 2.5
    assert 0.06 < found["ssim"] - found["ssim_sector"] < 0.12


def test_json_holds_every_score_their_means_and_the_protocol(tmp_path, network):
    folder = save(tmp_path / "set", a=picture(0, (40, 40)), b=picture(1, (40, 44)))
    report = fidelity.evaluate(folder, fidelity.beside_interpolations(network()))
    found = json.loads(json.dumps(report.as_json()))
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


def test_identical_images_have_no_number_in_json(tmp_path):
    """A flat image comes back as it was: PSNR is infinite, which JSON cannot say."""
    flat = np.full((40, 40), 100, np.uint8)
    report = fidelity.evaluate(save(tmp_path / "set", a=flat), BICUBIC_AND_LANCZOS)
    assert report.images["a.png"]["bicubic"]["psnr"] == float("inf")
    assert report.as_json()["mean"]["bicubic"] == {"psnr": None, "ssim": pytest.approx(1)}


def test_tables_have_a_row_for_every_image_and_the_mean(tmp_path):
    folder = save(tmp_path / "set", a=picture(0, (40, 40)), longer_name=picture(1, (40, 44)))
    report = fidelity.evaluate(folder, BICUBIC_AND_LANCZOS)
    assert list(report.mean) == ["bicubic", "lanczos"]
    assert "Network" not in report.as_text()
    score = report.images["longer_name.png"]["lanczos"]
    cell = f"{score['psnr']:.2f} / {score['ssim']:.4f}"
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
    assert list(fidelity.evaluate(folder, BICUBIC_AND_LANCZOS).images) == ["a.png", "b.png"]


def test_folders_that_cannot_be_measured_are_input_errors(tmp_path):
    folder = save(tmp_path / "set", a=picture(0, (40, 40)))
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, why in ((tmp_path / "nowhere", "no such folder"), (empty, "no images; expected")):
        with pytest.raises(InputError, match=f"{path}: {why}"):
            fidelity.evaluate(path, BICUBIC_AND_LANCZOS)
    save(folder, b=picture(0, (19, 40)))
    with pytest.raises(InputError, match=r"b.png: 19x40 pixels; at least 20 a side"):
        fidelity.evaluate(folder, BICUBIC_AND_LANCZOS)
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:300])
    with pytest.raises(InputError, match=r"b.png: cannot be read as PNG"):
        fidelity.evaluate(folder, BICUBIC_AND_LANCZOS)


@pytest.mark.parametrize(("scale", "least"), [(2, 16), (8, 32)])
def test_smallest_image_has_a_score(tmp_path, network, scale, least):
    """SSIM needs 11 pixels beside the border of the scale."""
    assert fidelity.smallest(scale) == least
    folder = save(tmp_path / "set", a=picture(0, (least, least)))
    report = fidelity.evaluate(folder, fidelity.beside_interpolations(network(scale=scale)))
    assert np.isfinite([*report.mean["sr"].values(), *report.mean["bicubic"].values()]).all()
    assert (report.protocol["scale"], report.protocol["border"]) == (scale, scale)
    assert f"x{scale}: " in report.as_text()
