"""The entry point: sub-commands, and errors turned into one paragraph and an exit status."""

from __future__ import annotations

import sys
import warnings

import click

from jwgpu._version import __version__
from jwgpu.cli.report import FAILED, INPUT, complain
from jwgpu.errors import InputError

_COMMANDS = {
    "demo": ("jwgpu.cli.demo", "demo"),
    "run": ("jwgpu.cli.run", "run"),
    "step": ("jwgpu.cli.step", "step"),
    "associate": ("jwgpu.cli.associate", "associate"),
    "list": ("jwgpu.cli.listing", "listing"),
    "compare": ("jwgpu.cli.compare", "compare"),
    "audit": ("jwgpu.cli.audit", "audit"),
    "repair": ("jwgpu.cli.audit", "repair"),
    "builds": ("jwgpu.cli.audit", "builds"),
    "info": ("jwgpu.cli.info", "info"),
}


class _Commands(click.Group):
    """Sub-commands that are imported when called, so that `jwgpu --help` is quick."""

    def list_commands(self, context):
        return list(_COMMANDS)

    def get_command(self, context, name):
        if name not in _COMMANDS:
            return None
        from importlib import import_module

        module, attribute = _COMMANDS[name]
        return getattr(import_module(module), attribute)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jwgpu")
def app():
    """JWST calibration on the GPU and the CPU.

    Exit status: 0 done, 1 `compare` found a difference or `audit` an issue, 2 bad input, 3 processing failed.
    Every command takes --debug, which shows the traceback of an error.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [word for word in arguments if word != "--debug"]
    warnings.showwarning = _show_warning
    try:
        status = app.main(arguments, prog_name="jwgpu", standalone_mode=False)
    except click.exceptions.Exit as done:
        status = done.exit_code
    except click.Abort:
        status = 130
    except KeyboardInterrupt:
        status = 130
    except click.ClickException as error:
        if debug:
            raise
        error.show()
        status = INPUT
    except InputError as error:
        if debug:
            raise
        complain(error)
        status = INPUT
    except Exception as error:
        if debug:
            raise
        complain(error)
        status = FAILED
    sys.exit(status if isinstance(status, int) else 0)


def _show_warning(message, category, filename, lineno, file=None, line=None):
    click.echo(f"jwgpu: warning: {message}", err=True)
