import json

import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax.cli import main
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
    assert size(tmp_path / "out_compare.png") == (2 * scale * 48 + 8, scale * 40)
    restored = [str(picture), "-o", str(out), "--mode", "restore", "--overwrite", *given]
    assert main(["enhance", *restored, "--compare"]) == 0
    assert size(out) == (48, 40)
    assert size(tmp_path / "out_compare.png") == (3 * 48 + 16, 40)
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
