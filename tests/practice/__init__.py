"""The practice machine without a machine: quoting, sources, the cache, files, the terminal."""
