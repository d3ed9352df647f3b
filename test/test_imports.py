"""No module imports itself by way of others; imports in functions and for types count."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

GENERATED = 'tkn_ros.msg'


def test_no_import_cycle():
    graph = grimp.build_graph('tkn_ros', cache_dir=None)
    ours = {m for m in graph.modules if not f'{m}.'.startswith(f'{GENERATED}.')}
    imports = {m: graph.find_modules_directly_imported_by(m) & ours for m in ours}
    assert len(ours) > 100
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f'these import each other: {" -> ".join(reversed(error.args[1]))}')
