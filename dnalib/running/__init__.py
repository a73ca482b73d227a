"""What everything that runs for hours stands on: ``run_all.py`` and the grid of benchmarks.

`processes` keeps a child process within its limits and kills whole families, `interrupts` turns
signals into exceptions, `arguments` reads command lines and refuses in one sentence, and `cluster`
runs functions on the workers of a dask.distributed cluster.
"""
