"""What a droplet is kept under for --if-changed: all that can change it, and nothing that cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.values import buildpack, request

from stagewright.model.build import BuildRequest
from stagewright.model.buildpack import Dialect, Script
from stagewright.services.prepare import result_key
from stagewright.staging.environment import check_variables
from stagewright.staging.problems import BadVariable

CLOUD_FOUNDRY = request(buildpack("python"))
HEROKU = request(buildpack("old", Script.COMPILE, dialect=Dialect.HEROKU))
POST = replace(CLOUD_FOUNDRY, posts=HEROKU.buildpacks)
ONE = {"mysql": [{"credentials": {"uri": "mysql://a/b"}}]}
OTHER = {"postgres": [{"credentials": {"uri": "postgres://a/b"}}]}


def same(one: BuildRequest, other: BuildRequest) -> bool:
    return result_key(one, b"key") == result_key(other, b"key")


@pytest.mark.parametrize(("made", "told"), [(CLOUD_FOUNDRY, False), (HEROKU, True), (POST, True)])
def test_the_commit_of_the_source_counts_where_a_script_is_told_it(made: BuildRequest, told: bool) -> None:
    assert same(replace(made, source_version="a"), replace(made, source_version="b")) is not told


def test_the_limits_that_an_app_is_told_count() -> None:
    for changed in (replace(HEROKU.limits, disk=1 << 31), replace(HEROKU.limits, memory=1 << 31)):
        assert not same(HEROKU, replace(HEROKU, limits=changed))


def test_which_database_is_the_first_counts() -> None:
    assert not same(replace(HEROKU, services={**ONE, **OTHER}), replace(HEROKU, services={**OTHER, **ONE}))


def test_post_buildpacks_count_and_are_not_taken_for_others() -> None:
    assert not same(POST, CLOUD_FOUNDRY)
    assert not same(POST, replace(CLOUD_FOUNDRY, buildpacks=(*CLOUD_FOUNDRY.buildpacks, *POST.posts)))


def test_the_order_of_variables_does_not_count() -> None:
    assert same(replace(HEROKU, env={"A": "1", "B": "2"}), replace(HEROKU, env={"B": "2", "A": "1"}))


def test_a_name_that_no_file_of_env_dir_can_have_is_refused() -> None:
    check_variables({"A" * 255: ""})
    with pytest.raises(BadVariable, match="255"):
        check_variables({"A" * 256: ""})
