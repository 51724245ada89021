from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from perceiver_cli.model.config import PerceiverConfig, shared_index


def test_a_config_survives_json():
    config = PerceiverConfig({"video": 5, "audio": 7}, 3, share_cross="but_first", gelu="tanh")
    assert PerceiverConfig.from_dict(json.loads(json.dumps(asdict(config)))) == config


def test_an_unknown_setting_is_named():
    with pytest.raises(ValueError, match="unknown model settings: colour, depth"):
        PerceiverConfig.from_dict({"streams": {"a": 1}, "classes": 2, "depth": 1, "colour": 2})


def test_a_missing_setting_is_named():
    with pytest.raises(ValueError, match="classes"):
        PerceiverConfig.from_dict({"streams": {"a": 1}})


def test_one_stream_keeps_its_width_and_several_get_room_for_a_mark():
    assert PerceiverConfig({"image": 13}, 2).channels == 13
    assert PerceiverConfig({"video": 13, "audio": 20}, 2).channels == 21


@pytest.mark.parametrize(
    ("sharing", "expected"),
    [("none", [0, 1, 2, 3]), ("all", [0, 0, 0, 0]), ("but_first", [0, 1, 1, 1])],
)
def test_which_module_serves_which_repeat(sharing, expected):
    assert [shared_index(sharing, repeat) for repeat in range(4)] == expected
