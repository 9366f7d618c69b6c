"""The command line: arguments in, exit codes out; one file a command, each imported when it is used.

Libraries of this folder: click, tqdm.  Nothing imports it.  stdout carries data only, all talk goes to stderr.  Obeys
docs/CLI.md, which ``reference.py`` writes; guarded by ``tests/cli/``.  Next: ``app.py``, ``jobs.py``, ``transfer.py``.
"""
