import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax import devices
from echojax.data import camus
from echojax.inference import classify
from echojax.inference.answer import Answer
from echojax.inference.classify import Classifier, Shape
from echojax.media import Region
from echojax.media.stack import Stack
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings


def test_an_input_is_square_and_keeps_gray_levels():
    seen = classify.as_input(np.full((50, 70), 0.25, np.float32), classify.Shape(32))
    assert seen.shape == (32, 32)
    np.testing.assert_allclose(seen, 0.25, atol=1e-6)


def test_a_padded_input_keeps_its_aspect_and_the_probe_at_the_top():
    wide = classify.as_input(np.ones((30, 60), np.float32), classify.Shape(32, "pad"))
    np.testing.assert_allclose(wide[:16], 1, atol=1e-6)
    assert not wide[16:].any()
    high = classify.as_input(np.ones((60, 30), np.float32), classify.Shape(32, "pad"))
    np.testing.assert_allclose(high[:, 8:24], 1, atol=1e-6)
    assert not high[:, :8].any()
    assert not high[:, 24:].any()


def test_an_input_in_millimetres_has_pixels_of_one_size_however_fine_the_frame_is():
    """40 x 20 mm, in pixels of 1 mm and of a quarter of that; cut off where it is too deep."""
    shape = classify.Shape(32, "millimetres", 1.0)
    coarse = classify.as_input(np.ones((40, 20), np.float32), shape, (1.0, 1.0))
    fine = classify.as_input(np.ones((160, 80), np.float32), shape, (0.25, 0.25))
    np.testing.assert_allclose(coarse, fine, atol=1e-6)
    np.testing.assert_allclose(coarse[:, 6:26], 1, atol=1e-6)
    assert not coarse[:, :6].any()
    assert not coarse[:, 26:].any()


def test_each_head_gives_the_probability_of_its_second_class(random_network):
    """Reference: softmax over the pairs of the network's logits; whatever fills a batch up."""
    settings = ResNetSettings(classes=4, width=2)
    model = random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))
    inputs = np.random.default_rng(0).random((33, 32, 32), np.float32)
    answers = classify.probabilities(model, inputs, devices.data_mesh())
    logits = nnx.jit(lambda model, x: model(x))(model, as_imagenet(jnp.asarray(inputs)[..., None]))
    logits = np.asarray(logits, np.float64)
    expected = 1 / (1 + np.exp(logits[:, [0, 2]] - logits[:, [1, 3]]))
    assert np.ptp(expected, axis=1).max() > 1e-3
    np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def model(random_network):
    return random_network(lambda: ResNet18(ResNetSettings(classes=4, width=2), rngs=nnx.Rngs(0)))


@pytest.fixture
def classifier(model):
    return Classifier(model, ("view", "phase"), Shape(32))


def smooth(*shape, dtype=np.uint8, white=255):
    """Frames that a classifier tells apart: brighter, and to another side, from one to the next."""
    n, rows, columns = (1, *shape)[-3:]
    y, x = np.mgrid[:rows, :columns] / max(rows, columns)
    frames = [0.5 + 0.5 * np.sin((k + 2) * (x + k * y)) for k in range(n)]
    scaled = white * np.stack(frames).reshape(shape)
    return (scaled.round() if white > 1 else scaled).astype(dtype)


def columns(answers):
    return np.stack([answer.probabilities[:, 1] for answer in answers.values()], axis=1)


class TestPredict:
    def test_frames_of_a_dataset_are_asked_about_as_a_study_does(self, classifier, make_frames):
        frames = make_frames(list(smooth(3, 40, 60)), ["a", "b", "c"])
        answers = classifier.predict(frames)
        inputs = classify.inputs(frames, classifier.shape)
        expected = classify.probabilities(classifier.model, inputs, devices.data_mesh())
        assert tuple(answers) == ("view", "phase")
        assert np.ptp(expected, axis=0).min() > 1e-4
        np.testing.assert_array_equal(columns(answers), expected)

    @pytest.mark.parametrize("fit", ["stretch", "pad", "millimetres"])
    def test_an_array_is_brought_to_what_the_classifier_learned_from(self, model, make_frames, fit):
        """Also where its pixels are not square: the study resamples them when it reads them."""
        classifier = Classifier(model, ("view", "phase"), Shape(32, fit, 0.8))
        array, spacing = smooth(3, 60, 40), (0.25, 0.5)
        of_study = camus.square_pixels(make_frames(list(array), ["a", "b", "c"], spacing=spacing))
        expected = columns(classifier.predict(of_study))
        np.testing.assert_array_equal(columns(classifier.predict(array, spacing)), expected)
        stack = Stack(array, 0, 255, spacing=spacing)
        np.testing.assert_array_equal(columns(classifier.predict(stack)), expected)
        other = columns(classifier.predict(array, (0.5, 0.5)))
        assert fit == "stretch" or np.abs(other - expected).max() > 1e-4

    @pytest.mark.parametrize(
        ("dtype", "white"), [(np.uint16, 65535), (np.float32, 1), (np.float64, 1)]
    )
    def test_depth_and_colour_make_no_difference(self, classifier, dtype, white):
        expected = columns(classifier.predict(smooth(40, 60)))
        deep = smooth(40, 60, dtype=dtype, white=white)
        for given in (deep, np.dstack([deep] * 3), deep[None]):
            np.testing.assert_allclose(columns(classifier.predict(given)), expected, atol=1e-3)

    def test_floats_out_of_range_are_refused(self, classifier):
        with pytest.raises(ValueError, match=r"floats from 127\.5 to 255"):
            classifier.predict(255 * smooth(40, 60, dtype=np.float32, white=1))

    def test_what_is_no_number_is_black(self, classifier):
        array = smooth(1, 40, 60, dtype=np.float32, white=1)
        array[:, :, :10] = 0
        expected = columns(classifier.predict(array))
        array[:, :, :10] = np.nan
        np.testing.assert_array_equal(columns(classifier.predict(array)), expected)

    def test_only_the_largest_region_is_seen(self, classifier):
        inside = smooth(2, 40, 60)
        whole = np.full((2, 80, 90), 255, np.uint8)
        whole[:, 10:50, 20:80] = inside
        regions = (Region(0, 9, 0, 9), Region(10, 50, 20, 80))
        found = classifier.predict(Stack(whole, 0, 255, regions=regions))
        np.testing.assert_array_equal(columns(found), columns(classifier.predict(inside)))

    def test_millimetres_need_a_spacing(self, model):
        classifier = Classifier(model, ("view", "phase"), Shape(32, "millimetres", 0.8))
        with pytest.raises(ValueError, match=r"pass spacing=\(mm between rows"):
            classifier.predict(smooth(40, 60))


def test_an_answer_has_labels_confidence_and_a_mean():
    answer = Answer.of("phase", np.array([0.2, 0.5, 0.95], np.float32))
    assert answer.classes == ("ED", "ES")
    assert answer.labels == ["ED", "ES", "ES"]
    np.testing.assert_allclose(answer.confidence, [0.8, 0.5, 0.95])
    np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1)
    together = answer.mean()
    np.testing.assert_allclose(together.probabilities, [[0.45, 0.55]], rtol=1e-6)
    assert together.labels == ["ES"]
