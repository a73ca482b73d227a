"""The outcomes as JUnit XML, which CI servers read."""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from dnalib.execution.outcomes import Outcome, Result
from dnalib.files import atomic_path

JUNIT_FILE = "junit.xml"

# XML 1.0 has no place for these, not even escaped.
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# A failure is the notebook's own; an error comes from around it.
ERRORS = (Outcome.CANNOT_WRITE, Outcome.INTERRUPTED)


def write(path: Path, suite: str, results: Mapping[str, Result]) -> None:
    """Write ``junit.xml``: one test case a notebook.

    Parameters
    ----------
    path : pathlib.Path
        The file to write.
    suite : str
        The name of the whole.
    results : mapping of str to Result
        The outcome of each notebook.
    """
    cases = [_case(suite, name, result) for name, result in results.items()]
    counts = {
        "tests": len(cases),
        "failures": len([case for case in cases if case.find("failure") is not None]),
        "errors": len([case for case in cases if case.find("error") is not None]),
        "skipped": len([case for case in cases if case.find("skipped") is not None]),
        "time": f"{sum(result.seconds for result in results.values()):.2f}",
    }
    counts = {name: str(value) for name, value in counts.items()}
    root = ElementTree.Element("testsuite", {"name": _clean(suite)} | counts)
    root.extend(cases)
    ElementTree.indent(root)
    with atomic_path(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, "utf-8", xml_declaration=True)


def _case(suite: str, name: str, result: Result) -> ElementTree.Element:
    attributes = {"classname": _clean(suite), "name": _clean(name), "time": f"{result.seconds:.2f}"}
    case = ElementTree.Element("testcase", attributes)
    if result.outcome.good:
        ElementTree.SubElement(case, "system-out").text = str(result.outcome)
    elif result.outcome == Outcome.NOT_RUN:
        ElementTree.SubElement(case, "skipped", message=str(result.outcome))
    else:
        kind = "error" if result.outcome in ERRORS else "failure"
        outcome = str(result.outcome)
        message = f"{outcome}: {result.detail}" if result.detail else outcome
        ElementTree.SubElement(case, kind, type=outcome, message=_clean(message))
    return case


def _clean(text: str) -> str:
    return NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
