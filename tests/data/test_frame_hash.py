import io

import numpy as np
import pytest
from PIL import Image

from echojax.data.frame_hash import alike, frame_hash, from_text, seen, to_text
from echojax.resize import resize
from tests.data.test_duplicates import heart


def resized(image, *size):
    small = resize(image[..., None].astype(np.float32), size)[..., 0]
    return np.clip(np.round(small), 0, 255).astype(np.uint8)


def jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return np.asarray(Image.open(file))


def curve(image, gamma):
    return np.round(255 * (image / 255) ** gamma).astype(np.uint8)


def stretched(image):
    return np.round(255.0 * (image - image.min()) / np.ptp(image)).astype(np.uint8)


COPIES = {
    "another aspect": lambda image: resized(image, 300, 400),
    "darker": lambda image: curve(image, 1.25),
    "less gain": lambda image: np.round(0.7 * image).astype(np.uint8),
    "smaller, stretched, brighter, JPEG": lambda image: jpeg(
        curve(stretched(resized(image, 112, 112)), 0.8)
    ),
}


def hashes(images):
    return np.stack([frame_hash(image) for image in images])


@pytest.fixture(scope="module")
def hearts():
    return [heart(k, (224, 200)) for k in range(20)]


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_copies_are_alike_and_nothing_else_is(hearts, change):
    copies = hashes([change(image) for image in hearts])
    np.testing.assert_array_equal(alike(copies, hashes(hearts)), np.eye(20, dtype=bool))


def test_frames_are_seen_if_a_copy_of_them_was_learned_from(hearts):
    learned = hashes([COPIES["smaller, stretched, brighter, JPEG"](image) for image in hearts[:10]])
    asked = [3, 15, 0]
    assert seen(hashes(hearts)[asked], learned).tolist() == [True, False, True]
    assert seen(hashes(hearts)[asked], learned[:0]).tolist() == [False] * 3
    assert seen(learned[:0], learned).tolist() == []


def test_a_copy_is_found_among_very_many(hearts):
    noise = np.random.default_rng(0).integers(0, 256, (9000, 48), np.uint8)
    for place in (0, 4095, 4096, 8999):
        learned = noise.copy()
        learned[place] = frame_hash(hearts[0])
        assert seen(hashes(hearts[:2]), learned).tolist() == [True, False]


def test_blank_frames_are_like_no_other_not_even_blank_ones(hearts):
    blank = hashes([np.full((64, 56), level, np.uint8) for level in (0, 77)])
    assert not alike(blank, np.concatenate([blank, hashes(hearts)])).any()


def test_text_comes_back_as_hashes_and_is_compact(hearts):
    found = hashes(hearts)
    np.testing.assert_array_equal(from_text(to_text(found)), found)
    assert len(to_text(found)) * 100 < 150_000  # of 2,000 frames
    assert from_text(to_text(found[:0])).shape == (0, 48)


@pytest.mark.parametrize("text", ["AAAA", "not base64!"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        from_text(text)


def test_real_frames_are_told_apart_and_found_at_their_native_size(shared_data, camus_224):
    """The 224x224 frames were resampled without regard to aspect, and stretched."""
    from tfds_camus import scan
    from tfds_camus.files import read_frame

    native = scan(shared_data / "camus_4ch_full").frames
    found = alike(hashes([read_frame(frame.image)[0] for frame in native]), camus_224.hashes)
    ids = np.array(camus_224.ids)
    for frame, row in zip(native, found, strict=True):
        assert frame.key in ids[row]
        assert set(camus_224.patient[row]) == {frame.patient}
    other = camus_224.group[:, None] != camus_224.group
    assert not alike(camus_224.hashes, camus_224.hashes)[other].any()
