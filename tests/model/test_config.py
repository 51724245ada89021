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
    with pytest.raises(ValueError, match="missing model settings: classes"):
        PerceiverConfig.from_dict({"streams": {"a": 1}})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gelu": "tahn"}, "gelu must be erf or tanh, not 'tahn'"),
        ({"readout": "man"}, "readout must be mean or query, not 'man'"),
        ({"share_cross": "some"}, "share_cross must be none or all or but_first, not 'some'"),
        ({"share_latent": True}, "share_latent must be none or all or but_first, not True"),
        ({"streams": {}}, "streams must have at least one stream"),
        ({"streams": {"a": "b"}}, "streams must be an integer, not 'b'"),
        ({"width": 30}, r"self_heads \(4\) must divide width \(30\)"),
        ({"cross_heads": 3}, r"cross_heads \(3\) must divide the byte array's channels \(10\)"),
        (
            {"cross_heads": 3, "cross_channels": 8},
            r"cross_heads \(3\) must divide cross_channels \(8\)",
        ),
        ({"learned_inputs": 4}, "learned_inputs and learned_outputs need each other"),
        ({"position_channels": 4}, "position_rows and position_channels need each other"),
        (
            {"learned_inputs": 11, "learned_outputs": 2},
            "learned_inputs must not exceed the stream's channels",
        ),
        (
            {"learned_inputs": 4, "learned_outputs": 2, "learned_windows": 3},
            r"learned_windows \(3\) must divide learned_inputs \(4\)",
        ),
    ],
)
def test_a_wrong_setting_is_named(wrong, message):
    with pytest.raises(ValueError, match=f"^model settings? {message}$"):
        PerceiverConfig.from_dict({"streams": {"a": 10}, "classes": 2} | wrong)


def test_every_setting_is_checked():
    values = asdict(PerceiverConfig({"a": 10}, 2))
    for name in values:
        for wrong in ("many", -1, None, [1]):
            with pytest.raises(ValueError, match=f"model setting {name} must be "):
                PerceiverConfig.from_dict(values | {name: wrong})


def test_one_stream_keeps_its_width_and_several_get_room_for_a_mark():
    assert PerceiverConfig({"image": 13}, 2).channels == 13
    assert PerceiverConfig({"video": 13, "audio": 20}, 2).channels == 21


@pytest.mark.parametrize(
    ("sharing", "expected"),
    [("none", [0, 1, 2, 3]), ("all", [0, 0, 0, 0]), ("but_first", [0, 1, 1, 1])],
)
def test_which_module_serves_which_iteration(sharing, expected):
    assert [shared_index(sharing, iteration) for iteration in range(4)] == expected


def test_settings_that_a_checkpoint_leaves_out_are_those_that_it_was_trained_with():
    config = PerceiverConfig.from_dict({"streams": {"image": 10}, "classes": 3})
    left_out = asdict(config)
    assert {name: left_out[name] for name in ("latents", "width", "cross_attends", "layers")} == {
        "latents": 64,
        "width": 192,
        "cross_attends": 2,
        "layers": 4,
    }
    assert (config.cross_heads, config.self_heads, config.repeats) == (1, 4, 1)
    assert (config.cross_widening, config.self_widening) == (1, 4)
    assert (config.share_cross, config.share_latent) == ("none", "none")
    assert (config.readout, config.gelu, config.norm_eps) == ("mean", "erf", 1e-5)
    assert config.readout_residual
    assert config.channels == 10


def test_several_streams_have_room_for_an_embedding_each():
    config = PerceiverConfig({"video": 5, "audio": 7}, 3)
    assert config.channels == 8
