import gc
import hashlib
import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from echojax.data import natural
from echojax.data.crops import crop_batches, stream
from echojax.errors import InputError

SIDE, BATCH = 16, 4
FRAMES = """
import hashlib
import numpy as np
from echojax.data.crops import crop_batches, stream
from echojax.data.frames import Frames

rng = np.random.default_rng(0)
images = [rng.integers(0, 256, (30 + k, 40), np.uint8) for k in range(3)]
codes = np.zeros(3, np.int8)
frames = Frames(
    images,
    [None] * 3,
    patient=np.array(["a", "b", "c"]),
    view=codes,
    phase=codes,
    quality=codes,
    spacing=np.ones((3, 2), np.float32),
)
"""

PROGRAM = f"""
{FRAMES}
dataset = crop_batches(frames, 16, 4, 5)
batches = stream(dataset, 0)
next(batches)
print(hashlib.sha256(dataset[7].tobytes()).hexdigest())
"""


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, 256, (30 + k, 40), np.uint8) for k in range(3))


@pytest.fixture
def frames(make_frames, images):
    return make_frames(images, ["a", "b", "c"])


def places(images, crop):
    """Where a crop lies: (image, flipped), once for every place that fits."""
    found = []
    for index, image in enumerate(images):
        windows = np.lib.stride_tricks.sliding_window_view(image, crop.shape)
        for flipped, wanted in ((False, crop), (True, crop[:, ::-1])):
            hits = (windows == wanted).all(axis=(2, 3)).sum()
            found += [(index, flipped)] * int(hits)
    return found


def test_batches_are_uint8_with_a_channel_and_none_is_like_another(frames):
    dataset = crop_batches(frames, SIDE, BATCH, seed=5)
    # Training may go on longer than there are frames.
    batches = [dataset[k] for k in (*range(8), 100_000)]
    for batch in batches:
        assert batch.shape == (BATCH, SIDE, SIDE, 1)
        assert batch.dtype == np.uint8
    other_seed = crop_batches(frames, SIDE, BATCH, seed=6)[3]
    assert len({batch.tobytes() for batch in (*batches, other_seed)}) == 10


def test_batch_is_the_same_in_another_dataset_and_in_any_order(frames):
    one, other = (crop_batches(frames, SIDE, BATCH, seed=5) for _ in range(2))
    forwards = [one[k] for k in range(4)]
    for k in (3, 0, 2):
        np.testing.assert_array_equal(other[k], forwards[k])


def test_batch_is_the_same_in_another_process_which_ends_while_a_stream_is_open(frames):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    here = crop_batches(frames, SIDE, BATCH, seed=5)[7]
    assert done.stdout.strip() == hashlib.sha256(here.tobytes()).hexdigest()
    assert done.stderr == ""


def test_crops_come_from_the_images_upright_and_flipped(frames, images):
    """Each crop, or its left-right mirror image, lies in exactly one place; all images serve."""
    dataset = crop_batches(frames, SIDE, BATCH, seed=5)
    found = [places(images, crop[..., 0]) for k in range(16) for crop in dataset[k]]
    assert all(len(where) == 1 for where in found)
    used = [where[0] for where in found]
    assert {image for image, _ in used} == {0, 1, 2}
    flips = sum(flipped for _, flipped in used)
    assert 16 <= flips <= 48  # of 64


def test_every_place_of_an_image_can_be_cut(make_frames):
    """A frame one pixel larger than the crop has four places, and all of them occur."""
    image = np.random.default_rng(1).integers(0, 256, (17, 17), np.uint8)
    dataset = crop_batches(make_frames([image], ["a"]), SIDE, BATCH, seed=0)
    corners = set()
    for k in range(16):
        for crop in dataset[k][..., 0]:
            for top, left in np.ndindex(2, 2):
                window = image[top : top + SIDE, left : left + SIDE]
                if (crop == window).all() or (crop == window[:, ::-1]).all():
                    corners.add((top, left))
    assert len(corners) == 4


@pytest.fixture(scope="module")
def sector():
    """A triangle of noise on black, as wide as the frame at its bottom: a half is black."""
    image = np.random.default_rng(2).integers(20, 256, (200, 200), np.uint8)
    rows, columns = np.indices(image.shape)
    image[np.abs(columns - 100) > rows / 2] = 3
    return image


def test_crops_lie_where_there_is_content(make_frames, sector):
    dataset = crop_batches(make_frames([sector], ["a"]), 48, BATCH, seed=0)
    full = np.array([(crop > 3).mean() for k in range(100) for crop in dataset[k]])
    assert (full >= 0.1).mean() > 0.99
    assert (full < 0.3).mean() > 0.05  # the edge of the sector is content too


def test_the_fullest_crop_is_taken_where_none_is_full(make_frames, sector):
    """A few rows are bright: no crop has content on a tenth, most have none at all."""
    image = np.zeros((200, 200), np.uint8)
    image[98:102] = sector[150:154]
    dataset = crop_batches(make_frames([image], ["a"]), 48, BATCH, seed=0)
    bright = np.array([(crop > 3).any() for k in range(50) for crop in dataset[k]])
    assert bright.mean() > 0.95


def test_black_frames_and_those_of_the_size_of_a_crop_will_do(make_frames):
    black = np.zeros((SIDE, SIDE), np.uint8)
    dataset = crop_batches(make_frames([black], ["a"]), SIDE, BATCH, seed=0)
    assert dataset[0].shape == (BATCH, SIDE, SIDE, 1)
    assert not dataset[0].any()


@pytest.mark.parametrize("shape", [(15, 40), (40, 15)])
def test_frame_smaller_than_a_crop_is_refused_with_a_crop_that_fits(make_frames, images, shape):
    small = np.zeros(shape, np.uint8)
    with pytest.raises(InputError, match=r"only 15 pixels wide, a crop 20; lower sr.crop"):
        crop_batches(make_frames([*images, small], ["a", "b", "c", "d"]), 20, BATCH, seed=0)


def test_suggested_crop_fits_and_is_a_multiple_of_four(frames):
    with pytest.raises(InputError, match=r"--set sr.crop=28\)"):
        crop_batches(frames, 96, BATCH, seed=0)
    assert crop_batches(frames, 28, BATCH, seed=0)[0].shape[1:3] == (28, 28)


def test_no_frames_are_refused(frames):
    with pytest.raises(InputError, match=r"no frames to cut crops from; see sr.quality"):
        crop_batches(frames.take([]), SIDE, BATCH, seed=0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A prepared folder of three gray images of 100 x 100 pixels and more."""
    folder = tmp_path_factory.mktemp("photos")
    for k in range(3):
        pixels = np.random.default_rng(k).integers(0, 256, (100 + k, 110), np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    natural.prepare(folder, folder / "data", "photos")
    return natural.open_images(folder / "data", "photos")


def test_crops_of_natural_images_are_those_of_the_same_images_in_memory(make_frames, photos):
    frames = make_frames([photos.image(k) for k in range(3)], ["a", "b", "c"])
    read, held = (crop_batches(source, 64, BATCH, seed=5) for source in (photos, frames))
    for k in (0, 3):
        np.testing.assert_array_equal(read[k], held[k])


def test_natural_image_smaller_than_a_crop_is_refused_with_a_crop_that_fits(photos):
    with pytest.raises(
        InputError, match=r"an image of photos is only 100 pixels wide, a crop 104; .*sr.crop=100\)"
    ):
        crop_batches(photos, 104, BATCH, seed=0)
    assert crop_batches(photos, 100, BATCH, seed=0)[0].shape == (BATCH, 100, 100, 1)


def test_images_of_unrecorded_size_are_refused_when_they_are_read(photos, monkeypatch):
    monkeypatch.setattr(photos, "smallest_side", None)
    with pytest.raises(InputError, match=r"image of photos is only 10\d pixels wide, a crop 104"):
        next(stream(crop_batches(photos, 104, BATCH, seed=0), 0))


@pytest.mark.parametrize(("source", "first"), [("frames", 7), ("photos", 0)])
def test_stream_is_the_batches_from_a_step_on(source, first, request):
    dataset = crop_batches(request.getfixturevalue(source), SIDE, BATCH, seed=5)
    for k, batch in enumerate(itertools.islice(stream(dataset, first), 8), start=first):
        np.testing.assert_array_equal(batch, dataset[k])


def readers():
    return [t for t in threading.enumerate() if t.name.startswith("grain-prefetch")]


@pytest.mark.parametrize("end", ["closed", "dropped"])
def test_threads_of_a_stream_end_with_it(frames, end):
    before = set(readers())
    batches = stream(crop_batches(frames, SIDE, BATCH, seed=5), 0)
    next(batches)
    own = set(readers()) - before
    assert own
    if end == "closed":
        batches.close()
    del batches
    gc.collect()
    for thread in own:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_what_goes_wrong_in_reading_is_raised_as_it_is(photos):
    class Failing(natural.NaturalImages):
        def image(self, index):
            raise OSError("the disk is gone")

    broken = photos.take([0, 1, 2])
    broken.__class__ = Failing
    with pytest.raises(OSError, match=r"the disk is gone") as error:
        next(stream(crop_batches(broken, SIDE, BATCH, seed=5), 0))
    assert str(error.value) == "the disk is gone"
