import hashlib

import numpy as np
import pytest
from safetensors.numpy import save_file

from echojax.cli import main
from echojax.weights import catalogue, networks, safetensors_file


def basicsr(channels=4, blocks=1, colours=3):
    """BasicSR's names, random numbers."""
    rng = np.random.default_rng(0)
    tensors = {}

    def conv(name, inputs, outputs):
        tensors[f"{name}.weight"] = rng.normal(size=(outputs, inputs, 3, 3)).astype(np.float32)
        tensors[f"{name}.bias"] = rng.normal(size=outputs).astype(np.float32)

    conv("conv_first", colours, channels)
    for block in range(blocks):
        for number in (1, 2):
            conv(f"body.{block}.conv{number}", channels, channels)
    for number in (1, 2):
        conv(f"upconv{number}", channels, 4 * channels)
    conv("conv_hr", channels, channels)
    conv("conv_last", channels, colours)
    return tensors


@pytest.fixture
def foreign(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file(basicsr(), path)
    return path


def test_convert_makes_a_file_that_is_complete_in_itself(tmp_path, foreign, capsys):
    out = tmp_path / "out.safetensors"
    assert main(["weights", "convert", str(foreign), "-o", str(out)]) == 0
    assert "MSRResNet" in capsys.readouterr().out
    assert networks.load(out).channels == 3
    assert networks.card(out)["source"] == "foreign.safetensors"
    assert "foreign.safetensors" in (tmp_path / "out.md").read_text()


def test_convert_names_its_output_after_the_file(tmp_path, foreign, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert main(["weights", "convert", str(foreign), "--gray"]) == 0
    out = tmp_path / "work" / "foreign-gray.safetensors"
    assert networks.load(out).channels == 1


def test_convert_overwrites_only_when_told(tmp_path, foreign, capsys):
    out = tmp_path / "out.safetensors"
    out.write_text("precious")
    arguments = ["weights", "convert", str(foreign), "-o", str(out)]
    assert main(arguments) == 2
    assert out.read_text() == "precious"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_convert_never_replaces_a_page_that_is_not_its_own(tmp_path, foreign, capsys, more):
    page, out = tmp_path / "README.md", tmp_path / "README.safetensors"
    page.write_text("# My project\n\nSee `echojax weights info net.safetensors`.\n")
    assert main(["weights", "convert", str(foreign), "-o", str(out), *more]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Error: {page}: is there, is not about README.safetensors")
    assert "My project" in page.read_text()
    assert not out.exists()


def test_convert_refuses_a_pickle_that_wants_to_act(tmp_path, capsys):
    file = tmp_path / "bad.pth"
    file.write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "done") + b"'\ntR.")
    assert main(["weights", "convert", str(file), "-o", str(tmp_path / "o.safetensors")]) == 2
    assert "os.system" in capsys.readouterr().err
    assert not (tmp_path / "done").exists()


def test_info_tells_the_network_of_a_foreign_and_of_a_converted_file(tmp_path, foreign, capsys):
    out = tmp_path / "out.safetensors"
    main(["weights", "convert", str(foreign), "-o", str(out)])
    for path in (foreign, out):
        capsys.readouterr()
        assert main(["weights", "info", str(path)]) == 0
        assert "msrresnet" in capsys.readouterr().out


def test_list_names_what_can_be_fetched(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    assert main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in catalogue.CHECKPOINTS)
    assert "not fetched" in said


def test_fetch_downloads_checks_converts_and_keeps(monkeypatch, tmp_path, foreign, capsys):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "cache"))
    content = foreign.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    served = tmp_path / f"net-{digest[:8]}.safetensors"
    served.write_bytes(content)
    known = catalogue.Checkpoint("net", f"https://example.org/{served.name}", "a net", "MIT", "us")
    monkeypatch.setitem(catalogue.CHECKPOINTS, "net", known)
    arguments = ["weights", "fetch", "net", "--mirror", tmp_path.as_uri()]
    assert main(arguments) == 0
    kept = tmp_path / "cache" / "net.safetensors"
    assert networks.load(kept).settings.blocks == 1
    assert networks.card(kept)["licence"] == "MIT"
    capsys.readouterr()
    assert main(arguments) == 0
    assert "There already" in capsys.readouterr().out


def test_fetch_refuses_a_file_of_another_hash(monkeypatch, tmp_path, foreign, capsys):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "cache"))
    served = tmp_path / "net-00000000.safetensors"
    served.write_bytes(foreign.read_bytes())
    known = catalogue.Checkpoint("net", f"https://example.org/{served.name}", "a net", "MIT", "us")
    monkeypatch.setitem(catalogue.CHECKPOINTS, "net", known)
    assert main(["weights", "fetch", "net", "--mirror", tmp_path.as_uri()]) == 1
    assert not list((tmp_path / "cache").glob("*.safetensors"))


def test_a_bad_download_is_fetched_again_with_overwrite(monkeypatch, tmp_path, foreign, capsys):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "cache"))
    served = tmp_path / "net.safetensors"
    served.write_text("an error page")
    known = catalogue.Checkpoint("net", "https://example.org/net.safetensors", "a net", "MIT", "us")
    monkeypatch.setitem(catalogue.CHECKPOINTS, "net", known)
    arguments = ["weights", "fetch", "net", "--gray", "--mirror", tmp_path.as_uri()]
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    served.write_bytes(foreign.read_bytes())
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 0
    assert catalogue.locate("net", gray=True).is_file()


def test_gray_is_refused_before_a_classifier_is_downloaded(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    assert main(["weights", "fetch", "vgg19", "--gray", "--mirror", "http://127.0.0.1:9"]) == 2
    assert "--gray" in capsys.readouterr().err


def test_info_says_what_is_wrong_with_a_file_of_ours(tmp_path, foreign, capsys):
    out = tmp_path / "out.safetensors"
    main(["weights", "convert", str(foreign), "-o", str(out)])
    tensors, told = safetensors_file.tensors(out), safetensors_file.metadata(out)
    save_file(tensors, out, told | {"blocks": "2"})
    capsys.readouterr()
    main(["weights", "info", str(out)])
    assert "body.1.conv1.kernel is missing" in capsys.readouterr().out
    save_file(tensors, out, told | {"blocks": "50000000"})
    main(["weights", "info", str(out)])
    assert "problem" in capsys.readouterr().out


def test_a_damaged_checkpoint_in_place_of_weights_is_named(tmp_path, capsys):
    (tmp_path / "net.pth").write_bytes(b"PK not safetensors at all")
    words = ["evaluate-sr", str(tmp_path), "--weights", str(tmp_path / "net.pth")]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Error: {tmp_path / 'net.pth'}: ")


def test_weights_can_be_read_by_others(tmp_path, foreign):
    out = tmp_path / "out.safetensors"
    (tmp_path / "plain").touch()
    main(["weights", "convert", str(foreign), "-o", str(out)])
    assert out.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_fetch_of_an_unknown_name_gives_the_closest(capsys):
    assert main(["weights", "fetch", "vgg"]) == 2
    assert "did you mean vgg19?" in capsys.readouterr().err
