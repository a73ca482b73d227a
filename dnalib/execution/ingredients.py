"""All that a notebook's results depend on; its done-mark holds only while none of it changes."""

import json

from dnalib.execution import data, modules
from dnalib.execution.jobs import Job
from dnalib.execution.parameters import OUTPUT_DIR


def of(job: Job, versions: dict[str, str]) -> dict[str, object]:
    """Return what the results of `job` depend on, as JSON data.

    Parameters
    ----------
    job : Job
    versions : dict
        Of Python and the packages: `dnalib.environment.versions`, which takes a tenth of a second.

    Returns
    -------
    dict
        ``source_sha256`` of the notebook; ``values``, its parameters with their defaults;
        ``modules``, the digests of the dnalib modules that it uses; ``data``, the stamps of its
        input files; ``versions`` of Python and the packages.
    """
    values = job.notebook.parameters | job.parameters
    values.pop(OUTPUT_DIR, None)
    ingredients = {
        "source_sha256": job.notebook.source_sha256,
        "values": values,
        "modules": modules.used(job.notebook),
        "data": data.stamps(values, job.notebook.path.parent),
        "versions": versions,
    }
    # As it will be read back from the manifest: a tuple becomes a list.
    return json.loads(json.dumps(ingredients, default=repr))
