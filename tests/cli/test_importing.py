import gc

import perceiver_cli
from perceiver_cli.cli.importing import importing


def test_the_package_lists_what_it_exports():
    assert set(perceiver_cli.__all__) <= set(dir(perceiver_cli))


def test_garbage_is_collected_again_afterwards():
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count()
    gc.unfreeze()
