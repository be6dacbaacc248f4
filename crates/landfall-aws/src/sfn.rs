//! Step Functions: executions are started, described and woken.

use std::cmp::Reverse;

use aws_config::SdkConfig;
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use landfall::{
    content::ContentHash, desired::DesiredState, event::execution_ended::ExecutionInput,
    live::ExecutionStatus, service_id::ServiceId,
};
use serde_json::{Value, json};

use crate::{
    Fault,
    clock::timestamp,
    raw::{JsonClient, STEP_FUNCTIONS},
};

/// `TimeoutSeconds` of the state machine: 30 days, for ECS may pause a deployment for 14 days at a hook, and at more than one.
pub const LONGEST_EXECUTION: i64 = 30 * 86_400;

const HISTORY: &str = "GetExecutionHistory";

/// How many events are read at once, and of how many pages: the newest thousand of an execution tell its course.
const EVENTS_AT_ONCE: u64 = 200;
const MOST_PAGES: usize = 5;

/// Step Functions.
#[derive(Clone, Debug)]
pub struct StepFunctions(JsonClient);

/// A state that an execution has entered.
#[derive(Clone, Debug, PartialEq)]
pub struct Entered {
    /// The state's name.
    pub name: String,
    /// What it was given; null if that was too long for the history.
    pub input: Value,
}

/// Something that happened in an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number, which grows.
    pub id: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub what: What,
}

/// What happened in an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A state was entered.
    Entered(String),
    /// The function of the state answered.
    Answered(Value),
    /// The execution ended.
    Ended,
}

impl StepFunctions {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(JsonClient::new(config, STEP_FUNCTIONS))
    }

    /// Starts an execution of `state_machine` for a service in which `release` is the newest without a verdict.
    ///
    /// `request_id` is the invocation's: when Lambda repeats an invocation it keeps the id, so the repetition does not
    /// start a second execution for the same release. It may find a newer release, though, after the first execution
    /// ended.
    pub async fn start(
        &self,
        state_machine: &str,
        input: &ExecutionInput,
        release: u64,
        request_id: &str,
    ) -> Result<(), Fault> {
        let text =
            serde_json::to_string(input).map_err(|error| Fault::unexpected(error.to_string()))?;
        let body = json!({
            "stateMachineArn": state_machine,
            "name": execution_name(&input.service, release, request_id),
            "input": text,
        });
        match self.0.call("StartExecution", &body).await {
            Err(fault) if fault.is("ExecutionAlreadyExists") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Starts the first execution of a service's newest open release, if one is open; as [`Self::start`] otherwise.
    pub async fn start_open(
        &self,
        state_machine: &str,
        desired: &DesiredState,
        request_id: &str,
    ) -> Result<(), Fault> {
        match desired.next_release() {
            Some(newest) => {
                let (service, release) = (&desired.service, newest.number);
                self.start_first(state_machine, service, release, request_id)
                    .await
            }
            None => Ok(()),
        }
    }

    /// Starts the first execution of a release; as [`Self::start`] otherwise.
    pub async fn start_first(
        &self,
        state_machine: &str,
        service: &ServiceId,
        release: u64,
        request_id: &str,
    ) -> Result<(), Fault> {
        let input = ExecutionInput {
            service: service.clone(),
            restarts: 0,
        };
        self.start(state_machine, &input, release, request_id).await
    }

    /// How an execution stands. Only a terminal status says that it ended.
    pub async fn status(&self, execution: &str) -> Result<ExecutionStatus, Fault> {
        let Some(answer) = self.describe(execution).await? else {
            return Ok(ExecutionStatus::Unknown);
        };
        match answer["status"].as_str() {
            Some("SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED") => {
                let ended = date("states:DescribeExecution", &answer, "stopDate")?;
                timestamp(&ended).map(ExecutionStatus::Ended)
            }
            _ => Ok(ExecutionStatus::Runs),
        }
    }

    /// The executions that failed, timed out or were aborted since `since`, newest start first.
    ///
    /// ListExecutions lists the newest starts first, without an execution's input. The state machine ends every
    /// execution after [`LONGEST_EXECUTION`], so an execution that started longer before `since` has also died before `since`
    /// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>).
    pub async fn died(&self, state_machine: &str, since: Timestamp) -> Result<Vec<String>, Fault> {
        const CALL: &str = "states:ListExecutions";
        let mut died = Vec::new();
        for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
            let mut input = json!({
                "stateMachineArn": state_machine, "statusFilter": status, "maxResults": 1000,
            });
            'pages: loop {
                let page = self.0.call("ListExecutions", &input).await?;
                let items = page["executions"].as_array();
                for item in items.ok_or_else(|| Fault::incomplete(CALL, "executions"))? {
                    let started = date(CALL, item, "startDate")?.secs();
                    if started + LONGEST_EXECUTION < since.as_second() {
                        break 'pages;
                    }
                    let stopped = match &item["stopDate"] {
                        Value::Null => None,
                        _ => Some(date(CALL, item, "stopDate")?.secs()),
                    };
                    if stopped.is_none_or(|stopped| stopped >= since.as_second()) {
                        let execution = item["executionArn"].as_str();
                        let execution =
                            execution.ok_or_else(|| Fault::incomplete(CALL, "executionArn"))?;
                        died.push((started, execution.to_owned()));
                    }
                }
                match &page["nextToken"] {
                    Value::Null => break,
                    token => input["nextToken"] = token.clone(),
                }
            }
        }
        died.sort_by_key(|(started, _)| Reverse(*started));
        Ok(died.into_iter().map(|(_, execution)| execution).collect())
    }

    /// The input of an execution; none if Step Functions does not know the execution, or if the input is not
    /// Landfall's.
    pub async fn input(&self, execution: &str) -> Result<Option<ExecutionInput>, Fault> {
        let answer = self.describe(execution).await?;
        let input = answer.as_ref().and_then(|answer| answer["input"].as_str());
        Ok(input.and_then(|input| serde_json::from_str(input).ok()))
    }

    /// The state that an execution entered last, if it entered any, with what the state was given
    /// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html>).
    pub async fn entered(&self, execution: &str) -> Result<Option<Entered>, Fault> {
        let body = json!({ "executionArn": execution, "reverseOrder": true, "maxResults": 20 });
        let answer = match self.0.call(HISTORY, &body).await {
            Err(fault) if fault.is("ExecutionDoesNotExist") => return Ok(None),
            answer => answer?,
        };
        let mut events = answer["events"].as_array().into_iter().flatten();
        let entered = events.find_map(|event| {
            let details = &event["stateEnteredEventDetails"];
            let input = details["input"].as_str().unwrap_or_default();
            Some(Entered {
                name: details["name"].as_str()?.to_owned(),
                input: serde_json::from_str(input).unwrap_or_default(),
            })
        });
        Ok(entered)
    }

    /// What happened in an execution after the event with the number `after`, oldest first: of more than a thousand events, the
    /// newest. None if Step Functions does not know the execution, as it forgets one 90 days after its end
    /// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html>).
    pub async fn events(&self, execution: &str, after: u64) -> Result<Option<Vec<Event>>, Fault> {
        let mut body = json!({
            "executionArn": execution, "reverseOrder": true, "maxResults": EVENTS_AT_ONCE,
        });
        let mut events = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = match self.0.call(HISTORY, &body).await {
                Err(fault) if fault.is("ExecutionDoesNotExist") => return Ok(None),
                page => page?,
            };
            let found = page["events"].as_array().into_iter().flatten();
            let newer = found.take_while(|event| event["id"].as_u64() > Some(after));
            for event in newer {
                events.extend(event_of(event)?);
            }
            let last = page["events"].as_array().and_then(|all| all.last());
            let reaches_back = last.is_none_or(|last| last["id"].as_u64() <= Some(after + 1));
            match &page["nextToken"] {
                Value::Null => break,
                _ if reaches_back => break,
                token => body["nextToken"] = token.clone(),
            }
        }
        events.reverse();
        Ok(Some(events))
    }

    /// Wakes the execution that sleeps on `task_token`, if it still does.
    pub async fn wake(&self, task_token: &str) -> Result<(), Fault> {
        let body = json!({ "taskToken": task_token, "output": "{}" });
        match self.0.call("SendTaskSuccess", &body).await {
            // The execution woke by itself, or ended.
            Err(fault)
                if ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"]
                    .iter()
                    .any(|code| fault.is(code)) =>
            {
                Ok(())
            }
            other => other.map(|_| ()),
        }
    }

    /// An execution as Step Functions describes it; none if it does not know it.
    async fn describe(&self, execution: &str) -> Result<Option<Value>, Fault> {
        let body = json!({ "executionArn": execution });
        match self.0.call("DescribeExecution", &body).await {
            Err(fault) if fault.is("ExecutionDoesNotExist") => Ok(None),
            other => other.map(Some),
        }
    }
}

/// What an event of an execution's history tells, if it tells of the execution's course
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).
fn event_of(event: &Value) -> Result<Option<Event>, Fault> {
    let answered = |details: &str| {
        let output = event[details]["output"].as_str()?;
        serde_json::from_str(output).ok().map(What::Answered)
    };
    let entered = event["stateEnteredEventDetails"]["name"].as_str();
    let what = match event["type"].as_str().unwrap_or_default() {
        "LambdaFunctionSucceeded" => answered("lambdaFunctionSucceededEventDetails"),
        "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut" => {
            Some(What::Ended)
        }
        _ => entered.map(|name| What::Entered(name.to_owned())),
    };
    let Some(what) = what else {
        return Ok(None);
    };
    const CALL: &str = "states:GetExecutionHistory";
    let id = event["id"].as_u64();
    Ok(Some(Event {
        id: id.ok_or_else(|| Fault::incomplete(CALL, "id"))?,
        at: timestamp(&date(CALL, event, "timestamp")?)?,
        what,
    }))
}

/// A time in an answer: seconds since 1970, with decimals
/// (<https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>).
fn date(call: &str, answer: &Value, member: &str) -> Result<DateTime, Fault> {
    let seconds = answer[member].as_f64();
    seconds
        .map(DateTime::from_secs_f64)
        .ok_or_else(|| Fault::incomplete(call, member))
}

/// Names have at most 80 characters
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>); a request id has 36. The
/// hash distinguishes services with the same name in two clusters, which may follow the same repository.
fn execution_name(service: &ServiceId, release: u64, request_id: &str) -> String {
    let hash = ContentHash::of(&Value::String(service.to_string())).to_string();
    let id: String = request_id
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(36)
        .collect();
    let unique = format!("-{}-{release}-{id}", &hash[..8]);
    let name = service.service().chars();
    let start: String = name.take(80 - unique.len()).collect();
    start + &unique
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::raw::recorded::Aws;

    const EXECUTION: &str = "arn:aws:states:eu-west-1:000000000000:execution:landfall:hello-1";

    fn states(aws: &Aws) -> StepFunctions {
        StepFunctions::new(&aws.config("eu-west-1").build())
    }

    #[tokio::test]
    async fn a_start_is_a_signed_call_of_its_operation_and_a_second_one_of_the_same_name_no_failure()
     {
        let exists = r#"{"__type":"com.amazonaws.swf.service.v2.model#ExecutionAlreadyExists","message":"Execution Already Exists"}"#;
        let aws = Aws::answering(&[
            (200, r#"{"executionArn":"arn","startDate":1.7E9}"#),
            (400, exists),
        ]);
        let input = ExecutionInput {
            service: "web/hello".parse().unwrap(),
            restarts: 0,
        };
        let states = states(&aws);
        for _ in 0..2 {
            let started = states.start("machine", &input, 2, "request").await;
            started.unwrap();
        }
        let asked = &aws.asked()[1];
        assert_eq!(asked.uri, "https://states.eu-west-1.amazonaws.com/");
        assert_eq!(
            asked.target.as_deref(),
            Some("AWSStepFunctions.StartExecution")
        );
        assert_eq!(asked.content_type, "application/x-amz-json-1.0");
        assert!(
            asked
                .authorization
                .contains("/eu-west-1/states/aws4_request")
        );
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(
            body,
            json!({
                "stateMachineArn": "machine",
                "name": execution_name(&input.service, 2, "request"),
                "input": r#"{"service":"web/hello","restarts":0}"#,
            })
        );
    }

    #[tokio::test]
    async fn an_execution_has_ended_when_its_status_says_so_and_is_unknown_when_nobody_knows_it() {
        let unknown = r#"{"__type":"ExecutionDoesNotExist","message":"Execution Does Not Exist"}"#;
        let aws = Aws::answering(&[
            (200, r#"{"status":"RUNNING","startDate":1700000000.123}"#),
            (200, r#"{"status":"TIMED_OUT","stopDate":1700000000.25}"#),
            (400, unknown),
            (200, r#"{"status":"FAILED"}"#),
        ]);
        let states = states(&aws);
        let ended = Timestamp::from_millisecond(1_700_000_000_250).unwrap();
        for expected in [
            ExecutionStatus::Runs,
            ExecutionStatus::Ended(ended),
            ExecutionStatus::Unknown,
        ] {
            assert_eq!(states.status(EXECUTION).await.unwrap(), expected);
        }
        let lacking = states.status(EXECUTION).await.unwrap_err();
        assert_eq!(
            lacking.to_string(),
            "the answer to states:DescribeExecution has no stopDate"
        );
    }

    #[tokio::test]
    async fn the_dead_are_asked_for_by_status_and_page_until_they_are_too_old() {
        let aws = Aws::answering(&[
            (
                200,
                r#"{"executions":[{"executionArn":"one","startDate":1700000300.5,"stopDate":1700000400.5}],"nextToken":"more"}"#,
            ),
            (
                200,
                r#"{"executions":[
                    {"executionArn":"two","startDate":1700000100,"stopDate":1700000050},
                    {"executionArn":"three","startDate":1600000000,"stopDate":1700000400}],"nextToken":"never asked for"}"#,
            ),
            (200, r#"{"executions":[]}"#),
            (
                200,
                r#"{"executions":[{"executionArn":"four","startDate":1700000350.0,"stopDate":1700000360.0}]}"#,
            ),
        ]);
        let since = Timestamp::from_second(1_700_000_100).unwrap();
        let died = states(&aws).died("machine", since).await.unwrap();
        assert_eq!(died, ["four", "one"]);
        let asked: Vec<Value> = aws
            .asked()
            .iter()
            .map(|asked| serde_json::from_str(&asked.body).unwrap())
            .collect();
        let asked_for = |status: &str| json!({ "stateMachineArn": "machine", "statusFilter": status, "maxResults": 1000 });
        let mut second = asked_for("FAILED");
        second["nextToken"] = "more".into();
        assert_eq!(
            asked,
            [
                asked_for("FAILED"),
                second,
                asked_for("TIMED_OUT"),
                asked_for("ABORTED")
            ]
        );
    }

    #[tokio::test]
    async fn the_events_since_the_last_known_one_are_read_newest_first_and_told_in_their_order() {
        let entered = |id: u64, name: &str| {
            json!({ "id": id, "timestamp": 1_700_000_000 + id, "type": "TaskStateEntered",
                    "stateEnteredEventDetails": { "name": name, "input": "{}" } })
        };
        let answered = json!({ "id": 6, "timestamp": 1700000006.5, "type": "LambdaFunctionSucceeded",
                               "lambdaFunctionSucceededEventDetails": { "output": r#"{"outcome":"steady"}"# } });
        let scheduled =
            json!({ "id": 5, "timestamp": 1700000005, "type": "LambdaFunctionScheduled" });
        let newest = json!({ "events": [answered, scheduled], "nextToken": "more" }).to_string();
        let older = json!({ "events": [entered(4, "CheckRollout"), entered(3, "AwaitRollout"), entered(2, "UpdateService")],
                            "nextToken": "never asked for" })
        .to_string();
        let unknown = r#"{"__type":"ExecutionDoesNotExist","message":"Execution Does Not Exist"}"#;
        let aws = Aws::answering(&[(200, &newest), (200, &older), (400, unknown)]);
        let states = states(&aws);
        let events = states.events(EXECUTION, 2).await.unwrap().unwrap();
        let at = |millisecond: i64| {
            Timestamp::from_millisecond(1_700_000_000_000 + millisecond).unwrap()
        };
        let event = |id, at, what| Event { id, at, what };
        assert_eq!(
            events,
            [
                event(3, at(3000), What::Entered("AwaitRollout".into())),
                event(4, at(4000), What::Entered("CheckRollout".into())),
                event(6, at(6500), What::Answered(json!({ "outcome": "steady" }))),
            ]
        );
        assert_eq!(states.events(EXECUTION, 0).await.unwrap(), None);
    }

    #[tokio::test]
    async fn whoever_woke_by_itself_needs_no_waking() {
        let timed_out = r#"{"__type":"TaskTimedOut","message":"Task Timed Out: 'Provided task does not exist anymore'"}"#;
        let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
        let aws = Aws::answering(&[(200, "{}"), (400, timed_out), (400, denied)]);
        let states = states(&aws);
        states.wake("token").await.unwrap();
        states.wake("token").await.unwrap();
        assert_eq!(
            aws.asked()[1].body,
            r#"{"taskToken":"token","output":"{}"}"#
        );
        let refused = states.wake("token").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "states:SendTaskSuccess was refused: AccessDeniedException: no"
        );
    }

    #[test]
    fn one_push_starts_an_execution_for_each_cluster_that_has_a_service_of_the_name() {
        let request_id = "8f507cfc-xmpl-4697-b07a-ac58fc914c95";
        let name = |service: &str| execution_name(&service.parse().unwrap(), 2, request_id);
        assert_ne!(name("web/hello"), name("staging/hello"));
        assert_eq!(name("web/hello"), name("web/hello"));
        assert!(name(&format!("web/{}", "h".repeat(255))).len() <= 80);
    }

    #[test]
    fn a_repeated_invocation_that_finds_a_newer_release_starts_an_execution_of_its_own() {
        let request_id = "8f507cfc-xmpl-4697-b07a-ac58fc914c95";
        let service = "web/hello".parse().unwrap();
        let name = |release| execution_name(&service, release, request_id);
        assert_ne!(name(2), name(3));
        assert!(name(u64::MAX).len() <= 80);
    }
}
