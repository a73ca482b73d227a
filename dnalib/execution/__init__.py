"""Runs the notebooks through papermill, one process each, and says truly how each one ended.

From the ground up: `outcomes` are the ways to end, `notebooks` reads the notebooks, `parameters`
settles what each is run with, `jobs` is one to be run, `modules`, `data` and `ingredients` find
what its results depend on, `manifest` remembers what is done, `lock` keeps a second runner out,
`html` renders an executed notebook, `worker` drives papermill in the `child` process, `judge` says
how that ended, `supervisor` starts and watches it, `plan` is what was asked for, `report`, `junit`
and `verify` tell people and machines, `remote` has the workers of a cluster run the notebooks,
`batch` runs a plan, `options` reads the command line, and `command` is what ``run_all.py`` calls.
Beside it `refresh` renews what the repository shows of the notebooks, their outputs (`keeping`) and
times (`readings`), and `slides` and `students` make other forms of them.
"""
