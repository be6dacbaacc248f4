"""A permissions boundary that is made from the tables of docs/operating.md takes nothing from any role, and allows nothing more."""

from __future__ import annotations

import re

import pytest

from installed import HOME, ROOT, Installed
from policy import listed
from test_partitions import parameters

PAGE = (ROOT / "docs/operating.md").read_text()
STACK = Installed(HOME, **parameters(HOME))
# Roles of what is no function, by the table's name for it.
OTHERS = {"the state machine": "ReleaseStateMachineRole", "the schedule": "SweepScheduleRole"}
NO_ACTIONS = {"PassableRoles"}


def rows(heading: str) -> dict[str, str]:
    """A table of the page: its second column by its first."""
    _, _, tables = PAGE.partition("<!-- who-may-do-what: begin")
    _, _, table = tables.partition("<!-- who-may-do-what: end")[0].partition(f"\n{heading}\n|---|---|\n")
    lines = table.split("\n\n")[0].splitlines()
    return dict(line.strip("| ").split(" | ", 1) for line in lines)


def named(text: str) -> set[str]:
    """The actions that a text has in backticks. Those without a service are of the service before."""
    service, found = None, set()
    for word in re.findall(r"`([^`]+)`", text):
        prefixed = re.fullmatch(r"([a-z0-9-]+):([A-Z]\w+)", word)
        if prefixed:
            service = prefixed[1]
            found.add(word)
        elif re.fullmatch(r"[A-Z]\w+", word) and word not in NO_ACTIONS:
            found.add(f"{service}:{word}")
    return found


WORDS = {words: named(actions) for words, actions in rows("| words | actions |").items()}
TABLE = {who.strip("`"): may for who, may in rows("| who | may |").items()}


def actions(text: str) -> set[str]:
    """All actions of a row, those that it says in words with them."""
    said = re.sub(r"`[^`]*`", "``", text)
    return named(text).union(*(of for words, of in WORDS.items() if re.search(rf"\b{words}\b", said)))


def granted(role: str) -> set[str]:
    """The actions that a role allows; those of AWS's own policies are not among them."""
    statements = [statement for statement in STACK.statements(role) if statement["Effect"] == "Allow"]
    return {action for statement in statements for action in listed(statement["Action"])}


ROLES = {made["Handler"]: f"{name}Role" for name, made in STACK.of_type("AWS::Lambda::Function").items()} | OTHERS


def test_every_role_has_a_row():
    assert set(TABLE) - {"every function"} == set(ROLES)
    assert set(ROLES.values()) == set(STACK.of_type("AWS::IAM::Role"))


@pytest.mark.parametrize("who", ROLES)
def test_a_row_is_what_its_role_allows(who):
    of_all = set() if who in OTHERS else actions(TABLE["every function"])
    # The words do not tell the keys apart: the test of the keys does.
    assert granted(ROLES[who]) == actions(TABLE[who]) | of_all


def test_the_boundary_of_all_rows_takes_nothing_from_any_role():
    boundary = set().union(*(actions(may) for may in TABLE.values()))
    for who, role in ROLES.items():
        assert granted(role) <= boundary, who


def test_policies_of_aws_that_the_roles_have_are_named():
    for role in STACK.of_type("AWS::IAM::Role").values():
        for arn in role.get("ManagedPolicyArns", []):
            if ":iam::aws:" in arn:
                assert f"`{arn.split('/')[-1]}`" in PAGE, arn
