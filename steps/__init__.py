"""Xen: the steps of the installation, their questions and what they read of the machine."""
