"""Runs of `delivery-risk bulk` in the process of a test."""

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from service.bulk.place import opened
from service.cli import main
from tests.bulk_files import tree


def bulk(orders: Path | str, results: Path | str, *options: str, code: int | tuple[int, ...] = 0, **variables: str) -> Result:
    """Run it with these options and settings. It must exit with this code, or one of these, and without a traceback."""
    opened.cache_clear()
    settings: dict[str, Any] = {f"DELIVERY_RISK_{name.upper()}": value for name, value in variables.items()}
    done = CliRunner().invoke(main, ["bulk", str(orders), str(results), *options], env=settings)
    assert done.exit_code in ((code,) if isinstance(code, int) else code), (done.output, done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def parts(results: Path) -> dict[str, bytes]:
    """The files of a folder of results, without those that record the run."""
    return {name: data for name, data in tree(results).items() if not name.startswith("_")}
