"""The energy landscape: minima, saddles, paths between them, true two-level systems."""
