"""`python -m aiops`: the command line, for children that must run this very interpreter."""

from aiops.cli import main

main()
