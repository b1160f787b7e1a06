import json

import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax.cli import main
from echojax.inference.enhance import Interpolation, enhance
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.weights import networks

SET5 = {
    "sr": {"baby": 32.51, "bird": 32.70, "butterfly": 26.38, "head": 32.23, "woman": 29.49},
    "bicubic": {"baby": 31.78, "bird": 30.18, "butterfly": 22.10, "head": 31.61, "woman": 26.47},
}
MEAN = {"sr": 30.66, "bicubic": 28.43}


@pytest.fixture(scope="module")
def weights_of(tmp_path_factory, random_network):
    def make(scale):
        settings = SRResNetSettings(scale=scale, blocks=1, channels=4)
        path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
        networks.save(random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0))), path)
        return str(path)

    return make


@pytest.fixture(scope="module")
def weights(weights_of):
    return weights_of(4)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "in" / "deep" / "a.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48), np.uint8)).save(path)
    return path


def size(path):
    with Image.open(path) as image:
        return image.size


def test_the_network_decides_the_scale(tmp_path, picture, weights_of, capsys):
    scale = 2
    out, given = tmp_path / "out.tif", ["--weights", weights_of(scale)]
    assert main(["enhance", str(picture), "-o", str(out), "--compare", *given]) == 0
    assert size(out) == (scale * 48, scale * 40)
    assert size(tmp_path / "out_compare.png")[1] > scale * 40  # the names stand above
    restored = [str(picture), "-o", str(out), "--mode", "restore", "--overwrite", *given]
    assert main(["enhance", *restored, "--compare"]) == 0
    assert size(out) == (48, 40)
    assert size(tmp_path / "out_compare.png")[0] > 3 * 48
    capsys.readouterr()
    assert main(["evaluate-sr", str(picture.parent), "--json", *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"images", "mean", "protocol"}
    assert found["protocol"]["scale"] == scale
    assert found["images"].keys() == {"a.png"}
    assert found["images"]["a.png"].keys() == found["mean"].keys() == {"sr", "bicubic", "lanczos"}
    assert all(scores.keys() == {"psnr", "ssim"} for scores in found["mean"].values())


def test_enhance_keeps_the_structure_of_a_folder_and_names_a_bad_file(
    tmp_path, picture, weights, capsys
):
    (tmp_path / "in" / "bad.png").write_text("no picture")
    out = tmp_path / "out"
    code = main(["enhance", str(tmp_path / "in"), "-o", str(out), "--weights", weights])
    said = capsys.readouterr()
    assert code == 1
    assert (out / "deep" / "a.png").is_file()
    assert not (out / "bad.png").exists()
    assert "1 of 2 enhanced" in said.out
    assert "bad.png" in said.err


def test_enhance_says_what_it_leaves_alone_and_what_it_could_not_know(
    tmp_path, picture, weights, capsys
):
    for name in ("1.npy", "2.npy", "\x1b[31mred.txt"):
        (tmp_path / "in" / name).write_text("hello")
    out = str(tmp_path / "out")
    assert main(["enhance", str(tmp_path / "in"), "-o", out, "--weights", weights]) == 0
    said = capsys.readouterr()
    assert "of no format that is known: 3 files" in said.err
    assert r"\x1b[31mred.txt" in said.err
    assert "\x1b" not in said.err + said.out
    assert "the whole frame goes through the network" in said.err


def test_enhance_of_a_bad_file_never_prints_what_steers_a_terminal(tmp_path, weights, capsys):
    bad = tmp_path / "[red]\x1b[2Jx.png"
    bad.write_text("no picture")
    code = main(["enhance", str(bad), "-o", str(tmp_path / "out"), "--weights", weights])
    said = capsys.readouterr()
    assert code == 1
    assert r"[red]\x1b[2Jx.png" in said.err
    assert "\x1b" not in said.err + said.out


@pytest.mark.parametrize("value", ["", "1,2,3", "0,0,a,9", "5,0,5,9", "0,9,5,4", "-1,0,5,9"])
def test_a_region_that_is_no_rectangle_is_refused(tmp_path, picture, weights, capsys, value):
    given = ["--weights", weights, f"--region={value}"]
    assert main(["enhance", str(picture), "-o", str(tmp_path / "out.png"), *given]) == 2
    assert "expected TOP,LEFT,BOTTOM,RIGHT in pixels" in capsys.readouterr().err


def test_the_numbers_of_a_region_are_top_left_bottom_right(tmp_path, picture, weights):
    out = tmp_path / "out.png"
    given = ["--weights", weights, "--region", "8,4,40,24"]
    assert main(["enhance", str(picture), "-o", str(out), *given]) == 0
    found = np.array(Image.open(out))
    bicubic = enhance(
        np.array(Image.open(picture)), Interpolation("bicubic", 4), mode="upscale", high=255
    )
    changed = np.argwhere(found != bicubic)
    np.testing.assert_array_equal(changed.min(0) // 4, (8, 4))
    np.testing.assert_array_equal(changed.max(0) // 4, (39, 23))


@pytest.mark.parametrize("suffix", ["bmp", "webp"])
def test_enhance_reads_and_writes(tmp_path, weights, suffix):
    source, out = tmp_path / f"a.{suffix}", tmp_path / f"out.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48), np.uint8)).save(source)
    assert main(["enhance", str(source), "-o", str(out), "--weights", weights]) == 0
    assert size(out) == (192, 160)


def test_enhance_overwrites_only_when_told(tmp_path, picture, weights, capsys):
    out = tmp_path / "out.png"
    out.write_text("precious")
    arguments = ["enhance", str(picture), "-o", str(out), "--weights", weights]
    assert main(arguments) == 2
    assert out.read_text() == "precious"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
    assert size(out) == (192, 160)
    assert str(out) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "which network?"),
        (["--weights", "none.safetensors"], "no such weights file"),
        (["--run", "."], "not a run directory"),
        (["--run", ".", "--weights", "x"], "pass one of them"),
        (["--weights", "x", "--sr", "srgan"], "pass --run"),
        (["--weights", "srgan-x4"], "echojax weights fetch srgan-x4"),
    ],
)
def test_enhance_says_which_network_it_lacks(tmp_path, picture, monkeypatch, capsys, given, said):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    assert main(["enhance", str(picture), "-o", str(tmp_path / "out.png"), *given]) == 2
    assert said in capsys.readouterr().err


def test_evaluate_sr_prints_a_markdown_table(picture, capsys):
    assert main(["evaluate-sr", str(picture.parent), "--markdown"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("|")
    assert "a.png" in said


def test_evaluate_sr_tells_of_the_sector_where_it_is_asked(picture, weights, capsys):
    words = ["evaluate-sr", str(picture.parent), "--weights", weights, "--sector"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["mean"]["sr"]
    assert found.keys() == {"psnr", "ssim", "psnr_sector", "ssim_sector"}
    assert main(words) == 0
    assert "Network, sector" in capsys.readouterr().out


def test_evaluate_sr_of_real_weights_gives_the_known_figures(
    shared_data, tmp_path, monkeypatch, capsys
):
    """Reference: data/README.md, measured with PyTorch and Pillow's bicubic; to 0.02 dB."""
    monkeypatch.chdir(tmp_path)
    file = shared_data / "sr_weights" / "leftthomas_netG_epoch_4_100.pth"
    assert main(["weights", "convert", str(file)]) == 0
    weights = "leftthomas_netG_epoch_4_100.safetensors"
    capsys.readouterr()
    arguments = ["evaluate-sr", str(shared_data / "set5"), "--weights", weights, "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    for way, expected in SET5.items():
        psnr = {name: scores[way]["psnr"] for name, scores in found["images"].items()}
        assert psnr == {f"{name}.png": pytest.approx(v, abs=0.02) for name, v in expected.items()}
        assert found["mean"][way]["psnr"] == pytest.approx(MEAN[way], abs=0.02)
    ranked = [found["mean"][way]["psnr"] for way in ("bicubic", "lanczos", "sr")]
    assert ranked == sorted(ranked)
