import gc

from perceiver_cli.cli.importing import importing


def test_garbage_is_collected_again_afterwards():
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count()
    gc.unfreeze()
