"""What `import echojax` offers."""

import numpy as np
import pytest
from flax import nnx
from PIL import Image

import echojax
from echojax.data import camus
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.weights import networks
from tests import camus_folders
from tests.weights import public_checkpoints
from tests.weights.pytorch import save_pth

FRAME = np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8)


@pytest.fixture(scope="module")
def save(random_network):
    """Write SRResNet with random weights."""

    def write(path, scale=2, seed=0):
        settings = SRResNetSettings(scale=scale, blocks=1, channels=4)
        model = random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)), seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        networks.save(model, path)
        return path

    return write


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("ECHOJAX_COMPILATION_CACHE", "")
    return tmp_path / "cache"


def test_a_name_that_is_not_offered_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'enlarge'"):
        _ = echojax.enlarge
    assert set(echojax.__all__) <= set(dir(echojax))


def test_a_network_is_loaded_from_a_file_of_ours_and_enhances(save, tmp_path):
    for file in (save(tmp_path / "net.safetensors"), str(tmp_path / "net.safetensors")):
        model = echojax.load(file)
        assert model.scale == 2
        assert model.enhance(FRAME).shape == (40, 48)


def test_a_network_is_loaded_from_a_checkpoint_of_pytorch(tmp_path):
    tensors = public_checkpoints.msrresnet(blocks=1, channels=4, scale=3)
    model = echojax.load(save_pth(tmp_path / "net.pth", tensors))
    assert model.scale == 3
    assert model.enhance(FRAME[None]).shape == (1, 60, 72)


def test_a_network_is_loaded_by_its_public_name_once_it_is_fetched(save, cache):
    with pytest.raises(echojax.EchojaxError, match="echojax weights fetch srresnet-x4"):
        echojax.load("srresnet-x4")
    save(cache / "srresnet-x4.safetensors", scale=4)
    assert echojax.load("srresnet-x4").scale == 4


def test_a_network_is_loaded_from_a_run(save, tmp_path):
    with pytest.raises(echojax.EchojaxError, match="not a run directory"):
        echojax.load(tmp_path)
    (tmp_path / "config.toml").touch()
    with pytest.raises(echojax.EchojaxError, match="has no trained srresnet of fold 0"):
        echojax.load(tmp_path)
    save(tmp_path / "sr" / "srresnet" / "patient" / "fold0.safetensors", scale=2)
    save(tmp_path / "sr" / "srgan" / "patient" / "fold1.safetensors", scale=4)
    assert echojax.load(tmp_path).scale == 2
    assert echojax.load(tmp_path, sr="srgan", fold=1).scale == 4


def test_tiles_of_any_size_give_the_same(save, tmp_path):
    file = save(tmp_path / "net.safetensors")
    frame = np.random.default_rng(0).random((150, 140), np.float32)
    whole, tiled = (echojax.load(file, tile=tile).enhance(frame) for tile in (384, 64))
    np.testing.assert_allclose(whole[:-60, :-60], tiled[:-60, :-60], atol=1e-5)


def test_what_makes_no_images_is_no_network_to_load(random_network, tmp_path):
    model = random_network(lambda: ResNet18(ResNetSettings(width=2), rngs=nnx.Rngs(0)))
    networks.save(model, tmp_path / "c.safetensors")
    with pytest.raises(echojax.EchojaxError, match="expected a network that enlarges"):
        echojax.load(tmp_path / "c.safetensors")


def test_a_classifier_is_loaded_and_asked(random_network, tmp_path):
    model = random_network(lambda: ResNet18(ResNetSettings(classes=4, width=2), rngs=nnx.Rngs(0)))
    card = {"heads": "view,phase", "input size": "32", "simulated frames": "3"}
    networks.save(model, tmp_path / "c.safetensors", card)
    classifier = echojax.load_classifier(tmp_path / "c.safetensors")
    assert classifier.simulated
    answers = classifier.predict(np.stack([FRAME, FRAME.T[:20, :20].repeat(2, 1)[:, :24]]))
    assert [len(answers[task].labels) for task in ("view", "phase")] == [2, 2]
    enhanced = tmp_path / "e.safetensors"
    networks.save(model, enhanced, card | {"enhanced by": "srresnet, upscale"})
    with pytest.raises(echojax.EchojaxError, match="was trained on frames enhanced by srresnet"):
        echojax.load_classifier(enhanced)


def test_a_recording_is_read(tmp_path):
    Image.fromarray(FRAME).save(tmp_path / "a.png")
    np.testing.assert_array_equal(echojax.read(tmp_path / "a.png").frames, FRAME[None])


class TestCamus:
    def prepared(self, source, tmp_path):
        camus.prepare(source, tmp_path / "data")
        return tmp_path / "data"

    def test_all_frames_are_given_unless_a_split_is_asked_for(self, tmp_path):
        ids = [f"patient{number:04d}" for number in range(1, 5)]
        subgroups = {"training": ids[:2], "validation": ids[2:3], "testing": ids[3:]}
        source = camus_folders.nifti_release(tmp_path / "camus", ids, subgroups)
        data = self.prepared(source, tmp_path)
        found = {split: echojax.camus(data, split=split) for split in ("train", "val", "test")}
        assert {name: set(frames.patient) for name, frames in found.items()} == {
            "train": set(ids[:2]),
            "val": set(ids[2:3]),
            "test": set(ids[3:]),
        }
        assert len(echojax.camus(str(data))) == 16 == len(echojax.camus(data, split="all"))

    def test_a_split_that_the_release_does_not_name_is_refused(self, nifti_folder, tmp_path):
        """Not all frames in its stead: those would be tested on what they learned from."""
        data = self.prepared(nifti_folder, tmp_path)
        assert len(echojax.camus(data)) == 8
        with pytest.raises(echojax.EchojaxError, match=r"has no train split, .* split='all'"):
            echojax.camus(data, split="train")
        with pytest.raises(echojax.EchojaxError, match="expected 'all', 'train', 'val' or 'test'"):
            echojax.camus(data, split="validation")

    def test_a_split_that_is_missing_leaves_the_others(self, challenge_folder, tmp_path):
        data = self.prepared(challenge_folder, tmp_path)
        with pytest.raises(echojax.EchojaxError, match="has no val split, only train"):
            echojax.camus(data, split="val")

    def test_pixels_are_square(self, challenge_folder, tmp_path):
        frames = echojax.camus(self.prepared(challenge_folder, tmp_path))
        np.testing.assert_array_equal(frames.spacing[:, 0], frames.spacing[:, 1])

    def test_what_is_not_prepared_says_how(self, tmp_path):
        with pytest.raises(echojax.EchojaxError, match="echojax prepare camus"):
            echojax.camus(tmp_path)


def test_a_real_checkpoint_enhances_a_real_frame_of_every_type(shared_data):
    """Reference: the same frame in 8 bit; to 2 levels, as the others are not rounded to 8 bit."""
    model = echojax.load(shared_data / "sr_weights" / "leftthomas_netG_epoch_4_100.pth")
    assert model.scale == 4
    with Image.open(shared_data / "set5" / "baby.png") as image:
        colour = np.asarray(image.convert("RGB").resize((32, 24)))
    expected = model.enhance(colour)
    assert (expected.shape, expected.dtype) == ((96, 128, 3), np.uint8)
    assert expected.std() > 20
    deep = model.enhance(colour.astype(np.uint16) * 257)
    assert np.abs(deep / 257 - expected).max() < 2
    floats = model.enhance(np.stack([colour[..., 0] / 255] * 2))
    assert floats.shape == (2, 96, 128)
    np.testing.assert_allclose(255 * floats[0], model.enhance(colour[..., 0]), atol=2)
