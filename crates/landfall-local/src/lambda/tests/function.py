#!/usr/bin/env python3
"""A Lambda function that does what its event asks for, over the Lambda Runtime API."""

import http.client
import json
import os
import sys
import time

API = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def post(path, body):
    API.request("POST", "/2018-06-01/runtime/" + path, json.dumps(body))
    answer = API.getresponse()
    answer.read()
    return answer.status


if os.environ.get("REFUSE_TO_START"):
    post("init/error", {"errorType": "NoConfiguration", "errorMessage": "CONFIG_BUCKET is not set"})
    sys.exit(1)

while True:
    API.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = API.getresponse()
    event = json.loads(answer.read())
    request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    print("working on", json.dumps(event), flush=True)
    do = event.get("do")
    if do == "fail":
        print("request", request, flush=True)
        post(f"invocation/{request}/error", {"errorType": "Transient", "errorMessage": "try again", "stackTrace": ["a"]})
    elif do == "die":
        print("last words", file=sys.stderr)
        sys.exit(3)
    else:
        time.sleep(event.get("seconds", 0))
        post(
            f"invocation/{request}/response",
            {
                "pid": os.getpid(),
                "event": event,
                "arn": answer.headers["Lambda-Runtime-Invoked-Function-Arn"],
                "milliseconds_left": int(answer.headers["Lambda-Runtime-Deadline-Ms"]) - time.time() * 1000,
                "trace": answer.headers["Lambda-Runtime-Trace-Id"],
                "environment": dict(os.environ),
                "unknown_request": post("invocation/nobody/response", {}),
            },
        )
