"""The Python of the README runs as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax.data import camus
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.weights import networks
from tests.media import test_dicom
from tests.weights import public_checkpoints
from tests.weights.pytorch import save_pth

README = Path(__file__).parents[1] / "README.md"


def blocks():
    """The Python of the README, in the order in which a reader meets it."""
    return re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def files(tmp_path, nifti_folder, random_network, monkeypatch):
    """What the README names, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("ECHOJAX_COMPILATION_CACHE", "")
    save_pth(tmp_path / "net.pth", public_checkpoints.msrresnet(blocks=1, channels=4, images=1))
    model = random_network(lambda: ResNet18(ResNetSettings(classes=4, width=2), rngs=nnx.Rngs(0)))
    card = {"heads": "view,phase", "input size": "32"}
    networks.save(model, tmp_path / "classifier.safetensors", card)
    frames = np.random.default_rng(0).integers(0, 256, (3, 20, 24), np.uint8)
    Image.fromarray(frames[0]).save(tmp_path / "frame.png")
    region = test_dicom.region(0, 0, 23, 19)
    made = test_dicom.dataset(frames, SequenceOfUltrasoundRegions=[region])
    test_dicom.save(tmp_path / "study.dcm", made)
    camus.prepare(nifti_folder, tmp_path / "data")


def test_the_python_of_the_readme_runs_and_gives_what_it_says(files):
    code = blocks()
    assert len(code) >= 4
    names: dict = {}
    for block in code:
        exec(compile(block, str(README), "exec"), names)
    assert names["large"].shape == (80, 96)
    assert names["restored"].shape == (20, 24)
    assert names["large"].dtype == names["frame"].dtype == np.uint8
    assert names["study"].frames.shape == (3, 20, 24)
    assert names["study"].spacing == pytest.approx((0.2, 0.4))
    assert names["study"].frame_rate == 50
    assert names["clip"].shape == (3, 80, 96)
    assert names["answers"].keys() == {"view", "phase"}
    assert len(names["answers"]["phase"].labels) == 3
    assert len(names["frames"]) == 8
