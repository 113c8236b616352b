"""A trace, written down: two buildpacks, one of them from git, a script in bash and one in plain sh."""

from __future__ import annotations

from datetime import UTC, datetime

from stagewright.model.digest import Digest
from stagewright.model.names import AppName, StackName
from stagewright.model.trace import (
    ChangedVariable,
    EnvironmentChange,
    ScriptTrace,
    Trace,
    TracedBuildpack,
    TracedCommand,
    Xtrace,
)
from stagewright.model.tree import Difference, WrittenFile
from tests.values import BUILD

GIT = TracedBuildpack(
    "https://git.example.com/team/ruby.git#stable",
    "ruby",
    "1.10.3",
    Digest.of(b"ruby"),
    "heroku",
    {
        "kind": "git",
        "remote": "https://git.example.com/team/ruby.git",
        "branch": "stable",
        "commit": "4f0c1a2b" * 5,
        "commits": [
            {
                "commit": "4f0c1a2b" * 5,
                "date": "2026-03-02T10:00:00Z",
                "author": "Ada",
                "subject": 'Install <bundler> & "friends"',
            },
            {
                "commit": "99aa1a2b" * 5,
                "date": "2026-02-27T09:00:00Z",
                "author": "Ben",
                "subject": "Say what is installed",
            },
        ],
    },
)
LOCAL = TracedBuildpack(
    "./apt", "apt", None, Digest.of(b"apt"), "cloudfoundry", {"kind": "directory", "path": "./apt", "dirty": True}
)
COMPILE = "/buildpacks/ruby/bin/compile"
LIBRARY = "/buildpacks/ruby/lib/install.sh"
COMMANDS = (
    TracedCommand(0.01, "source /buildpacks/ruby/lib/install.sh", COMPILE, 3, "", 0, 41, 0.02),
    TracedCommand(0.03, "install_ruby 3.3.1", COMPILE, 9, "", 0, 41, 0.01),
    TracedCommand(
        0.04,
        "curl --fail -H 'Authorization: [redacted]' https://cache.example.com/ruby-3.3.1.tgz",
        LIBRARY,
        12,
        "install_ruby",
        1,
        41,
        1.9,
    ),
    TracedCommand(1.94, "tar -xzf /tmp/ruby.tgz -C /app/vendor", LIBRARY, 14, "install_ruby", 1, 41, 0.7),
    TracedCommand(2.64, "bundle install --deployment", COMPILE, 20, "", 0, 41, 4.3),
    TracedCommand(2.7, "echo '</script><script>alert(1)</script>\x1b[31m'", "", 1, "", 0, 57, 0.1),
    TracedCommand(6.94, "rm -f /tmp/ruby.tgz", COMPILE, 31, "", 0, 41, 0.04),
)
TRACE = Trace(
    build=BUILD,
    app=AppName("shop"),
    stack=StackName("debian12"),
    stack_digest=Digest.of(b"stack"),
    started=datetime(2026, 3, 4, 5, 6, 7, 250000, tzinfo=UTC),
    ended=datetime(2026, 3, 4, 5, 6, 18, tzinfo=UTC),
    buildpacks=(LOCAL, GIT),
    scripts=(
        ScriptTrace(
            buildpack=0,
            script="supply",
            position=0,
            argv=("/buildpacks/apt/bin/supply", "/home/vcap/app", "/home/vcap/cache/0", "/home/vcap/deps", "0"),
            cwd="/home/vcap",
            environment=EnvironmentChange("the build's environment"),
            started=0.5,
            seconds=1.25,
            cpu_seconds=0.5,
            peak_memory=48 << 20,
            exit_code=0,
            wrote={"deps": Difference(12, 0, 0, 4096, 4096, 0, 0, (WrittenFile("0/lib/libz.so.1", 4000, True),))},
            xtrace=Xtrace("none: /bin/sh script, start and end only"),
        ),
        ScriptTrace(
            buildpack=1,
            script="compile",
            position=1,
            argv=(COMPILE, "/app", "/home/vcap/cache/1", "/home/vcap/env"),
            cwd="/home/vcap",
            environment=EnvironmentChange(
                "supply apt",
                added={"STACK": "debian12", "API_TOKEN": "[redacted]"},
                changed={"PATH": ChangedVariable("/usr/bin:/bin", "/home/vcap/deps/0/bin:/usr/bin:/bin")},
                removed=("MEMORY_LIMIT",),
            ),
            started=1.8,
            seconds=7.0,
            cpu_seconds=9.75,
            peak_memory=412 << 20,
            exit_code=0,
            wrote={
                "app": Difference(
                    2311, 3, 1, 61 << 20, 60 << 20, 1 << 20, 120, (WrittenFile("vendor/ruby/bin/ruby", 9 << 20, True),)
                ),
                "cache": Difference(changed=1, bytes_written=1 << 20, bytes_changed=1 << 20),
            },
            xtrace=Xtrace("bash", COMMANDS, truncated=True),
        ),
    ),
    outcome="staged",
)
