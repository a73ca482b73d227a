"""Runs the notebooks through papermill, one process each, and says truly how each one ended.

From the ground up: `notebooks` reads them, `parameters` settles what each is run with,
`environment` says on what machine and with which versions, `manifest` remembers what is done,
`html` renders an executed notebook, `worker` is the child process around papermill, `supervisor`
starts it, watches it and judges the outcome, `report` tells a person, and `command` is the command
line that ``run_all.py`` calls.
"""
