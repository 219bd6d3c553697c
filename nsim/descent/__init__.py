"""From any state down to its inherent structure: descents of many columns at once, and the last digits."""
