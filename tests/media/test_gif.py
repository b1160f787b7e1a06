import numpy as np
import pytest
from PIL import Image

from echojax.errors import InputError
from echojax.media import open_recording
from tests.media.rewriting import DESCRIPTION, frames_of, noise, rewritten

DURATIONS = [40, 60, 250]


def save(path, images, **options):
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=DURATIONS, optimize=False, **options
    )
    return path


def gray_gif(path, **options):
    frames = noise(3, 20, 30)
    return save(path, [Image.fromarray(frame) for frame in frames], **options), frames


def few_colours(count=40):
    """RGB frames of at most `count` colours each, other colours in every frame."""
    palettes = noise(3, count, 3, seed=1)
    return np.stack([colours[noise(20, 30, seed=i) % count] for i, colours in enumerate(palettes)])


def test_gray_is_exact(tmp_path):
    source, frames = gray_gif(tmp_path / "a.gif")
    again = rewritten(source, tmp_path / "out.gif", 4)
    assert again.shape == (80, 120)
    assert (again.low, again.high, again.count) == (0, 255, 3)
    np.testing.assert_array_equal(frames_of(tmp_path / "out.gif"), frames.repeat(4, 1).repeat(4, 2))


def test_up_to_256_colours_of_a_frame_are_exact(tmp_path):
    frames = few_colours()
    source = save(tmp_path / "a.gif", [Image.fromarray(frame) for frame in frames])
    before = frames_of(source)
    assert before.shape == (3, 20, 30, 3)
    rewritten(source, tmp_path / "out.gif", 4)
    np.testing.assert_array_equal(frames_of(tmp_path / "out.gif"), before.repeat(4, 1).repeat(4, 2))


def test_more_colours_come_close(tmp_path):
    source = save(tmp_path / "a.gif", [Image.fromarray(frame) for frame in few_colours()])
    recording = open_recording(source)
    x = np.linspace(0, 200, 120)
    smooth = np.stack(np.broadcast_arrays(x, x[:80, None] * 1.2, 100), axis=2).astype(np.uint8)
    recording.write(tmp_path / "out.gif", [smooth] * 3, 4, DESCRIPTION)
    assert np.abs(frames_of(tmp_path / "out.gif").astype(int) - smooth).mean() < 10


@pytest.mark.parametrize("loop", [None, 0, 3])
def test_durations_and_loop_are_kept_and_the_derivation_added(tmp_path, loop):
    options = {} if loop is None else {"loop": loop}
    source, _ = gray_gif(tmp_path / "a.gif", **options)
    rewritten(source, tmp_path / "out.gif", 4)
    with Image.open(tmp_path / "out.gif") as image:
        assert image.info.get("loop") == loop
        assert image.info["comment"] == DESCRIPTION.encode()
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
        assert durations == DURATIONS


def test_frames_that_are_alike_stay_apart(tmp_path):
    source, frames = gray_gif(tmp_path / "a.gif")
    recording = open_recording(source)
    recording.write(tmp_path / "out.gif", [frames[0]] * 3, 1, DESCRIPTION)
    assert open_recording(tmp_path / "out.gif").count == 3


def test_a_frame_covers_what_it_does_not_replace(tmp_path):
    """Pillow stores the second frame as the small part that changed."""
    first = noise(20, 30)
    second = first.copy()
    second[5:8, 10:14] ^= 255
    images = [Image.fromarray(frame) for frame in (first, second, first)]
    source = save(tmp_path / "a.gif", images, disposal=1)
    np.testing.assert_array_equal(frames_of(source), [first, second, first])


def test_transparent_is_black(tmp_path):
    index = noise(20, 30) % 2
    image = Image.fromarray(index)
    image.putpalette([200, 200, 200, 90, 90, 90])
    image.save(tmp_path / "a.gif", transparency=0)
    np.testing.assert_array_equal(frames_of(tmp_path / "a.gif")[0], index * 90)


def test_what_lies_beyond_the_screen_is_not_shown(tmp_path):
    """Pillow makes the screen larger for a frame that does not fit."""
    source, frames = gray_gif(tmp_path / "a.gif")
    content = bytearray(source.read_bytes())
    whole = b",\0\0\0\0" + content[6:10]  # a frame that fills the screen
    second = content.index(whole, content.index(whole) + 1)
    content[second + 1 : second + 3] = (7).to_bytes(2, "little")  # now further to the right
    source.write_bytes(content)
    assert {frame.shape for frame in frames_of(source)} == {frames[0].shape}
    rewritten(source, tmp_path / "out.gif", 4)


def test_one_frame_is_enough(tmp_path):
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.gif")
    again = rewritten(tmp_path / "a.gif", tmp_path / "out.gif", 4)
    assert again.count == 1


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.9])
def test_a_file_cut_off_is_an_input_error(tmp_path, kept):
    source, _ = gray_gif(tmp_path / "a.gif")
    content = source.read_bytes()
    source.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"a\.gif: cannot be read as GIF"):
        open_recording(source)
