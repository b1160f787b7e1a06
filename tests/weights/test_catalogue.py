import re
from pathlib import Path

import pytest

from echojax.errors import InputError
from echojax.weights import catalogue
from echojax.weights.catalogue import CHECKPOINTS, Checkpoint, checkpoint


def test_a_checkpoint_is_found_by_its_short_name():
    vgg = checkpoint("vgg19")
    assert vgg.url == "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
    assert vgg.file == "vgg19-dcbb9e9d.pth"


@pytest.mark.parametrize(("typed", "meant"), [("srgan_x4", "srgan-x4"), ("ResNet-18", "resnet18")])
def test_an_unknown_name_is_answered_with_the_closest(typed, meant):
    with pytest.raises(InputError, match=f"{typed}: no known checkpoint; did you mean {meant}"):
        checkpoint(typed)


def test_a_name_like_no_other_is_answered_with_all():
    with pytest.raises(InputError, match=f"known are {', '.join(CHECKPOINTS)}"):
        checkpoint("zebra")


@pytest.mark.parametrize("known", CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_every_entry_says_what_it_is_and_where_it_came_from(known):
    assert re.fullmatch(r"[a-z0-9-]+", known.name)
    assert known.url.startswith("https://")
    assert known.what
    assert known.licence
    assert known.source
    if known.sha256 is not None:  # whole, and as the name of its file says
        assert re.fullmatch(r"[0-9a-f]{64}", known.sha256)
        assert known.expected_hash == known.sha256
        assert f"-{known.sha256[:8]}." in known.file


def test_without_a_whole_hash_the_one_in_the_name_is_expected():
    known = Checkpoint("a", "https://host/a-8c4a7569.pth.tar", what="", licence="", source="")
    assert known.expected_hash == "8c4a7569"


def test_checkpoints_are_kept_in_the_user_s_cache_unless_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ECHOJAX_WEIGHTS", raising=False)
    assert catalogue.cache_dir() == tmp_path / ".cache" / "echojax" / "weights"
    monkeypatch.setenv("ECHOJAX_WEIGHTS", "~/shared/weights")
    assert catalogue.cache_dir() == tmp_path / "shared" / "weights"


def test_a_name_or_a_path_leads_to_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    assert catalogue.locate("some/file.safetensors") == Path("some/file.safetensors")
    with pytest.raises(InputError, match="run `echojax weights fetch srresnet-x4 --gray`"):
        catalogue.locate("srresnet-x4", gray=True)
    kept = tmp_path / "srresnet-x4-gray.safetensors"
    kept.touch()
    assert catalogue.locate("srresnet-x4", gray=True) == kept
    with pytest.raises(InputError, match="fetch srresnet-x4`"):
        catalogue.locate("srresnet-x4")
