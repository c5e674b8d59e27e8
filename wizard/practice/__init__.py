"""The practice machine: a stock Debian 12 in QEMU, to learn on, to try answers on, and to test in."""
