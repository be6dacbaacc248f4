"""Makes the JSON Schemas of the events that Landfall puts, out of details.py.

    python3 events/schemas/generate.py           writes <slug>.schema.json for each event
    python3 events/schemas/generate.py --check   fails if the committed files are not what would be written
"""

from __future__ import annotations

import difflib
import json
import pathlib
import sys

from details import DEFINITIONS, EVENTS, members, text, things

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = "landfall"


def slug(detail_type: str) -> str:
    """The name of its files: `Landfall Release Started` → `release-started`."""
    return detail_type.removeprefix("Landfall ").lower().replace(" ", "-")


def path(detail_type: str) -> pathlib.Path:
    return HERE / f"{slug(detail_type)}.schema.json"


def example(detail_type: str) -> pathlib.Path:
    return HERE / "examples" / f"{slug(detail_type)}.json"


def schema(detail_type: str, closed: bool = False) -> dict:
    """The schema of the event's whole envelope. A closed one takes no member and no word that it does not describe."""
    description, detail = EVENTS[detail_type]
    # https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
    envelope = members(description, {
        "version": text("The version of EventBridge's envelope."),
        "id": text("The id that EventBridge gave the event. An event that Landfall puts twice has two."),
        "detail-type": {"type": "string", "enum": [detail_type], "description": "What the event is about."},
        "source": {"type": "string", "enum": [SOURCE], "description": "Who put the event."},
        "account": text("The AWS account in which Landfall is installed.", pattern="^[0-9]{12}$"),
        "time": {"type": "string", "format": "date-time", "description": "When EventBridge took the event. RFC 3339, in UTC, in seconds."},
        "region": text("The AWS Region in which Landfall is installed, for example `eu-west-1`."),
        "resources": things("Landfall names no resources here: it is empty.", text("An ARN.")),
        "detail": members(description, detail),
    })
    definitions, needed = {}, [envelope]
    while needed:
        for name in references(needed.pop()):
            if name not in definitions:
                definitions[name] = DEFINITIONS[name]
                needed.append(DEFINITIONS[name])
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": detail_type,
        **written(envelope, closed),
        **({"definitions": {name: written(definitions[name], closed) for name in sorted(definitions)}} if definitions else {}),
    }


def references(part) -> list[str]:
    """The definitions that a part of a schema names."""
    if isinstance(part, list):
        return [name for item in part for name in references(item)]
    if not isinstance(part, dict):
        return []
    if isinstance(part.get("$ref"), str):
        return [part["$ref"].rpartition("/")[2]]
    return [name for item in part.values() for name in references(item)]


def written(part: dict, closed: bool) -> dict:
    """A part of details.py as JSON Schema."""
    made = dict(part)
    if words := made.pop("words", None):
        meanings = [f"`{word}` ({meaning})" if meaning else f"`{word}`" for word, meaning in words.items()]
        made["description"] += f" One of {', '.join(meanings)}; later versions of Landfall may add others."
        if closed:
            made["enum"] = list(words)
    if closed and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    for keyword in ("items", "additionalProperties"):
        if isinstance(made.get(keyword), dict):
            made[keyword] = written(made[keyword], closed)
    if "properties" in made:
        made["properties"] = {name: written(member, closed) for name, member in made["properties"].items()}
    return made


def main():
    stale = False
    for detail_type in EVENTS:
        file, content = path(detail_type), json.dumps(schema(detail_type), indent=2, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv[1:]:
            file.write_text(content)
            continue
        committed = file.read_text() if file.exists() else ""
        if committed != content:
            stale = True
            names = f"{file.name} committed", f"{file.name} generated"
            print("\n".join(list(difflib.unified_diff(committed.splitlines(), content.splitlines(), *names, lineterm=""))[:40]))
    if stale:
        sys.exit("the committed files are not what events/schemas/details.py says: run python3 events/schemas/generate.py")


if __name__ == "__main__":
    main()
