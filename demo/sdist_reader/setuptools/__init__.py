"""Stands in for setuptools while pip fetches an archive of data. See ``build_meta``."""
