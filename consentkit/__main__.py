"""`python -m consentkit`: the command line."""

from consentkit.cli import main

main()
