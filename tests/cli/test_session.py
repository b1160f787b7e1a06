"""--quiet, --verbose and --device, which every command has."""

import os
import subprocess
import sys

import jax
import pytest

from echojax import devices, session
from echojax.cli import cli, main
from tests.cli.test_cli import commands


def test_every_command_has_them(capsys):
    for words in commands(cli):
        assert main([*words, "--help"]) == 0
        printed = capsys.readouterr().out
        for option in ("--quiet", "--verbose", "--device [cpu|gpu|tpu|N]", "--debug"):
            assert option in printed, words


@pytest.fixture
def train(data_dir, tiny, tmp_path, capsys):
    """Train a network; gives standard output and standard error."""

    def run(*words):
        capsys.readouterr()
        given = ["--data-dir", str(data_dir), "--run", str(tmp_path / "run"), *tiny]
        assert main(["train-sr", *given, *words]) == 0
        return capsys.readouterr()

    return run


def test_quiet_leaves_results_and_nothing_else(train, capsys):
    loud = train()
    assert "done" in loud.err
    quiet = train("--quiet", "--overwrite")
    assert (quiet.out, quiet.err) == (loud.out, "")
    assert main(["inspect", "--data-dir", "nowhere", "--quiet"]) == 2
    assert capsys.readouterr().err.startswith("Error: nowhere")


def test_verbose_says_what_is_used(train, data_dir, tmp_path):
    said = train("--verbose").err
    assert f"JAX {jax.__version__} on 1 x cpu" in said
    assert f"run directory: {tmp_path / 'run'}; configuration: the defaults" in said
    assert f"frames: 96, of {data_dir}" in said
    assert not session.log.handlers


def test_they_exclude_each_other(capsys):
    assert main(["inspect", "--quiet", "--verbose"]) == 2
    assert "--quiet and --verbose exclude each other" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_named_with_those_that_are(capsys, data_dir, tmp_path):
    words = ["train-sr", "--data-dir", str(data_dir), "--run", str(tmp_path / "run"), "--device"]
    for device in ("gpu", "7"):
        assert main([*words, device]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        said = f"Error: --device {device}: there is no such device here; there are: 0 (cpu, cpu)"
        assert line == said
    assert not (tmp_path / "run").exists()
    assert main([*words, "banana"]) == 2
    assert "none of cpu, gpu, tpu and no number" in capsys.readouterr().err


def test_the_device_is_chosen_before_jax_starts():
    code = (
        "import sys; from echojax import session\n"
        "with session.asked(device='1'):\n"
        "    assert 'jax' not in sys.modules\n"
        "    from echojax import devices; import jax, jax.numpy as jnp; devices.start()\n"
        "    print(devices.data_mesh().devices, jnp.zeros(1).devices())\n"
        "with session.asked(device='cpu'):\n"
        "    devices.start(); print(len(devices.used()), jnp.zeros(1).devices())\n"
    )
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=3", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", code]

    run = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | flags
    )
    one, every = run.stdout.splitlines()
    assert one == "[CpuDevice(id=1)] {CpuDevice(id=1)}"
    assert every.startswith("3 {CpuDevice(id=0)}")


def test_without_a_wish_all_devices_are_used():
    with session.asked(device="0"):
        devices.start()
    devices.start()
    assert jax.config.jax_default_device is None
    assert devices.used() == jax.devices()
