"""What the events carry that Landfall puts, as it stands in their schemas.

A member whose name ends with `?` may be missing; all others are always there. The Rust types have the same names:
crates/landfall-aws/src/events.rs says which type is the detail of which event.
"""

from __future__ import annotations


def text(description: str, **more) -> dict:
    return {"type": "string", "description": description, **more}


def number(description: str, least: int = 0) -> dict:
    return {"type": "integer", "minimum": least, "description": description}


def exit_code(description: str) -> dict:
    return {"type": ["integer", "null"], "description": description}


def time(description: str) -> dict:
    return {"type": "string", "format": "date-time", "description": f"{description} RFC 3339, in UTC, with up to nine decimals."}


def words(description: str, meanings: dict[str, str]) -> dict:
    """A text that is one of these words. Later versions may know more, so it is no `enum`."""
    return {"type": "string", "description": description, "words": meanings}


def things(description: str, of: dict) -> dict:
    return {"type": "array", "description": description, "items": of}


def by_container(description: str, of: dict) -> dict:
    return {"type": "object", "description": f"{description}, by the name of the container.", "additionalProperties": of}


def members(description: str, of: dict[str, dict]) -> dict:
    return {
        "type": "object",
        "description": description,
        "required": [name for name in of if not name.endswith("?")],
        "properties": {name.rstrip("?"): member for name, member in of.items()},
    }


def known(name: str) -> dict:
    """One of the DEFINITIONS. Draft 4 reads nothing beside a `$ref`, so the definition has the description."""
    return {"$ref": f"#/definitions/{name}"}


def or_null(description: str, of: dict) -> dict:
    if "$ref" in of:
        return {"description": description, "anyOf": [of, {"type": "null"}]}
    return {**of, "type": [of["type"], "null"], "description": description}


def content_hash(description: str) -> dict:
    return text(f"{description} 64 hexadecimal digits.", pattern="^[0-9a-f]{64}$")


SERVICE = text("The ECS service, as `cluster/service`.", pattern="^[A-Za-z0-9_-]{1,255}/[A-Za-z0-9_-]{1,255}$")

# crates/landfall/src/image.rs, record.rs, act.rs
DEFINITIONS = {
    "image": members("A tagged image in ECR.", {
        "registry": text("The registry's host, for example `123456789012.dkr.ecr.eu-west-1.amazonaws.com`."),
        "repository": text("The repository's name, for example `team/hello`."),
        "tag": text("The tag."),
        "digest": text("The digest of the image's manifest, `sha256:…`. Tasks run the image by it."),
        "pushedAt": time("When the digest was first pushed, as ECR says."),
        "taggedAt?": time("No later than when the digest got the tag, if that is known to be after `pushedAt`."),
    }),
    "release": members("The release: one numbered, immutable version of what should run in the service.", {
        "number": number("Its number. It counts from 1 for each service and only grows.", 1),
        "file": content_hash("The accepted service file, by the SHA-256 of its content without comments and layout."),
        "images": by_container("The images that follow rules found", known("image")),
        "containers?": content_hash("The SHA-256 of what the file's containers run with."),
        "cause": known("cause"),
        "createdAt": time("When the release was made."),
        "acts?": things("What people did that let the release begin, or begin again, oldest first.", known("act")),
    }),
    "cause": members("What the release was made for. Which other members it has depends on `kind`.", {
        "kind": words("The kind of cause.", {
            "image-pushed": "an image was pushed that a follow rule admits",
            "tag-gone": "a tag that was followed is gone, and another image takes its place",
            "service-file-changed": "the service file changed",
            "resumed": "an operator ended a hold",
            "retried": "an operator had the newest content tried again",
            "tasks-came": "tasks run of a release that was unproven, so that it can be verified",
            "sight-restored": "the last release was undecided, and AWS answers again",
            "trial": "a release with new images of several containers was bad, and they are tried one container at a time",
            "went-back": "an operator went back to what an earlier release ran",
            "deployed": "an operator had a tag deployed that does not come by itself",
            "unknown": "a later version of Landfall, which this one took the place of, had noted why",
        }),
        "repository?": text("Of `image-pushed` and `tag-gone`: the repository's name."),
        "tag?": text("Of `image-pushed`, `tag-gone` and `deployed`: the tag."),
        "digest?": text("Of `image-pushed`: the digest, `sha256:…`."),
        "key?": text("Of `service-file-changed`: the file's key in the config bucket."),
        "versionId?": text("Of `service-file-changed`: the file's object version in S3."),
        "release?": number("Of `trial`: the number of the release that was bad.", 1),
        "to?": number("Of `went-back`: the number of the earlier release.", 1),
    }),
    "act": members("What a person did to the service.", {
        "verb": words("The command `landfall …` that was run.", {
            "hold": "", "resume": "", "retry": "", "continue": "", "abort": "", "rollback": "", "deploy": "",
            "unknown": "one of a later version of Landfall",
        }),
        "by": text("The ARN of the caller, as STS answers it."),
        "reason?": text("Why, if that was said."),
        "at": time("When."),
    }),
    "taskDefinition": members("A registered task definition revision.", {
        "arn": text("Its ARN."),
        "content": content_hash("The SHA-256 of the request that registered it."),
    }),
    "diagnosis": members("What was found out about a release that did not succeed.", {
        "against?": words("Against whom the evidence speaks.", {
            "release": "the release itself; its images are left out of later releases",
            "platform": "AWS, and what stands between it and the release; the release is tried again later",
            "file": "the service file, or something that it names",
            "nobody": "none of these: a person decided so, or nothing tells",
        }),
        "stoppedTasks": things("At most 5 tasks of the release that stopped, newest first; those that ECS needed no longer come last.",
                               known("stoppedTask")),
        "serviceEvents": things("At most 10 events of the ECS service since the release began, newest first.", text("What ECS says.")),
        "probe": or_null("What the HTTP probe was answered; null if there was none.", known("probeAnswer")),
        "task?": known("taskReport"),
        "undone": text("What was done to the service, in a sentence."),
    }),
    "stoppedTask": members("A task that stopped.", {
        "task": text("Its ARN."),
        "reason": text("ECS's `stoppedReason`."),
        "containers": things("The containers that exited or gave a reason.", members("A container of the task.", {
            "name": text("Its name."),
            "exitCode": exit_code("Its exit code; null if it never ran."),
            "reason": or_null("ECS's reason, for example `CannotPullContainerError: …`; null if it gave none.", text("")),
        })),
    }),
    "probeAnswer": members("The answer to an HTTP probe, or why there was none.", {
        "url": text("The URL that was asked."),
        "status": {"type": ["integer", "null"], "description": "The HTTP status; null if there was no answer."},
        "body": text("A part of the body: at most 512 characters."),
        "error": or_null("Why there was no answer; null if there was one.", text("")),
        "milliseconds?": number("How long the answer took, in milliseconds."),
    }),
    "taskReport": members("How the task before or after the rollout ended that failed.", {
        "name": text("Its name in the service file."),
        "phase": words("When it ran.", {"before": "before the rollout", "after": "after the rollout"}),
        "task": or_null("Its ARN; null if ECS did not run it.", text("")),
        "reason": text("How it ended: the exit code, or ECS's `stoppedReason`."),
        "exitCode": exit_code("The exit code of its container; null if that never ran."),
        "log": or_null("Where its container's log is; null if the log driver is not `awslogs`.", known("taskLog")),
    }),
    "taskLog": members("A stream in CloudWatch Logs.", {
        "group": text("The log group."),
        "stream": text("The stream."),
    }),
    "timeline": members("When the release was made, worked on and concluded.", {
        "createdAt": time("When it was made."),
        "executionStartedAt": or_null(
            "When the execution started that gave the verdict; null if none worked on it. The execution may have worked on earlier"
            " releases first. RFC 3339, in UTC.", time("")),
        "concludedAt": time("When it got its verdict."),
        "blindSeconds?": number("For how many seconds nobody could look, because AWS did not answer; missing for 0."),
        "pausedSeconds?": number("For how many seconds ECS waited at pause hooks; missing for 0."),
        "withheldSeconds?": number("After how many seconds ECS could place and start its tasks at last; missing for 0."),
    }),
    "pause": members("The pause of a deployment.", {
        "deployment": text("The ARN of the service deployment in ECS."),
        "stage": or_null("ECS's name of the stage at which it waits, for example `POST_TEST_TRAFFIC_SHIFT`; null if ECS does not say.",
                         text("")),
        "hooks": things("The hooks that wait. The deployment goes on once each of them is continued.", known("awaitedHook")),
        "since": time("When Landfall first saw it waiting."),
    }),
    "awaitedHook": members("A hook that waits for somebody.", {
        "id": text("Its `hookId` in ECS."),
        "until": or_null("When ECS stops waiting; null if ECS does not say. RFC 3339, in UTC.", time("")),
        "then": or_null("What ECS does then, in its words: `CONTINUE` or `ROLLBACK`; null if ECS does not say.", text("")),
    }),
    "hold": members("The hold that the service was put on, or was on already: no release is started until an operator resumes it.", {
        "reason": text("The reason, in a sentence."),
        "since": time("When the hold was set."),
        "setBy": words("What set it.", {
            "operator": "a person, who ran `landfall hold`, `rollback` or `deploy`",
            "drift": "Landfall, because the service runs a foreign revision",
            "undecided": "Landfall, because a release ended as `undecided`",
        }),
        "by?": text("The ARN of the operator who set it, if one did and it is known."),
        "at?": members("The release by hand at which the service is held.", {
            "release": number("Its number.", 1),
            "backTo?": number("The number of the earlier release whose content it has, if it goes back.", 1),
        }),
    }),
    "danger": members("What of the way back is gone.", {
        "release": number("The number of the last good release.", 1),
        "images": by_container("Its images that are gone from ECR", known("image")),
        "since": time("Since when that is known."),
    }),
    "problem": members("One thing that is wrong with the file.", {
        "severity": words("How bad it is.", {"error": "the file is not accepted", "warning": "probably a mistake"}),
        "line": number("The line, from 1.", 1),
        "column": number("The column in characters, from 1.", 1),
        "path": text("The field, for example `images.web.tag`; empty for the file as a whole."),
        "message": text("What is wrong."),
        "hint?": text("What to do about it."),
    }),
}

# crates/landfall/src/stage.rs
STAGE = {
    "service": SERVICE,
    "release": known("release"),
    "stage": words("The stage that the release has come to.", {
        "task-before": "a task before the rollout runs",
        "rolling-out": "ECS gives the service its tasks",
        "verifying": "its tasks run, and are looked at",
        "task-after": "a task after the rollout runs",
        "rolling-back": "ECS gives the service the tasks of before again",
    }),
    "task?": text("Of `task-before` and `task-after`: the task's name in the service file."),
    "execution": text("The ARN of the Step Functions execution that works on the release."),
    "message": text("The same in a sentence."),
}
BEST_EFFORT = "Nothing rests on this event: it may come twice, and if EventBridge does not take it, it is missing."

# By detail-type: what the event says, and the members of its detail.
EVENTS = {
    "Landfall Release Started": (
        f"A release has begun: the service was given it, or its first task before the rollout was started. {BEST_EFFORT}",
        {**STAGE, "stage": {**STAGE["stage"], "description": "The first stage of the release."}},
    ),
    "Landfall Release Stage Changed": (
        f"A release came to a stage that people wait for. Also its first stage is announced so. {BEST_EFFORT}",
        STAGE,
    ),
    # crates/landfall/src/record.rs
    "Landfall Release Concluded": (
        "A release got its verdict; the detail is its record. It may come twice.",
        {
            "service": SERVICE,
            "release": known("release"),
            "verdict": words("How the release ended.", {
                "succeeded": "it was rolled out and verified",
                "unproven": "the service was given it while it ran no task, so nothing was verified",
                "rolled-back": "it was bad; the last good release serves again",
                "failed": "a step failed for good before the service was changed; or it was bad, and there was no way back",
                "superseded": "a newer release took its place",
                "rejected": "AWS or Landfall refused it before the service was changed",
                "drifted": "the service was given a foreign revision, and Landfall left it alone",
                "undecided": "nothing speaks against it, and nothing for it",
            }),
            "reason": text("The reason of the verdict, in a sentence."),
            "taskDefinition": or_null("The revision that the release runs; null if it did not succeed.", known("taskDefinition")),
            "diagnosis": or_null("What was found out about the release; null if it was not bad.", known("diagnosis")),
            "execution": or_null(
                "The ARN of the Step Functions execution that gave the verdict; null if the release was superseded while none worked"
                " on it.", text("")),
            "timeline": known("timeline"),
        },
    ),
    # crates/landfall/src/pause.rs
    "Landfall Release Paused": (
        "ECS has paused the deployment of a release until somebody continues it. It may come twice.",
        {
            "service": SERVICE,
            "release": known("release"),
            "pause": known("pause"),
            "message": text("The same in a sentence."),
            "commands": things("The commands that continue the deployment, one for each hook.", text("A command of the AWS CLI.")),
        },
    ),
    # crates/landfall/src/drift.rs
    "Landfall Service Drifted": (
        "A service runs a revision that another tool or person gave it, and Landfall leaves it alone. It may come twice.",
        {"service": SERVICE, "hold": known("hold")},
    ),
    # crates/landfall/src/danger.rs
    "Landfall Way Back Endangered": (
        "Images of the last good release are gone from ECR, so that no more tasks of it can start. It may come twice.",
        {
            "service": SERVICE,
            "danger": known("danger"),
            "message": text("The danger in a sentence, with what to do."),
        },
    ),
    # crates/landfall/src/status.rs
    "Landfall Service File Rejected": (
        "A service file was not accepted; the service follows the version that was accepted before. It may come twice.",
        {
            "key": text("The file's key in the config bucket."),
            "status": members("The status, as it stands beside the file.", {
                "status": {"type": "string", "enum": ["rejected"], "description": "Always `rejected`."},
                "versionId": text("The file's object version in S3."),
                "problems": things("Everything that is wrong with the file.", known("problem")),
                "message": text("The problems as text, as they are shown to people: one line for each, and one for its hint."),
            }),
        },
    ),
}
