"""Settings changed by --set."""

from perceiver_cli.training.overrides import changed


def test_a_setting_of_a_videos_sound_is_changed_alone():
    recipe = {"size": 64, "audio": {"rate": 16000, "values": "levels"}}
    found = changed(recipe, {"audio.values": "cosines", "size": 32})
    assert found == {"size": 32, "audio": {"rate": 16000, "values": "cosines"}}
    assert recipe["audio"]["values"] == "levels"


def test_a_name_that_leads_nowhere_is_left_to_be_refused():
    assert changed({"size": 64, "audio": None}, {"audio.values": "cosines", "size.big": 1}) == {
        "size": 64,
        "audio": None,
        "audio.values": "cosines",
        "size.big": 1,
    }
