//! What the engine implements of the Amazon States Language: what `statemachine/release.asl.json` uses, and nothing else.
//!
//! The loader refuses by these lists whatever is not in them, and whatever is in them but nothing reads. A contract test
//! compares them with the state machine.

/// The fields at the top level.
pub const DEFINITION: &[&str] = &["Comment", "StartAt", "States", "TimeoutSeconds"];

/// The state types, each with its fields besides `Type`.
pub const STATES: &[(&str, &[&str])] = &[
    (
        "Task",
        &[
            "Comment",
            "Resource",
            "Parameters",
            "ResultSelector",
            "ResultPath",
            "TimeoutSeconds",
            "TimeoutSecondsPath",
            "Retry",
            "Catch",
            "Next",
        ],
    ),
    ("Choice", &["Comment", "Choices", "Default"]),
    ("Wait", &["Comment", "SecondsPath", "Next"]),
    ("Succeed", &[]),
    ("Fail", &["Comment", "ErrorPath", "CausePath"]),
];

/// The resources of Task states besides the ARNs of functions.
pub const INTEGRATIONS: &[&str] = &["arn:aws:states:::lambda:invoke.waitForTaskToken"];

/// The parameters of `lambda:invoke`.
pub const INVOKE: &[&str] = &["FunctionName", "Payload"];

/// The fields of an element of `Retry`.
pub const RETRY: &[&str] = &[
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
];

/// The fields of an element of `Catch`.
pub const CATCH: &[&str] = &["ErrorEquals", "ResultPath", "Next"];

/// The names of Step Functions' own errors that `ErrorEquals` may list. All others it lists are names that functions give.
pub const ERRORS: &[&str] = &["States.ALL", "States.TaskFailed"];

/// The fields of a rule of a Choice state: its combinator, its operators, and what they need.
pub const RULE: &[&str] = &[
    "And",
    "Variable",
    "StringEquals",
    "BooleanEquals",
    "NumericGreaterThan",
    "Next",
];

/// What there is in the context object
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>).
pub const CONTEXT: &[&str] = &[
    "$$.Execution.Id",
    "$$.Execution.Input",
    "$$.Execution.StartTime",
    "$$.State.RetryCount",
    TASK_TOKEN,
];

/// The token with which a waiting Task state is told to go on.
pub const TASK_TOKEN: &str = "$$.Task.Token";
