"""Limits are the environment's to change, in the decoding processes too."""

import pytest


@pytest.mark.parametrize("number", [1, 5])
def test_a_lower_limit_refuses_more(perceiver, weights, media, number):
    call = ["classify", *[media["image"]] * number, "--model", weights["image"]]
    outcome = perceiver(*call, env={"PERCEIVER_MAX_PIXELS": "135299"})
    assert outcome.returncode == 1
    told = outcome.stderr.decode().splitlines()
    assert told[0].endswith(
        "a picture of 451 x 300: at most 135,299 pixels are read "
        "(PERCEIVER_MAX_PIXELS changes that)"
    )


def test_a_limit_that_makes_no_sense_is_wrong_usage(perceiver, media):
    outcome = perceiver("classify", media["image"], env={"PERCEIVER_MAX_PIXELS": "many"})
    assert outcome.returncode == 2
    assert b"PERCEIVER_MAX_PIXELS=many" in outcome.stderr


def test_a_pipe_without_end_is_refused(perceiver, weights):
    with open("/dev/zero", "rb") as zeros:
        outcome = perceiver(
            *("classify", "-", "--model", weights["image"]),
            env={"PERCEIVER_MAX_PIPE_BYTES": "1000"},
            stdin=zeros,
        )
    assert outcome.returncode == 1
    assert b"standard input: does not end in time: at most 1,000 bytes" in outcome.stderr
