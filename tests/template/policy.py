"""Decides as IAM does whether the statements of one principal allow a request
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).

There are policies of one account only, without NotAction, NotResource and permissions boundaries: template.yaml has none, and what is
not known here is an error.
"""

from __future__ import annotations

import re
from functools import cache

KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


def listed(one_or_more) -> list:
    """IAM takes one item for a list of one."""
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def applying(statements: list[dict], action: str, resource: str, context: dict[str, list[str]]) -> list[dict]:
    """The statements, of either effect, that are about this request. `context` has the request's condition keys."""
    return [statement for statement in statements if _applies(statement, action, resource, context)]


def allows(statements: list[dict], action: str, resource: str, context: dict[str, list[str]]) -> bool:
    """Whether a statement allows the request and none denies it."""
    effects = {statement["Effect"] for statement in applying(statements, action, resource, context)}
    return effects == {"Allow"}


def _applies(statement: dict, action: str, resource: str, context: dict[str, list[str]]) -> bool:
    if unknown := set(statement) - KNOWN:
        raise NotImplementedError(f"a statement has {unknown}")
    return (
        any(matches(pattern.lower(), action.lower()) for pattern in listed(statement["Action"]))
        and any(matches(pattern, resource) for pattern in listed(statement["Resource"]))
        and all(
            _holds(operator, key, [str(value) for value in listed(values)], context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, key: str, values: list[str], context: dict[str, list[str]]) -> bool:
    given = next((found for name, found in context.items() if name.lower() == key.lower()), None)
    if operator == "Null":
        return (given is None) == (values == ["true"])
    if operator not in ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool"):
        raise NotImplementedError(f"the condition operator {operator}")
    if given is None:
        return False
    if operator in ("StringEquals", "Bool"):
        return any(value in values for value in given)
    return any(matches(pattern, value) for pattern in values for value in given)


@cache
def _expression(pattern: str) -> re.Pattern:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(character) or re.escape(character) for character in pattern), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` for any characters, `?` for one."""
    return _expression(pattern).fullmatch(text) is not None
