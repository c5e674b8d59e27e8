"""`python3 -m wizard` is the program, too."""

from wizard.cli import entry

entry()
