"""Plans and facts as JSON values: what is stored with a build, shown to a person and printed by ``--json``."""

from __future__ import annotations

from stagewright.model.build import BuildRequest
from stagewright.model.plan import Action, Plan, RunScript
from stagewright.staging.facts import Facts


def action_document(action: Action) -> dict[str, object]:
    """One action: what, its verb, because of what."""
    document: dict[str, object] = {
        "step": action.step.verb_noun,
        "verb": action.verb.value,
        "because": action.because,
        "key": str(action.key),
    }
    if isinstance(action.step, RunScript):
        step = action.step
        document |= {
            "script": step.script.value,
            "buildpack": step.buildpack.name,
            "digest": str(step.buildpack.digest),
        }
    return document


def plan_document(request: BuildRequest, plan: Plan, facts: Facts) -> dict[str, object]:
    """The audit of a build: what was asked, what is planned, and which of it is done. It holds names of variables,
    never values."""
    return {
        "build": str(request.id),
        "app": str(request.app),
        "reason": {"type": type(request.reason).__name__, "by": request.reason.by},
        "package": {
            "digest": str(request.package.digest),
            "files": request.package.files,
            "size": request.package.size,
        },
        "stack": {"name": str(request.stack.name), "digest": str(request.stack.digest)},
        "named": [str(ref) for ref in request.named],
        "post": [str(buildpack) for buildpack in request.posts],
        "env": sorted(request.env),
        "services": sorted(request.services),
        "reports": dict(facts.reports),
        "complete": plan.complete,
        "digest": str(plan.digest),
        "actions": [{**action_document(action), "done": action.key in facts.done} for action in plan.actions],
    }
