"""What ends a command of bulk, reported as UsageError."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from schemas.files.row import BadFile
from service.cli.loading import plain
from service.offline.pool import WorkerLost

_LOST = "a process was killed or not started, perhaps for lack of memory; give fewer --jobs. Run it again to go on."
_STORE = "; check the address, the credentials and the network, and run it again"
_EXTRAS = {"pyarrow": "bulk", "duckdb": "bulk", "distributed": "dask", "dask": "dask"}


@contextmanager
def errors() -> Iterator[None]:
    """Report what ends the command, also that an extra is not installed, as UsageError."""
    try:
        import pyarrow

        from service.bulk.errors import BulkError

        try:
            yield
        except (BulkError, BadFile) as error:
            raise click.UsageError(f"{plain(str(error))}.") from None
        except WorkerLost:
            raise click.UsageError(_LOST) from None
        except pyarrow.ArrowException as error:
            raise click.UsageError(f"{plain(str(error).splitlines()[0]).rstrip('.')}{_STORE}.") from None
        except OSError as error:
            advice = _STORE if error.errno is None else ""  # an object store's client gives no number
            raise click.UsageError(f"{plain(str(error)).rstrip('.')}{advice}.") from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise click.UsageError(f"this needs the extra {extra}: pip install 'delivery-risk[{extra}]'.") from None
