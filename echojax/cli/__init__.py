"""The command line: parse, call, print. Commands import what they need when they run."""

import sys
import traceback
from collections.abc import Sequence

import click

from echojax import presets
from echojax.cli import (
    assessment,
    data,
    demo,
    enhancement,
    grading,
    questions,
    study,
    training,
    weights,
)
from echojax.errors import EchojaxError
from echojax.runs import lock
from echojax.stopping import Stopped, terminated_as_interrupted
from echojax.version import __version__
from echojax.wording import one_line

# By what somebody is about to do, in the order of the work.
_CONTENTS = {
    "Get frames ready": (data.simulate, data.prepare, data.inspect),
    "Ask what image quality costs, and what super-resolution gives back": (
        study.matrix,
        study.evaluate,
        study.report,
        study.compare,
    ),
    "Ask what a grade of image quality is worth": (grading.grading,),
    "Train one network": (
        training.train_sr,
        training.train_restorer,
        training.train_segmenter,
        training.train_grader,
        training.train_coherence,
        training.train_classifier,
        training.pretrain_classifier,
    ),
    "Use a network on your own files": (
        enhancement.enhance,
        questions.classify,
        assessment.segment,
        assessment.grade,
        demo.demo,
        weights.weights,
    ),
    "Measure a network": (enhancement.evaluate_sr, study.evaluate_classifier),
}


class _Contents(click.Group):
    """A group whose help lists its commands by subject."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        for subject, commands in _CONTENTS.items():
            with formatter.section(subject):
                formatter.write_dl([(str(c.name), c.get_short_help_str(90)) for c in commands])
        with formatter.section("Configurations (--config NAME)"):
            formatter.write_dl([(name, presets.headline(name)) for name in presets.names()])


@click.group(
    cls=_Contents,
    epilog="A first look, on simulated frames: bash scripts/quickstart.sh. With CAMUS on disk: "
    "echojax prepare camus --from CAMUS_public, then echojax matrix.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="echojax")
def cli() -> None:
    """Improve poor echocardiography frames, and measure what that does to a diagnosis."""


for _commands in _CONTENTS.values():
    for _command in _commands:
        cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 2 for bad input or usage, 1 for failures."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with terminated_as_interrupted():
            code = cli.main(list(arguments), prog_name="echojax", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        click.echo(f"Error: {one_line(error.format_message())}{where}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        # Click raises Abort for an interrupt.
        stopped = error if isinstance(error, Stopped) else error.__cause__
        text, code = str(stopped or ""), getattr(stopped, "exit_code", 130)
        whole = "Stopped. What is on disk is whole; --resume goes on with a run."
        click.echo(f"Stopped: {one_line(text)}" if text else whole, err=True)
        return code
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
            return _exit_code(error)
        text = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            text = f"{error.filename}: {error.strerror}"
        elif not isinstance(error, EchojaxError):
            what = ": ".join(filter(None, (type(error).__name__, text)))
            text = f"unexpected {what} (--debug shows where)"
        click.echo(f"Error: {one_line(text)}", err=True)
        return _exit_code(error)
    finally:
        lock.release()


def _exit_code(error: Exception) -> int:
    return error.exit_code if isinstance(error, EchojaxError) else 1
