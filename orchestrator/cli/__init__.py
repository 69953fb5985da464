"""The command line: arguments in, data on stdout, talk on stderr, one exit code out."""
