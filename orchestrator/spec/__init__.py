"""From the user's files to a ``Stack``: guard, parse, interpolate, include, extends, merge, schema, canonical, rules."""
