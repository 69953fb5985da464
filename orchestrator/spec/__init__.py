"""From the user's files to a ``Stack``: parse, interpolate, include, extends, merge, schema, canonical, rules."""
