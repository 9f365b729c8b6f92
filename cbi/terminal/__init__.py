"""The commands of `cbi`, one file for each part of the work. Each imports what it needs only when it runs."""
