"""The verbs. `--json` prints one document on stdout; everything else goes to stderr."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Callable

from .context import Context, alone, open_context
from .errors import HEALS, AgentError, explain, log


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent", description="The program on a node of a Docker Swarm.")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--root", default="/", help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str, *arguments: tuple[str, dict[str, Any]]) -> None:
        sub = verbs.add_parser(name, help=text)
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        for argument, options in arguments:
            sub.add_argument(argument, **options)

    flag = {"action": "store_true"}
    seconds = ("--timeout", {"type": float, "default": 900.0, "help": "seconds"})
    node, name = ("node", {"metavar": "NODE_ID"}), ("name", {"metavar": "NAME"})
    verb("boot", "prepare this boot, before the engine starts")
    verb("join", "docker swarm join, over the Engine API; the first manager's swarm init")
    verb("reconcile", "keep this node, and as the leader the cluster, as it should be", ("--once", flag))
    old = ("--if-older-than", {"type": float, "default": 0.0, "metavar": "SECONDS", "help": "only then"})
    role = ("--role", {"choices": ("worker", "manager", "all"), "default": "all"})
    due = ("--if-due", {**flag, "help": "what the timer asks: by the inventory's period, on the leader only"})
    verb("rotate", "make the join tokens anew and publish them", role, old, due)
    verb("leave", "leave the swarm and stay out until `join` or the next boot", ("--force", flag))
    verb("status", "what this node knows", ("--local", flag))
    verb("drain", "move the tasks away", node, ("--hold", flag), seconds)
    verb("activate", "give it its pool's availability again", node)
    verb("remove", "drain, demote and remove a node", node, seconds)
    verb("configure", "restart the engine with other settings; JSON on stdin", seconds)
    verb("network-create", "make an overlay network; JSON on stdin")
    verb("network-remove", "remove an overlay network of ours", name)
    verb("stack-deploy", "deploy a stack; JSON on stdin", name)
    verb("stack-remove", "remove a stack of ours", name)
    return parser


def _boot(context: Context, _: argparse.Namespace) -> Any:
    from . import boot

    boot.run(context)
    return {"ready": True}


def _join(context: Context, _: argparse.Namespace) -> Any:
    from . import identity
    from .membership import Membership

    identity.stay_out(context, False)
    return {"ended": Membership(context).run()}


def _reconcile(context: Context, given: argparse.Namespace) -> Any:
    from .reconcile import Reconciler

    Reconciler(context).run(once=given.once)
    return {"ended": True}


def _rotate(context: Context, given: argparse.Namespace) -> Any:
    from .rotate import ROLES, Wish, rotate

    roles = ROLES if given.role == "all" else (given.role,)
    return rotate(context, Wish(roles, given.if_older_than, given.if_due))


def _leave(context: Context, given: argparse.Namespace) -> Any:
    from . import hooks, identity
    from .local import observe

    with alone(context):
        if observe(context).control_available and not given.force:
            fix = "demote it from another manager with `remove`, or give --force and lose its raft seat"
            raise AgentError("this node is a manager", fix=fix, code="is_manager")
        identity.stay_out(context, True)
        hooks.run(context, hooks.PRE_DRAIN, context.metadata.identity())
        context.engine.leave()
    return {"left": True}


def _status(context: Context, given: argparse.Namespace) -> Any:
    from .status import report

    return report(context, given.version, given.local)


def _drain(context: Context, given: argparse.Namespace) -> Any:
    from . import members

    members.drain(context, given.node, given.timeout, given.hold)
    return {"drained": True}


def _activate(context: Context, given: argparse.Namespace) -> Any:
    from . import duties, nodes

    control, _ = context.store.read()
    node = nodes.parse(context.engine.request("GET", f"/nodes/{given.node}"))
    nodes.set_availability(context.engine, given.node, duties.wish_for(control, node), hold=False)
    return {"activated": True}


def _remove(context: Context, given: argparse.Namespace) -> Any:
    from . import members

    return members.remove(context, given.node, given.timeout)


def _configure(context: Context, given: argparse.Namespace) -> Any:
    from . import configure

    return configure.run(context, _stdin(), given.timeout)


def _network(context: Context, given: argparse.Namespace) -> Any:
    from . import workload

    cluster = context.config["cluster"]
    if given.verb == "network-create":
        return workload.create(context.engine, cluster, _stdin())
    return workload.remove(context.engine, cluster, given.name)


def _stack(context: Context, given: argparse.Namespace) -> Any:
    from . import stack

    return (
        stack.deploy(context, given.name, _stdin())
        if given.verb == "stack-deploy"
        else stack.remove(context, given.name)
    )


_VERBS: dict[str, Callable[[Context, argparse.Namespace], Any]] = {
    "boot": _boot, "join": _join, "reconcile": _reconcile, "rotate": _rotate, "leave": _leave, "status": _status,
    "drain": _drain, "activate": _activate, "remove": _remove, "network-create": _network, "network-remove": _network,
    "stack-deploy": _stack, "stack-remove": _stack, "configure": _configure,
}  # fmt: skip


def _stdin() -> Any:
    try:
        return json.load(sys.stdin)
    except ValueError:
        raise AgentError("stdin is no JSON", code="usage") from None


def main(argv: list[str] | None = None, version: str = "source") -> int:
    """Run one verb; 0 ok, 1 failed or refused. Nothing that a person can act on ends in a traceback."""
    given = _parser().parse_args(argv)
    given.version = version
    try:
        document = _VERBS[given.verb](open_context(given.root), given)
        code = 0
    except AgentError as error:
        document, code = {"error": {"code": error.code, "what": error.what, "where": error.where, "fix": error.fix}}, 1
    except HEALS as error:
        document, code = (
            {"error": {"code": "failed", "what": explain(error), "where": "", "fix": ""}},
            1,
        )
    if given.json:
        print(json.dumps(document))
    elif code:
        log(f"{given.verb}: {document['error']['what']}")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
