"""The subcommands of `manloc`, one file each, and what they share."""
