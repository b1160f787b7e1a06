"""Nothing that a study starts from may have learned from the frames that it tests."""

import numpy as np
import pytest
from flax import nnx
from scipy import ndimage

from echojax.errors import InputError
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recipes import learned_from
from echojax.studies.diagnosis import leaks
from echojax.studies.diagnosis.folds import make_folds
from echojax.vocabulary import QUALITIES
from echojax.weights import networks


@pytest.fixture(scope="module")
def frames(make_frames):
    """24 patients of smooth noise with both views and phases, as many of each quality."""
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(size=(96, 48, 48)), (0, 2, 2))
    each = [(p, view, phase) for p in range(24) for view in range(2) for phase in range(2)]
    patient, view, phase = np.array(each).T
    return make_frames(
        list((128 + 400 * noise).clip(0, 255).astype(np.uint8)),
        [f"patient{p:04d}" for p in patient],
        view=view,
        phase=phase,
        quality=patient % 3,
    )


@pytest.fixture(scope="module")
def folds(frames):
    return {
        protocol: make_folds(
            frames, protocol=protocol, sr_quality=("good",), parts=2, folds=2, seed=0
        )
        for protocol in ("paper", "patient")
    }


@pytest.fixture(scope="module")
def model(random_network):
    settings = SRResNetSettings(blocks=1, channels=2)
    return random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))


@pytest.fixture
def file_of(model, tmp_path):
    """A file of a network that learned from some frames, and started from another file."""

    def save(learned, init=None, name="net"):
        file = tmp_path / f"{name}.safetensors"
        networks.save(model, file, {"data": "frames", **learned_from.card_of(learned.hashes, init)})
        return file

    return save


def check(file, frames, *folds, sr):
    key = "sr.init" if sr else "classifier.init"
    leaks.check_init(file, key, frames, folds, sr=sr)


def refused(number, fold):
    """The message on how many of a patient-level fold's 48 frames were learned from."""
    return rf"learned from {number} of the 48 frames that fold {fold} of protocol patient tests"


def test_a_generator_of_protocol_paper_has_seen_the_good_frames_of_any_patient(
    frames, folds, file_of
):
    file = file_of(frames.take(folds["paper"][0].sr_train))
    for fold in folds["patient"]:
        with pytest.raises(InputError, match=rf"sr\.init = .*{refused(16, fold.number)}"):
            check(file, frames, fold, sr=True)


def test_a_generator_of_another_fold_has_seen_what_this_one_tests(frames, folds, file_of):
    own, other = folds["patient"]
    file = file_of(frames.take(other.sr_train))
    with pytest.raises(InputError, match=refused(16, 0)):
        check(file, frames, own, sr=True)
    with pytest.raises(InputError, match=refused(16, 0)):
        check(file, frames, other, own, sr=True)


def test_a_generator_of_the_fold_itself_may_be_started_from(frames, folds, file_of):
    for fold in folds["patient"]:
        check(file_of(frames.take(fold.sr_train)), frames, fold, sr=True)


def test_protocol_paper_lets_generators_see_good_frames_and_no_others(frames, folds, file_of):
    (fold, _) = folds["paper"]
    check(file_of(frames.take(fold.sr_train)), frames, fold, sr=True)
    with pytest.raises(InputError, match="learned from 32 of the 64 frames"):
        check(file_of(frames.take(frames.where(qualities=["poor"]))), frames, fold, sr=True)


def test_protocol_paper_may_let_generators_see_all_that_is_tested(frames, file_of):
    (fold,) = make_folds(frames, protocol="paper", sr_quality=QUALITIES, parts=2, folds=1, seed=0)
    check(file_of(frames), frames, fold, sr=True)


def test_protocol_paper_lets_no_classifier_start_from_what_knows_good_frames(
    frames, folds, file_of
):
    (fold, _) = folds["paper"]
    with pytest.raises(InputError, match=r"classifier\.init = .*learned from 32 of the 96 frames"):
        check(file_of(frames.take(fold.sr_train)), frames, fold, sr=False)


@pytest.mark.parametrize(("every", "known"), [(1, 48), (4, 12)])
def test_a_classifier_of_the_same_frames_or_some_of_them_is_refused(
    every, known, frames, folds, file_of
):
    learned = frames.take(np.arange(0, len(frames), every))
    with pytest.raises(InputError, match=refused(known, 0)):
        check(file_of(learned), frames, folds["patient"][0], sr=False)


def test_frames_are_known_again_whatever_they_are_called(make_frames, frames, folds, file_of):
    fold = folds["patient"][0]
    names = [f"patient{9000 + k}" for k in range(len(frames))]
    worse = (frames.quality + 1) % len(QUALITIES)
    learned = make_frames(frames.images, names, view=1 - frames.view, quality=worse)
    with pytest.raises(InputError, match=refused(48, 0)):
        check(file_of(learned), frames, fold, sr=False)


def test_what_a_file_has_from_its_own_start_counts_too(frames, folds, file_of):
    fold = folds["patient"][0]
    first = file_of(frames.take(fold.tested[:5]), name="first")
    second = file_of(frames.take(fold.sr_train), init=first, name="second")
    third = file_of(frames.take(fold.tested[3:7]), init=second, name="third")
    assert learned_from.seen(second, frames).sum() == len(fold.sr_train) + 5
    with pytest.raises(InputError, match=refused(5, 0)):
        check(second, frames, fold, sr=True)
    with pytest.raises(InputError, match=refused(7, 0)):
        check(third, frames, fold, sr=True)


def test_networks_of_no_echo_frames_may_be_started_from(frames, folds, model, tmp_path):
    public = tmp_path / "public.safetensors"
    networks.save(model, public, {"source": "netG.pth", "layout": "leftthomas"})
    natural = tmp_path / "natural.safetensors"
    networks.save(
        model, natural, {"data": "images", **learned_from.card_of(learned_from.NO_FRAMES, public)}
    )
    for file in (public, natural):
        assert not learned_from.seen(file, frames).any()
        for fold in (*folds["patient"], *folds["paper"]):
            check(file, frames, fold, sr=True)
            check(file, frames, fold, sr=False)


def test_a_file_that_does_not_tell_its_frames_must_be_trained_again(frames, folds, model, tmp_path):
    old = tmp_path / "old.safetensors"
    networks.save(model, old, {"data": "32 echo frames (good) of 8 patients"})
    with pytest.raises(InputError, match=r"old\.safetensors: .*older echojax.*train it again"):
        check(old, frames, folds["patient"][0], sr=True)
    with pytest.raises(InputError, match="train it again"):
        learned_from.card_of(frames.hashes, old)
