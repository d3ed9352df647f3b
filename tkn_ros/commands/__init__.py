"""The subcommands of `tkn` that are larger than a few lines; torch is imported only in `run`."""
