"""`import speedy_utils` is fast because it pulls in next to nothing; each name is there when it is asked for."""

import subprocess
import sys

import pytest

import speedy_utils as su

SHOW = "import sys; before = set(sys.modules); import speedy_utils as su{then}; print(*set(sys.modules) - before)"


def modules_after(then=""):
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(then=then)], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_import_pulls_in_only_the_standard_library():
    """Under 0.3 s without a clock: no third-party module, and few of any kind."""
    modules = modules_after()
    foreign = {name for name in modules if name.split(".")[0] not in sys.stdlib_module_names | {"speedy_utils"}}
    assert not foreign
    assert len(modules) < 60


def test_tables_and_counts_of_operations_need_no_heavy_library():
    modules = modules_after("; su.SYSTEMS, su.TASKS; su.count_macs('ALBETO tiny')")
    assert not modules & {"torch", "transformers", "pandas", "numpy", "matplotlib"}


@pytest.mark.parametrize("name", su.__all__)
def test_every_public_name_is_there(name):
    assert getattr(su, name) is not None
    assert name in dir(su)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'scores'"):
        su.scores  # noqa: B018
