"""One file for each subcommand of `manloc`, and the checks of a config."""
