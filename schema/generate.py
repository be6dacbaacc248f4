"""Makes what the repository knows of AWS's APIs out of the models that botocore ships.

    python schema/generate.py           writes both files
    python schema/generate.py --check   fails if the committed files are not what would be written

crates/landfall/src/api/table.txt  the shapes of the requests below: names, types, required members, enums, bounds
schema/service-file.schema.json    JSON Schema of a service file: schema/sections/*.json and the shapes of its ECS sections

A section of Landfall's own is described by fields, each with its type and bounds; crates/landfall/src/service_file/section.rs
reads, checks and writes a section by the same description, and says what each word of it means.
"""

import difflib
import html
import json
import pathlib
import re
import sys

import botocore.loaders

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE.parent / "crates/landfall/src/api/table.txt"
SCHEMA = HERE / "service-file.schema.json"

OPERATIONS = {
    "ecs": ["RegisterTaskDefinition", "CreateService", "UpdateService", "CreateCluster", "CreateCapacityProvider"],
    "application-autoscaling": ["RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"],
}
# Section of a service file: the request that it is.
ECS_SECTIONS = {
    "cluster": "CreateClusterRequest",
    "taskDefinition": "RegisterTaskDefinitionRequest",
    "service": "CreateServiceRequest",
}
# Section of a service file: the request that each of its items is.
ECS_LISTS = {"capacity": "CreateCapacityProviderRequest"}
# What stands for a value that is known when the file is uploaded.
PARAMETER = {"type": "string", "pattern": r"\$\{"}
DURATION = {
    "description": "A length of time in whole seconds: `90`, `90s`, `2m`, `1h30m`.",
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^(\d+\s*[a-z]+\s*)+$|\$\{"}],
}
# The words of a description, and which of them say nothing to a JSON Schema.
WORDS = {
    "type", "description", "needed", "default", "storedAs", "least", "most", "mostItems", "values", "pattern", "noun", "hint", "fields",
    "item", "oneOf", "definition", "examples", "why",
}  # fmt: skip
PLAIN = {"string", "boolean", "integer", "long", "float", "double", "timestamp"}


def models():
    """The pinned botocore's version, the day it was published, and each service's model."""
    pin = re.search(r"^botocore==(\S+)\s+# published (\S+)$", (HERE / "requirements.txt").read_text(), re.MULTILINE)
    version, date = pin.groups()
    if botocore.__version__ != version:
        sys.exit(f"schema/requirements.txt pins botocore {version}; installed is {botocore.__version__}")
    loader = botocore.loaders.Loader()
    return version, date, {service: loader.load_service_model(service, "service-2") for service in OPERATIONS}


def reachable(model, operations):
    """The shapes of these operations' inputs, by name, and what stands for each input."""
    shapes = {}

    def visit(name):
        if name in shapes:
            return
        shape = shapes[name] = model["shapes"][name]
        for member in shape.get("members", {}).values():
            visit(member["shape"])
        for part in ("member", "key", "value"):
            if part in shape:
                visit(shape[part]["shape"])

    for operation in operations:
        visit(model["operations"][operation]["input"]["shape"])
    return shapes


def bounds(shape):
    return f"{shape.get('min', '')}..{shape.get('max', '')}" if "min" in shape or "max" in shape else None


def named(name, shape):
    """Whether a shape has a line of its own, or is written out where it is used."""
    return shape["type"] == "structure" and not shape.get("document") or "enum" in shape or bounds(shape) is not None


def reference(name, shapes):
    shape = shapes[name]
    if named(name, shape):
        return name
    return written_out(shape, shapes)


def written_out(shape, shapes):
    kind = shape["type"]
    if kind == "list":
        return f"[{reference(shape['member']['shape'], shapes)}]"
    if kind == "map":
        return f"{{{reference(shape['value']['shape'], shapes)}}}"
    if kind == "structure" and shape.get("document"):
        return "any"
    if kind not in PLAIN:
        sys.exit(f"there is no word for the type {kind}")
    return kind


def table(version, date, services):
    lines = [
        "# Made by schema/generate.py. A line is a shape: its members, `!` behind the required ones; or `=` and the values",
        "# of an enum; or `:` and a type with its bounds. `[X]` is a list of X, `{X}` a map from text to X.",
        f"botocore {version} {date}",
    ]
    for service, model in services.items():
        lines.append(f"api {service} {model['metadata']['apiVersion']}")
        shapes = reachable(model, OPERATIONS[service])
        for name, shape in sorted(shapes.items()):
            if not named(name, shape):
                continue
            if "enum" in shape:
                lines.append(f"{name} = {' '.join(shape['enum'])}")
            elif shape["type"] == "structure":
                required = shape.get("required", [])
                members = [
                    f"{member}{'!' if member in required else ''}:{reference(value['shape'], shapes)}"
                    for member, value in shape["members"].items()
                ]
                lines.append(" ".join([name, *members]))
            else:
                lines.append(f"{name} : {written_out(shape, shapes)} {bounds(shape)}")
    return "\n".join(lines) + "\n"


def described(documentation):
    """The first sentence of a member's documentation, as plain text."""
    text = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"\s+", " ", documentation or ""))).strip()
    sentence = re.match(r".{1,200}?[.:](?=\s|$)", text)
    return sentence.group().rstrip(":") if sentence else text[:160].rstrip()


def spelt(seconds):
    """A length of time as people write it."""
    return f"{seconds // 60}m" if seconds >= 120 and seconds % 60 == 0 else f"{seconds}s"


def description(field):
    """What is said of a field: its description, and its default if that is a single value."""
    text, default = field.get("description"), field.get("default")
    if text is None or default is None or isinstance(default, (list, dict)):
        return text
    written = spelt(default) if field["type"] == "duration" else json.dumps(default).strip('"')
    return f"{text.removesuffix('.')}; default {written}."


def own_field(field):
    """The JSON Schema of a section or field of Landfall's own, which its description says it is."""
    if unknown := field.keys() - WORDS:
        sys.exit(f"there are no such words in a description: {', '.join(sorted(unknown))}")
    if "definition" in field:
        return {"$ref": f"#/$defs/{field['definition']}"}
    about = {word: text for word, text in (("description", description(field)), ("examples", field.get("examples"))) if text}
    parameter = {"$ref": "#/$defs/parameter"}
    number = {of: field[word] for word, of in (("least", "minimum"), ("most", "maximum")) if word in field}
    text = {"type": "string", **{of: field[word] for word, of in (("least", "minLength"), ("most", "maxLength")) if word in field}}
    if "pattern" in field:
        text["pattern"] = f"{field['pattern']}|{PARAMETER['pattern']}"
    items = {"maxItems": field["mostItems"]} if "mostItems" in field else {}
    kind = field["type"]
    if kind == "mappings":
        one = own_field({**{word: field[word] for word in field.keys() - {"description", "mostItems"}}, "type": "mapping"})
        return {**about, "anyOf": [one, {"type": "array", "minItems": 1, **items, "items": one}]}
    if kind == "mapping":
        if "fields" not in field:
            return {**about, "type": "object"}
        properties = {name: own_field(member) for name, member in field["fields"].items()}
        required = [name for name, member in field["fields"].items() if "needed" in member]
        found = {**about, "type": "object", "properties": properties, **({"required": required} if required else {})}
        return {**found, "additionalProperties": False}
    if kind == "map":
        bound = {"maxProperties": field["mostItems"]} if "mostItems" in field else {}
        return {**about, "type": "object", **bound, "additionalProperties": own_field(field["item"])}
    if kind == "list":
        return {**about, "type": "array", **items, "items": own_field(field["item"])}
    if kind == "duration":
        return {**about, "$ref": "#/$defs/duration"}
    if kind == "statuses":
        one = {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string"}]}
        return {**about, "anyOf": [*one["anyOf"], {"type": "array", "minItems": 1, "items": one}]}
    if "values" in field:
        return {**about, "anyOf": [{"enum": field["values"]}, parameter]}
    if kind == "texts":
        return {**about, "anyOf": [text, {"type": "array", "items": text, **items}]}
    return {
        **about,
        **{
            "text": text,
            "time": text,
            "textOrInteger": {"type": ["string", "integer"]},
            "integer": {"anyOf": [{"type": "integer", **number}, parameter]},
            "positive": {"type": "number", "exclusiveMinimum": 0},
            "boolean": {"type": "boolean"},
            "milliseconds": {"type": "string", "pattern": r"^(\d+(\.\d+)?\s*[a-z]+\s*)+$|\$\{"},
            "scalar": {"type": ["string", "number", "boolean", "null"]},
        }[kind],
    }


def json_schema(services):
    shapes = reachable(services["ecs"], OPERATIONS["ecs"])
    task = json.loads((HERE / "one-off-task.json").read_text())
    own_definitions = {"parameter": PARAMETER, "duration": DURATION, "oneOffTask": own_field(task)}
    definitions, wanted = {}, []

    def use(name):
        shape = shapes[name]
        kind = shape["type"]
        if "enum" in shape or kind == "structure" and not shape.get("document"):
            if name not in definitions:
                definitions[name] = None
                wanted.append(name)
            return {"$ref": f"#/$defs/{name}"}
        return inline(shape)

    def inline(shape):
        kind = shape["type"]
        limits = {"list": ("minItems", "maxItems"), "string": ("minLength", "maxLength")}.get(kind, ("minimum", "maximum"))
        bound = {word: shape[of] for word, of in zip(limits, ("min", "max")) if of in shape}
        if kind == "list":
            return {"type": "array", "items": use(shape["member"]["shape"]), **bound}
        if kind == "map":
            return {"type": "object", "additionalProperties": use(shape["value"]["shape"])}
        if kind == "structure":
            return {}
        if kind == "string":
            return {"type": ["string", "number", "boolean"], **bound}
        if kind == "boolean":
            return {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/parameter"}]}
        number = "integer" if kind in ("integer", "long") else "number"
        return {"anyOf": [{"type": number, **bound}, {"$ref": "#/$defs/parameter"}]}

    def structure(shape, leave_out=()):
        properties = {}
        for member, value in shape["members"].items():
            if member in leave_out:
                continue
            properties[member] = use(value["shape"])
            description = described(value.get("documentation"))
            if description:
                properties[member] = {"description": description, **properties[member]}
        required = [member for member in shape.get("required", []) if member not in leave_out]
        found = {"type": "object", "properties": properties}
        return {**found, "required": required} if required else found

    sections = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("sections/*.json"))}
    order = json.loads((HERE / "sections.json").read_text())
    if sorted(order["order"]) != sorted(sections):
        sys.exit("schema/sections.json and the files of schema/sections do not name the same sections")
    properties = {}
    for section in order["order"]:
        own = sections[section]
        if section in ECS_SECTIONS:
            shape = shapes[ECS_SECTIONS[section]]
            found = structure(shape, leave_out=own.get("leaveOut", ()))
            required = sorted({*found.get("required", []), *own.get("required", [])})
            properties[section] = {"description": own["description"], **found, "required": required}
        elif section in ECS_LISTS:
            item = structure(shapes[ECS_LISTS[section]])
            item["oneOf"] = [{"required": [name]} for name in own["item"]["oneOf"]]
            properties[section] = {"description": own["description"], "type": "array", "items": item}
        else:
            properties[section] = own_field(own)
    while wanted:
        name = wanted.pop()
        shape = shapes[name]
        if "enum" in shape:
            definitions[name] = {"anyOf": [{"enum": shape["enum"]}, {"type": "string"}]}
        else:
            definitions[name] = structure(shape)
    # Followed containers have no image, and the checker says more about the others than a schema could.
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A service file of Landfall",
        "type": "object",
        "properties": properties,
        "required": order["required"],
        "additionalProperties": False,
        "patternProperties": {"^x-": {"description": "Not read: a place for anchors."}},
        "$defs": {**own_definitions, **dict(sorted(definitions.items()))},
    }


def main():
    version, date, services = models()
    files = {
        TABLE: table(version, date, services),
        SCHEMA: json.dumps(json_schema(services), indent=1, ensure_ascii=False) + "\n",
    }
    stale = False
    for path, text in files.items():
        if "--check" not in sys.argv[1:]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            continue
        committed = path.read_text() if path.exists() else ""
        if committed != text:
            stale = True
            shown = path.relative_to(HERE.parent)
            difference = difflib.unified_diff(committed.splitlines(), text.splitlines(), f"{shown} committed", f"{shown} generated", lineterm="")
            print("\n".join(list(difference)[:40]))
    if stale:
        sys.exit("the committed files are not what schema/generate.py makes: run `just schema`")


if __name__ == "__main__":
    main()
