"""The command line as a module: `python -m service.cli`."""

from service.cli import main

main()
