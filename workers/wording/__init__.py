"""Plain-English rules over what was said, that more than one room reads: phrases, and whether they are negated."""
