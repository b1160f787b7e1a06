import errno
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from flax import nnx
from PIL import Image
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

from echojax import recordings
from echojax.errors import InputError
from echojax.inference.enhance import Interpolation, Network, enhance
from echojax.media import Region, open_recording
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recordings import Job, Work
from echojax.report import panels
from echojax.report.panels import GAP
from tests.media import test_dicom
from tests.media.rewriting import noise


def network(random_network, scale):
    settings = SRResNetSettings(scale=scale, blocks=1, channels=4)
    return Network(random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0))))


@pytest.fixture(scope="module")
def enlarger(random_network):
    return network(random_network, 4)


def save(path, size=(20, 24), value=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    if value is not None:
        pixels[:] = value
    Image.fromarray(pixels).save(path)
    return path


def job_of(source, target):
    return Job(source, target, target.with_name("beside.png"))


def save_mhd(path, data=None):
    """A .mhd, whose data file may have any name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 12, 16), np.uint8)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels), str(path))
    if data is not None:
        written = path.with_suffix(".raw")
        path.write_text(path.read_text().replace(written.name, data))
        written.rename(path.parent / data)
    return path


def save_dicom(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return test_dicom.save(path, test_dicom.dataset(np.zeros((12, 16), np.uint8)))


def pictures_of(path, shape, number):
    """The pictures of a comparison, each of `shape`, whose names stand above them."""
    sheet = np.array(Image.open(path))[-shape[0] :]
    columns = np.flatnonzero((sheet != 255).any(0))
    edges = np.flatnonzero(np.diff(columns) > GAP)
    starts = [columns[0], *columns[edges + 1]]
    assert len(starts) == number
    return [sheet[:, start : start + shape[1]] for start in starts]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def first(path):
    return next(open_recording(path).frames())


class TestPlan:
    def test_a_single_file_goes_to_the_file_that_is_named(self, tmp_path):
        source = save(tmp_path / "a.png")
        assert recordings.plan([source], tmp_path / "out.tif") == [
            Job(source, tmp_path / "out.tif", tmp_path / "out_compare.png")
        ]

    def test_files_go_into_a_folder(self, tmp_path):
        sources = [save(tmp_path / name) for name in ("a.png", "b.png")]
        targets = [job.target for job in recordings.plan(sources, tmp_path / "new")]
        assert targets == [tmp_path / "new/a.png", tmp_path / "new/b.png"]
        (tmp_path / "out.d").mkdir()
        (job,) = recordings.plan(sources[:1], tmp_path / "out.d")
        assert job.target == tmp_path / "out.d/a.png"

    def test_folders_keep_their_structure_and_what_is_no_recording_is_left_alone(self, tmp_path):
        deep, flat = save(tmp_path / "in/one/two/a.png"), save(tmp_path / "in/b.png")
        (tmp_path / "in/notes.txt").write_text("hello")
        save(tmp_path / "in/.hidden/c.png")
        assert recordings.plan([tmp_path / "in"], tmp_path / "out") == [
            Job(flat, tmp_path / "out/b.png", tmp_path / "out/b_compare.png"),
            Job(deep, tmp_path / "out/one/two/a.png", tmp_path / "out/one/two/a_compare.png"),
        ]

    @pytest.mark.parametrize("link", [False, True])
    def test_a_folder_of_results_is_no_input_by_whatever_path_it_is_named(
        self, tmp_path, monkeypatch, link
    ):
        save(tmp_path / "in/a.png")
        save(tmp_path / "in/out/a.png")
        monkeypatch.chdir(tmp_path / "in")
        results = tmp_path / "in/out"
        if link:
            results = tmp_path / "link"
            results.symlink_to(tmp_path / "in/out")
        for folder in (tmp_path / "in", Path()):
            (job,) = recordings.plan([folder], results)
            assert (job.source, job.target) == (folder / "a.png", results / "a.png")

    def test_results_may_go_above_the_input(self, tmp_path):
        source = save(tmp_path / "in/a.png")
        (job,) = recordings.plan([tmp_path / "in"], tmp_path)
        assert (job.source, job.target) == (source, tmp_path / "a.png")

    def test_one_folder_for_input_and_output_is_called_that(self, tmp_path, monkeypatch):
        save(tmp_path / "a.png")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError, match="is input and output at once"):
            recordings.plan([tmp_path], Path())

    def test_an_input_named_twice_is_enhanced_once(self, tmp_path, monkeypatch):
        source = save(tmp_path / "in/a.png")
        monkeypatch.chdir(tmp_path)
        inputs = [source, tmp_path / "in", Path("in/a.png")]
        assert len(recordings.plan(inputs, tmp_path / "out")) == 1

    def test_several_files_do_not_go_into_one(self, tmp_path):
        sources = [save(tmp_path / "in" / name) for name in ("a.png", "b.png")]
        out = save(tmp_path / "out.png")
        for inputs in (sources, [tmp_path / "in"]):
            with pytest.raises(InputError, match=r"out\.png: is a file; -o must be a folder"):
                recordings.plan(inputs, out)

    def test_a_single_file_may_replace_a_file_without_suffix(self, tmp_path):
        source, out = save_dicom(tmp_path / "IM_0001"), save_dicom(tmp_path / "out")
        assert recordings.plan([source], out)[0].target == out

    @pytest.mark.parametrize("name", ["out.avi", "out.v2"])
    def test_a_name_of_another_family_is_refused_with_what_is_possible(self, tmp_path, name):
        source = save(tmp_path / "a.png")
        with pytest.raises(InputError, match=r"choose a name that ends in \.png, \.jpg"):
            recordings.plan([source], tmp_path / name)

    def test_dicom_may_be_called_anything_without_a_meaning(self, tmp_path):
        source = save_dicom(tmp_path / "IM_0001")
        assert recordings.plan([source], tmp_path / "1.2.840")[0].target == tmp_path / "1.2.840"
        with pytest.raises(InputError, match=r"choose a name that ends in \.dcm"):
            recordings.plan([source], tmp_path / "out.png")

    def test_no_recording_is_a_target_its_own_or_of_another(self, tmp_path):
        inner = save(tmp_path / "in/in/a.png")
        outer = save(tmp_path / "in/a.png")
        for inputs, out in (([outer], tmp_path / "in"), ([tmp_path / "in"], tmp_path)):
            with pytest.raises(InputError, match=f"{outer}: is an input .*; choose another -o"):
                recordings.plan(inputs, out)
        assert inner.is_file()

    def test_two_recordings_never_become_one_file_nor_one_data_file(self, tmp_path):
        sources = [save(tmp_path / folder / "a.png") for folder in ("one", "two")]
        with pytest.raises(InputError, match=r"would both become .*a\.png"):
            recordings.plan(sources, tmp_path / "out")
        sources = [save_mhd(tmp_path / "one/s.mhd"), save_dicom(tmp_path / "two/s.raw")]
        with pytest.raises(InputError, match=r"would both become .*s\.raw"):
            recordings.plan(sources, tmp_path / "out")

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (("1.2.840.1", "1.2.840.2"), ("1.2.840.1_compare.png", "1.2.840.2_compare.png")),
            (("d.DCM", "d.png"), ("d.DCM_compare.png", "d.png_compare.png")),
            (
                ("a.png", "a_compare.png", "a.png_compare.png"),
                ("a.png__compare.png", "a_compare_compare.png", "a.png_compare_compare.png"),
            ),
            (
                ("a.jpg", "a.png", "a.png.png"),
                ("a.jpg_compare.png", "a.png_compare.png", "a.png.png_compare.png"),
            ),
        ],
    )
    def test_comparisons_have_names_of_their_own(self, tmp_path, names, expected):
        sources = [
            (save if name.endswith(("g", "f")) else save_dicom)(tmp_path / "in" / name)
            for name in names
        ]
        jobs = recordings.plan(sources, tmp_path / "out")
        assert [job.comparison for job in jobs] == [tmp_path / "out" / name for name in expected]

    def test_a_comparison_does_not_replace_the_source(self, tmp_path):
        source = save(tmp_path / "a_compare.png")
        (job,) = recordings.plan([source], tmp_path / "a.png")
        assert job.comparison == tmp_path / "a.png_compare.png"

    def test_inputs_without_a_recording_are_named(self, tmp_path):
        with pytest.raises(InputError, match=r"none\.png: no such file"):
            recordings.plan([tmp_path / "none.png"], tmp_path / "out")
        with pytest.raises(InputError, match=f"{tmp_path}: holds no recording"):
            recordings.plan([tmp_path], tmp_path / "out")

    def test_existing_results_are_refused_and_so_are_existing_comparisons(self, tmp_path):
        (job,) = recordings.plan([save(tmp_path / "a.png")], tmp_path / "out.png")
        recordings.check_free([job], compare=True)
        save(tmp_path / "out_compare.png")
        recordings.check_free([job], compare=False)
        with pytest.raises(InputError, match="--overwrite"):
            recordings.check_free([job], compare=True)
        save(tmp_path / "out.png")
        with pytest.raises(InputError, match=r"out\.png is there already"):
            recordings.check_free([job], compare=False)

    @pytest.mark.parametrize("name", ["s.raw", "s.zraw"])
    def test_a_data_file_that_is_there_is_refused(self, tmp_path, name):
        jobs = recordings.plan([save_mhd(tmp_path / "s.mhd")], tmp_path / "out")
        recordings.check_free(jobs, compare=False)
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / name).write_bytes(b"precious")
        with pytest.raises(InputError, match=f"{name} is there already"):
            recordings.check_free(jobs, compare=False)


class TestWork:
    def test_a_bad_file_is_reported_and_the_others_are_done(self, tmp_path, enlarger):
        bad = tmp_path / "bad.png"
        bad.write_text("no picture")
        good = [save(tmp_path / f"{name}.png") for name in "ab"]
        jobs = [job_of(path, tmp_path / "out" / path.name) for path in (good[0], bad, good[1])]
        (failure,) = Work(enlarger, "test", "upscale").run(jobs)
        assert failure.startswith(f"{bad}: ")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]

    @pytest.mark.parametrize("error", [AttributeError("no\nsize"), KeyError("Rows"), MemoryError()])
    def test_whatever_happens_to_one_file_is_told_in_a_line_and_the_others_are_done(
        self, tmp_path, enlarger, monkeypatch, error
    ):
        jobs = [
            job_of(save(tmp_path / name), tmp_path / "out" / name) for name in ("a.png", "b.png")
        ]

        def opening(path):
            if path == jobs[0].source:
                raise error
            return open_recording(path)

        monkeypatch.setattr(recordings, "open_recording", opening)
        (failure,) = Work(enlarger, "test", "upscale").run(jobs)
        assert failure.startswith(f"{jobs[0].source}: {type(error).__name__}")
        assert "\n" not in failure
        assert jobs[1].target.is_file()

    @pytest.mark.parametrize("data", ["frames.zraw", "more/frames.raw"])
    def test_the_data_of_the_source_is_never_replaced(self, tmp_path, enlarger, data):
        (tmp_path / "more").mkdir()
        source = save_mhd(tmp_path / "a.mhd", data)
        (job,) = recordings.plan([source], (tmp_path / data).with_suffix(".mhd"))
        before = contents(tmp_path)
        (failure,) = Work(enlarger, "test", "upscale").run([job])
        assert f"holds data of {source} and would be replaced; choose another -o" in failure
        assert contents(tmp_path) == before

    def test_a_comparison_never_replaces_the_data_of_the_source(self, tmp_path, enlarger):
        source = save_mhd(tmp_path / "a.mhd", "b_compare.png")
        (job,) = recordings.plan([source], tmp_path / "b.mhd")
        before = contents(tmp_path)
        (failure,) = Work(enlarger, "test", "upscale", compare=True).run([job])
        assert "b_compare.png: holds data of" in failure
        assert contents(tmp_path) == before
        assert Work(enlarger, "test", "upscale").run([job]) == []

    def test_an_error_without_words_is_told_by_its_kind(self, tmp_path, enlarger, monkeypatch):
        def full(path):
            raise MemoryError

        monkeypatch.setattr(recordings, "open_recording", full)
        jobs = [job_of(tmp_path / f"{name}.png", tmp_path / "out" / name) for name in "ab"]
        failures = Work(enlarger, "test", "upscale").run(jobs)
        assert failures == [f"{job.source}: MemoryError" for job in jobs]

    def test_a_folder_that_cannot_be_made_is_told_in_a_line_and_the_others_are_done(
        self, tmp_path, enlarger
    ):
        sources = [save(tmp_path / name) for name in ("a.png", "b.png")]
        wall = save(tmp_path / "wall.png")
        bad, good = wall / "out/a.png", tmp_path / "out/b.png"
        jobs = [job_of(sources[0], bad), job_of(sources[1], good)]
        (failure,) = Work(enlarger, "test", "upscale").run(jobs)
        assert failure.startswith(f"{bad}: cannot be written (")
        assert os.strerror(errno.ENOTDIR) in failure
        assert "\n" not in failure
        assert good.is_file()

    def test_frames_of_few_bits_in_many_stay_in_their_range(self, tmp_path, enlarger):
        """The range of the type would leave the network nothing to see, and overshoot."""
        rows, columns = np.mgrid[:20, :24]
        stored = (500 * np.sin(rows / 3) + 499 * np.cos(columns / 4)).astype(np.int16)
        source = test_dicom.save(tmp_path / "a.dcm", test_dicom.dataset(stored, signed=1))
        job = job_of(source, tmp_path / "out.dcm")
        assert Work(enlarger, "test", "upscale").run([job]) == []
        assert stored.min() <= first(job.target).min() < first(job.target).max() <= stored.max()

    def test_the_comparison_shows_the_original_bicubic_and_the_network(self, tmp_path, enlarger):
        job = job_of(save(tmp_path / "a.png"), tmp_path / "out.png")
        assert Work(enlarger, "test", "upscale", compare=True).run([job]) == []
        assert first(job.target).shape == (80, 96)
        original, bicubic, enhanced = pictures_of(job.comparison, (80, 96), 3)
        np.testing.assert_array_equal(original, first(job.source).repeat(4, 0).repeat(4, 1))
        expected = enhance(
            first(job.source), Interpolation("bicubic", 4), mode="upscale", low=0, high=255
        )
        np.testing.assert_array_equal(bicubic, expected)
        np.testing.assert_array_equal(enhanced, first(job.target))

    def test_the_comparison_of_a_restored_frame_begins_with_the_original(self, tmp_path, enlarger):
        job = job_of(save(tmp_path / "a.png"), tmp_path / "out.png")
        assert Work(enlarger, "test", "restore", compare=True).run([job]) == []
        assert first(job.target).shape == (20, 24)
        original, bicubic, restored = pictures_of(job.comparison, (20, 24), 3)
        np.testing.assert_array_equal(original, first(job.source))
        expected = enhance(first(job.source), Interpolation("bicubic", 4), mode="restore", high=255)
        np.testing.assert_array_equal(bicubic, expected)
        np.testing.assert_array_equal(restored, first(job.target))

    def test_the_comparison_of_a_filtered_frame_has_no_bicubic(self, tmp_path, random_network):
        job = job_of(save(tmp_path / "a.png"), tmp_path / "out.png")
        work = Work(network(random_network, 1), "test", "filter", compare=True)
        assert work.run([job]) == []
        original, restored = pictures_of(job.comparison, (20, 24), 2)
        np.testing.assert_array_equal(original, first(job.source))
        np.testing.assert_array_equal(restored, first(job.target))

    def test_pictures_of_a_comparison_are_named(self, tmp_path, enlarger, monkeypatch):
        names = []

        def drawn(pictures):
            names.append([name for name, _ in pictures])
            return panels.side_by_side(pictures)

        monkeypatch.setattr(recordings, "side_by_side", drawn)
        job = job_of(save(tmp_path / "a.png"), tmp_path / "out.png")
        for mode in ("upscale", "restore"):
            Work(enlarger, "test", mode, compare=True).run([job])
        assert names == [
            ["original, each pixel x4", "bicubic x4", "network x4"],
            ["original", "bicubic, x4 smaller and back", "network, x4 smaller and back"],
        ]

    @pytest.mark.parametrize(("mode", "factor"), [("upscale", 4), ("restore", 2)])
    def test_outside_of_a_region_that_is_named_no_network_is_at_work(
        self, tmp_path, random_network, mode, factor
    ):
        job = job_of(save(tmp_path / "a.png"), tmp_path / "out.png")
        enlarger = network(random_network, factor)
        region = Region(top=4, bottom=12, left=8, right=24)
        assert Work(enlarger, "test", mode, region=region).run([job]) == []
        frame, result = first(job.source), first(job.target)
        scale = factor if mode == "upscale" else 1
        part = (slice(4 * scale, 12 * scale), slice(8 * scale, 24 * scale))
        expected = enhance(frame, Interpolation("bicubic", factor), mode=mode, high=255)
        if mode == "restore":
            expected = frame.copy()
        expected[part] = enhance(frame[4:12, 8:24], enlarger, mode=mode, high=255)
        np.testing.assert_array_equal(result, expected)

    @pytest.mark.parametrize("region", [Region(0, 21, 0, 24), Region(0, 20, 0, 25)])
    def test_a_region_that_reaches_outside_is_that_file_s_error(self, tmp_path, enlarger, region):
        jobs = [
            job_of(save(tmp_path / "a.png"), tmp_path / "out/a.png"),
            job_of(save(tmp_path / "b.png", (40, 40)), tmp_path / "out/b.png"),
        ]
        (failure,) = Work(enlarger, "test", "upscale", region=region).run(jobs)
        assert failure == (
            f"{jobs[0].source}: has 20 rows and 24 columns; --region must lie inside"
        )
        assert jobs[1].target.is_file()

    def test_a_region_that_is_given_counts_more_than_those_of_a_file(self, tmp_path, enlarger):
        made = test_dicom.dataset(noise(20, 24))
        made.SequenceOfUltrasoundRegions = [test_dicom.region(0, 0, 23, 19)]
        source = test_dicom.save(tmp_path / "a.dcm", made)
        region = Region(top=4, bottom=12, left=8, right=24)
        results = []
        for given in (None, region):
            job = job_of(source, tmp_path / "out.dcm")
            assert Work(enlarger, "test", "upscale", region=given).run([job]) == []
            results.append(first(job.target))
        assert np.any(results[0][:16] != results[1][:16])
        bicubic = enhance(first(source), Interpolation("bicubic", 4), mode="upscale", high=255)
        np.testing.assert_array_equal(results[1][:16], bicubic[:16])

    def test_where_ultrasound_is_not_named_it_is_said_in_one_line(self, tmp_path, enlarger):
        said = []
        jobs = [
            job_of(save(tmp_path / f"{name}.png"), tmp_path / f"out/{name}.png") for name in "abcde"
        ]
        assert Work(enlarger, "test", "upscale").run(jobs, said.append) == []
        (line,) = said
        assert "c.png and 2 more: the whole frame goes through the network" in line
        assert "--region TOP,LEFT,BOTTOM,RIGHT" in line
        said.clear()
        Work(enlarger, "test", "upscale", region=Region(0, 20, 0, 24)).run(jobs, said.append)
        assert said == []

    @pytest.mark.parametrize(("suffix", "lines"), [(".dcm", 1), (".png", 0)])
    def test_a_sector_that_is_found_is_told_of_dicom_which_could_have_named_it(
        self, tmp_path, enlarger, suffix, lines
    ):
        frame = np.zeros((60, 80), np.uint8)
        frame[10:50, 20:60] = noise(40, 40) // 2 + 60
        source = tmp_path / f"a{suffix}"
        if suffix == ".dcm":
            test_dicom.save(source, test_dicom.dataset(frame))
        else:
            Image.fromarray(frame).save(source)
        said = []
        Work(enlarger, "test", "upscale").run(
            [job_of(source, tmp_path / f"out{suffix}")], said.append
        )
        assert len(said) == lines
        assert all("in the sector that was found" in line for line in said)

    def test_only_dicom_is_anonymized(self, tmp_path, enlarger):
        job = job_of(save(tmp_path / "a.png"), tmp_path / "out.png")
        (failure,) = Work(enlarger, "test", "upscale", anonymize=True).run([job])
        assert "only DICOM is anonymized" in failure
        assert not job.target.exists()

    def test_dicom_is_compressed_where_that_is_asked_for(self, tmp_path, enlarger):
        job = job_of(save_dicom(tmp_path / "a.dcm"), tmp_path / "out.dcm")
        frames = []
        for compress, syntax in ((False, ExplicitVRLittleEndian), (True, JPEG2000Lossless)):
            assert Work(enlarger, "test", "upscale", compress=compress).run([job]) == []
            assert dcmread(job.target).file_meta.TransferSyntaxUID == syntax
            frames.append(first(job.target))
        np.testing.assert_array_equal(*frames)
