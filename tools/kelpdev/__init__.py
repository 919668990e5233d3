"""What the project's own scripts share: processes under test, figures of a process, waiting for conditions."""
