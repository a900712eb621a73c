"""The command line: arguments, one file per command, what is printed and when, exit statuses."""
