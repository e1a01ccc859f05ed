"""`declaim`: the command line. It imports no more than it takes to read its arguments.

What a worker process of the embedded voice imports first is this file, for it is the command's own; and `--help` is to be
there at once.
"""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from flows.arguments import parser
from flows.imports import importing
from tasks.errors import DeclaimError, Interrupted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. An error is one line, unless `--verbose` asks for all."""
    options = parser().parse_args(arguments)
    # Where nothing else takes it, it ends the command as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        module, _, name = options.command.partition(":")
        with importing():
            command = getattr(import_module(module), name)
        return int(command(options))
    except DeclaimError as error:
        if options.verbose:
            traceback.print_exc()
        print(f"declaim: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read what is printed has seen enough, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"declaim: {Interrupted()}", file=sys.stderr)
        return Interrupted.exit_code
    except Exception as error:
        # Whatever else comes out is a fault of ours: one line for the person, all of it for who mends it.
        if options.verbose:
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"declaim: a fault in Declaim itself ({type(error).__name__}: {error}; {Path(where.filename).name}, line "
            f"{where.lineno}); what was spoken is kept; run again with --verbose and report what it prints",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
