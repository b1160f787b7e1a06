import numpy as np
import pytest
from flax import nnx

from echojax.data.masks import largest_parts
from echojax.errors import InputError
from echojax.inference import segment
from echojax.inference.segment import SIZE, Segmenter
from echojax.models.unet import UNet, UNetSettings
from echojax.weights import networks
from tests.recipes.images import speckle

SMALL = UNetSettings(encoder=(4, 6), decoder=(4,))


@pytest.fixture(scope="module")
def model(random_network):
    return random_network(lambda: UNet(SMALL, rngs=nnx.Rngs(0)))


def test_masks_have_the_geometry_of_their_frames(model):
    segmenter = Segmenter(model, 16)
    frames = [*speckle(1, 0), *speckle(1, 1, shape=(50, 23))]
    for frame, alone in zip(frames, segmenter.clip(frames, probabilities=True), strict=True):
        assert (alone.mask.shape, alone.mask.dtype) == (frame.shape, np.uint8)
        assert alone.probabilities.shape == (*frame.shape, 4)
        np.testing.assert_allclose(alone.probabilities.sum(axis=-1), 1, atol=1e-4)
        found = segmenter(frame)
        assert np.array_equal(found.mask, alone.mask)
        assert found.probabilities is None


def test_a_long_clip_is_answered_frame_by_frame(model, monkeypatch):
    monkeypatch.setattr(segment, "_ASK", 4)
    segmenter, frames = Segmenter(model, 16), speckle(6, 2)
    together = segmenter.clip(frames)
    assert len(together) == 6
    for frame, found in zip(frames, together, strict=True):
        assert np.array_equal(segmenter(frame).mask, found.mask)


def test_gain_changes_nothing(model):
    (frame,) = speckle(1, 3)
    frame //= 2
    one, other = (
        Segmenter(model, 16)(each, probabilities=True).probabilities for each in (frame, 2 * frame)
    )
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_averaged_with_the_mirror_image_an_answer_has_no_side(model):
    (frame,) = speckle(1, 4)
    sided, fair = (Segmenter(model, 16, mirror=mirror, largest=False) for mirror in (False, True))

    def asymmetry(segmenter):
        shares, mirrored = (
            segmenter(each, probabilities=True).probabilities for each in (frame, frame[:, ::-1])
        )
        return np.abs(shares - mirrored[:, ::-1]).max()

    assert asymmetry(fair) < 1e-4 < asymmetry(sided)


def test_of_each_structure_the_largest_part_is_kept():
    mask = np.zeros((12, 12), np.uint8)
    mask[1:5, 1:5], mask[8:10, 8:10], mask[6, 1:4], mask[11, 11] = 1, 1, 2, 2
    kept = largest_parts(mask)
    assert kept[8:10, 8:10].max() == kept[11, 11] == 0
    mask[8:10, 8:10], mask[11, 11] = 0, 0
    assert np.array_equal(kept, mask)


def test_a_file_is_asked_as_it_learned(model, tmp_path):
    file = tmp_path / "segmenter.safetensors"
    networks.save(model, file, {SIZE: "16"})
    (frame,) = speckle(1, 5)
    loaded = Segmenter.load(file, mirror=True)
    assert (loaded.size, loaded.mirror) == (16, True)
    assert np.array_equal(loaded(frame).mask, Segmenter(model, 16, mirror=True)(frame).mask)


@pytest.mark.parametrize("card", [{}, {SIZE: "wide"}, {SIZE: "0"}])
def test_a_file_that_does_not_say_how_to_be_asked_is_refused(card, model, tmp_path):
    networks.save(model, tmp_path / "other.safetensors", card)
    with pytest.raises(InputError, match=r"other.safetensors: holds no network that segments"):
        Segmenter.load(tmp_path / "other.safetensors")


def test_a_network_of_other_classes_is_refused(random_network, tmp_path):
    settings = UNetSettings(encoder=(4, 6), decoder=(4,), classes=1)
    other = random_network(lambda: UNet(settings, rngs=nnx.Rngs(0)))
    networks.save(other, tmp_path / "other.safetensors", {SIZE: "16"})
    with pytest.raises(InputError, match="train-segmenter"):
        Segmenter.load(tmp_path / "other.safetensors")
