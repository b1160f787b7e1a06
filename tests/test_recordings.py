import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax import enhance, recordings
from echojax.errors import InputError
from echojax.media import Region, open_recording
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recordings import Job, Work


@pytest.fixture(scope="module")
def model(random_network):
    settings = SRResNetSettings(blocks=1, channels=4)
    return random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))


def save(path, size=(20, 24), value=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    if value is not None:
        pixels[:] = value
    Image.fromarray(pixels).save(path)
    return path


def first(path):
    return next(open_recording(path).frames())


class TestPlan:
    def test_a_single_file_goes_to_the_file_that_is_named(self, tmp_path):
        source = save(tmp_path / "a.png")
        assert recordings.plan([source], tmp_path / "out.tif") == [
            Job(source, tmp_path / "out.tif")
        ]

    def test_a_single_file_goes_into_a_folder_that_is_there(self, tmp_path):
        source = save(tmp_path / "a.png")
        (tmp_path / "out.d").mkdir()
        assert recordings.plan([source], tmp_path / "out.d")[0].target == tmp_path / "out.d/a.png"

    def test_several_files_go_into_a_folder(self, tmp_path):
        sources = [save(tmp_path / name) for name in ("a.png", "b.png")]
        targets = [job.target for job in recordings.plan(sources, tmp_path / "out")]
        assert targets == [tmp_path / "out/a.png", tmp_path / "out/b.png"]

    def test_folders_keep_their_structure_and_what_is_no_recording_is_left_alone(self, tmp_path):
        deep, flat = save(tmp_path / "in/one/two/a.png"), save(tmp_path / "in/b.png")
        (tmp_path / "in/notes.txt").write_text("hello")
        save(tmp_path / "in/.hidden/c.png")
        assert recordings.plan([tmp_path / "in"], tmp_path / "out") == [
            Job(flat, tmp_path / "out/b.png"),
            Job(deep, tmp_path / "out/one/two/a.png"),
        ]

    def test_a_folder_of_results_inside_the_input_is_no_input(self, tmp_path):
        source = save(tmp_path / "a.png")
        save(tmp_path / "out/a.png")
        assert [job.source for job in recordings.plan([tmp_path], tmp_path / "out")] == [source]

    def test_two_recordings_of_one_name_are_refused(self, tmp_path):
        sources = [save(tmp_path / folder / "a.png") for folder in ("one", "two")]
        with pytest.raises(InputError, match="would both become"):
            recordings.plan(sources, tmp_path / "out")

    def test_a_recording_is_never_its_own_target(self, tmp_path):
        source = save(tmp_path / "a.png")
        with pytest.raises(InputError, match="choose another -o"):
            recordings.plan([source], tmp_path)

    def test_an_input_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(InputError, match=r"none\.png: no such file"):
            recordings.plan([tmp_path / "none.png"], tmp_path / "out")

    def test_a_folder_without_recordings_is_named(self, tmp_path):
        with pytest.raises(InputError, match="holds no recording"):
            recordings.plan([tmp_path], tmp_path / "out")

    def test_existing_results_are_refused_and_so_are_existing_comparisons(self, tmp_path):
        job = Job(tmp_path / "a.png", tmp_path / "out.png")
        recordings.check_free([job], compare=True)
        save(tmp_path / "out_compare.png")
        recordings.check_free([job], compare=False)
        with pytest.raises(InputError, match="--overwrite"):
            recordings.check_free([job], compare=True)
        save(tmp_path / "out.png")
        with pytest.raises(InputError, match=r"out\.png is there already"):
            recordings.check_free([job], compare=False)


class TestWork:
    @pytest.mark.parametrize(("mode", "size"), [("upscale", (80, 96)), ("restore", (20, 24))])
    def test_a_frame_is_upscaled_or_restored(self, tmp_path, model, mode, size):
        job = Job(save(tmp_path / "a.png"), tmp_path / "out.png")
        assert Work(model, "test", mode).run([job]) == []
        assert first(job.target).shape == size

    def test_a_bad_file_is_reported_and_the_others_are_done(self, tmp_path, model):
        bad = tmp_path / "bad.png"
        bad.write_text("no picture")
        good = [save(tmp_path / f"{name}.png") for name in "ab"]
        jobs = [Job(path, tmp_path / "out" / path.name) for path in (good[0], bad, good[1])]
        (failure,) = Work(model, "test", "upscale").run(jobs)
        assert failure.startswith(f"{bad}: ")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]

    def test_the_comparison_shows_bicubic_and_the_network(self, tmp_path, model):
        job = Job(save(tmp_path / "a.png", value=128), tmp_path / "out.png")
        Work(model, "test", "upscale", compare=True).run([job])
        picture = np.array(Image.open(job.comparison))
        assert picture.shape == (80, 2 * 96 + 8)
        assert np.all(picture[:, :96] == 128)  # bicubic keeps a flat image
        np.testing.assert_array_equal(picture[:, 104:], first(job.target))

    def test_the_comparison_of_a_restored_frame_begins_with_the_original(self, tmp_path, model):
        job = Job(save(tmp_path / "a.png"), tmp_path / "out.png")
        Work(model, "test", "restore", compare=True).run([job])
        picture = np.array(Image.open(job.comparison))
        assert picture.shape == (20, 3 * 24 + 16)
        np.testing.assert_array_equal(picture[:, :24], first(job.source))

    @pytest.mark.parametrize("mode", ["upscale", "restore"])
    def test_outside_of_ultrasound_regions_no_network_is_at_work(self, tmp_path, model, mode):
        job = Job(save(tmp_path / "a.png"), tmp_path / "out.png")
        recording = open_recording(job.source)
        recording.regions = (Region(4, 12, 8, 24),)
        work = Work(model, "test", mode)
        frame = first(job.source)
        result = work._frame(recording, frame)
        recording.regions = ()
        alone = work._frame(recording, frame[4:12, 8:24])
        scale = 4 if mode == "upscale" else 1
        part = (slice(4 * scale, 12 * scale), slice(8 * scale, 24 * scale))
        np.testing.assert_array_equal(result[part], alone)
        values = {"mode": mode, "low": 0, "high": 255}
        expected = enhance.enhance_frame(frame, enhance.interpolated, **values)
        if mode == "restore":
            expected = frame.copy()
        expected[part] = alone
        np.testing.assert_array_equal(result, expected)
