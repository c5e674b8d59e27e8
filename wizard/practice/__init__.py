"""The practice machine: a stock Debian 12 in QEMU, to learn on, to try answers and to test.

front.py has the commands; machine.py the machine, for tests as well; image.py builds its disk.
"""
