//! Reads `template.yaml`, the only description of an installation, and says what of it to run on this machine.
//!
//! Functions, their event rules and schedules, the state machine and the buckets are run; what only matters in AWS (roles, alarms,
//! queues, logs) is skipped by an explicit list, and anything else is refused by name.

mod function;
mod resolve;
mod schedule;
#[cfg(test)]
mod tests;
mod yaml;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use self::{
    function::{function, merged, rules},
    resolve::{Identity, Resolver, STACK_NAME, error},
    schedule::schedules,
};
use crate::world::World;

/// What an installation consists of, as far as this machine runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Installation {
    /// The Lambda functions.
    pub functions: Vec<InstalledFunction>,
    /// The EventBridge rules that invoke them.
    pub rules: Vec<InstalledRule>,
    /// The schedules that invoke them.
    pub schedules: Vec<InstalledSchedule>,
    /// The Step Functions state machines.
    pub state_machines: Vec<InstalledStateMachine>,
    /// The S3 buckets.
    pub buckets: Vec<InstalledBucket>,
    /// The name of the stack.
    pub stack: String,
    /// The outputs of the stack that have a value on this machine, by name.
    pub outputs: BTreeMap<String, String>,
}

/// A Lambda function of the template.
#[derive(Clone, Debug, PartialEq)]
pub struct InstalledFunction {
    /// Its logical id, e.g. `ClaimReleaseFunction`.
    pub logical_id: String,
    /// Its name on this machine: that of its handler, e.g. `claim-release`.
    pub name: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// In MB.
    pub memory_size: u32,
    /// Its environment variables, resolved.
    pub environment: BTreeMap<String, String>,
}

/// An event rule of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct InstalledRule {
    /// Function and event, e.g. `ImagePushedFunctionPush`: the logical id that SAM gives the rule.
    pub name: String,
    /// The event pattern, resolved.
    pub pattern: Value,
    /// The name of the function that is invoked.
    pub function: String,
}

/// A schedule of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct InstalledSchedule {
    /// Its name.
    pub name: String,
    /// How much time passes between two firings.
    pub every: Duration,
    /// What the function is sent, resolved but for Scheduler's own context attributes.
    pub input: Value,
    /// The name of the function that is invoked.
    pub function: String,
}

/// A state machine of the template.
#[derive(Clone, Debug, PartialEq)]
pub struct InstalledStateMachine {
    /// Its logical id.
    pub logical_id: String,
    /// Its name on this machine.
    pub name: String,
    /// `DefinitionUri`: the definition's file, relative to the template.
    pub definition_uri: String,
    /// `DefinitionSubstitutions`, resolved.
    pub substitutions: BTreeMap<String, String>,
}

/// A bucket of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledBucket {
    /// Its logical id.
    pub logical_id: String,
    /// Its name on this machine, e.g. `landfall-config`.
    pub name: String,
    /// Whether it keeps old versions.
    pub versioned: bool,
    /// Whether it sends its events to EventBridge.
    pub events: bool,
}

/// Why a template cannot be installed on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template.yaml, {place}: {reason}")]
pub struct InstallError {
    /// Where in the template.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
}

/// Resource types that only matter in AWS.
const SKIPPED: [&str; 18] = [
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::Logs::ResourcePolicy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
];

/// A template as a document: CloudFormation's short forms, such as `!Ref X`, become the long ones, `{"Ref": "X"}`.
///
/// # Errors
/// Where the text is no YAML.
pub fn document(template: &str) -> Result<Value, InstallError> {
    yaml::read(template)
}

/// Reads the text of a template.
pub fn read(template: &str, world: &World) -> Result<Installation, InstallError> {
    let template = yaml::read(template)?;
    let resources = template["Resources"]
        .as_object()
        .ok_or_else(|| error("Resources", "there are no resources"))?;
    let mut resolver = Resolver {
        world,
        parameters: defaults(&template),
        resources: BTreeMap::new(),
    };
    for (logical_id, resource) in resources {
        if let Some(identity) = identify(logical_id, resource, &resolver)? {
            resolver.resources.insert(logical_id.clone(), identity);
        }
    }
    let mut installation = Installation {
        functions: Vec::new(),
        rules: Vec::new(),
        schedules: Vec::new(),
        state_machines: Vec::new(),
        buckets: Vec::new(),
        stack: STACK_NAME.into(),
        outputs: outputs(&template, &resolver),
    };
    for (logical_id, resource) in resources {
        let kind = resource["Type"].as_str().unwrap_or_default();
        if !SKIPPED.contains(&kind) && resource.get("Condition").is_some() {
            return Err(error(
                logical_id,
                "`Condition` is not implemented on this machine",
            ));
        }
        match kind {
            "AWS::Serverless::Function" => {
                let properties = merged(&template["Globals"]["Function"], &resource["Properties"]);
                let function = function(logical_id, &properties, &resolver)?;
                installation
                    .rules
                    .extend(rules(&function, &properties["Events"], &resolver)?);
                installation.schedules.extend(schedules(
                    &function,
                    &properties["Events"],
                    &resolver,
                )?);
                installation.functions.push(function);
            }
            "AWS::Serverless::StateMachine" => {
                installation.state_machines.push(state_machine(
                    logical_id,
                    &resource["Properties"],
                    &resolver,
                )?);
            }
            "AWS::S3::Bucket" => installation
                .buckets
                .push(bucket(logical_id, &resource["Properties"])),
            skipped if SKIPPED.contains(&skipped) => {}
            other => {
                return Err(error(
                    logical_id,
                    format!("the resource type `{other}` is not implemented on this machine"),
                ));
            }
        }
    }
    Ok(installation)
}

/// The outputs that have a value here: some name resources that this machine has none of, as the dead-letter queue.
fn outputs(template: &Value, resolver: &Resolver<'_>) -> BTreeMap<String, String> {
    let outputs = object(&template["Outputs"]);
    let outputs = outputs.filter_map(|(name, output)| {
        let place = format!("Outputs.{name}");
        Some((name.clone(), resolver.text(&output["Value"], &place).ok()?))
    });
    outputs.collect()
}

impl InstalledStateMachine {
    /// The definition with its substitutions made, as SAM makes them
    /// (<https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-statemachine.html>).
    pub fn definition(&self, text: &str) -> Result<String, InstallError> {
        let mut definition = text.to_owned();
        for (name, value) in &self.substitutions {
            definition = definition.replace(&format!("${{{name}}}"), value);
        }
        if let Some((_, rest)) = definition.split_once("${") {
            let name = rest.split('}').next().unwrap_or(rest);
            return Err(error(
                &format!("{}.DefinitionSubstitutions", self.logical_id),
                format!(
                    "`{name}` is missing, which {} asks for",
                    self.definition_uri
                ),
            ));
        }
        Ok(definition)
    }
}

fn defaults(template: &Value) -> BTreeMap<String, Value> {
    let parameters = template["Parameters"].as_object().into_iter().flatten();
    parameters
        .filter_map(|(name, parameter)| Some((name.clone(), parameter.get("Default")?.clone())))
        .collect()
}

/// What `Ref` and `GetAtt` of a resource are; nothing for one that nobody may refer to on this machine.
fn identify(
    logical_id: &str,
    resource: &Value,
    resolver: &Resolver<'_>,
) -> Result<Option<Identity>, InstallError> {
    let world = resolver.world;
    let (reference, arn) = match resource["Type"].as_str() {
        Some("AWS::Serverless::Function") => {
            let name = handler(logical_id, &resource["Properties"])?;
            let arn = world.arn("lambda", &format!("function:{name}"));
            (Some(name), arn)
        }
        Some("AWS::Serverless::StateMachine") => {
            let name = state_machine_name(logical_id, &resource["Properties"], resolver)?;
            let arn = world.arn("states", &format!("stateMachine:{name}"));
            (Some(arn.clone()), arn)
        }
        Some("AWS::S3::Bucket") => {
            let name = bucket_name(logical_id);
            let arn = format!("arn:aws:s3:::{name}");
            (Some(name), arn)
        }
        Some("AWS::SQS::Queue") => (
            None,
            world.arn("sqs", &format!("{STACK_NAME}-{}", kebab(logical_id))),
        ),
        _ => return Ok(None),
    };
    Ok(Some(Identity {
        reference,
        arn: Some(arn),
    }))
}

/// The handler of a function, which is its name on this machine.
fn handler(logical_id: &str, properties: &Value) -> Result<String, InstallError> {
    let handler = properties["Handler"].as_str();
    handler
        .map(str::to_owned)
        .ok_or_else(|| error(logical_id, "`Handler` is missing"))
}

fn state_machine_name(
    logical_id: &str,
    properties: &Value,
    resolver: &Resolver<'_>,
) -> Result<String, InstallError> {
    match properties.get("Name") {
        Some(name) => resolver.text(name, &format!("{logical_id}.Name")),
        None => {
            let id = logical_id
                .strip_suffix("StateMachine")
                .unwrap_or(logical_id);
            Ok(format!("{STACK_NAME}-{}", kebab(id)))
        }
    }
}

fn state_machine(
    logical_id: &str,
    properties: &Value,
    resolver: &Resolver<'_>,
) -> Result<InstalledStateMachine, InstallError> {
    if properties
        .get("Type")
        .is_some_and(|kind| kind != "STANDARD")
    {
        return Err(error(
            &format!("{logical_id}.Type"),
            "only STANDARD is implemented on this machine",
        ));
    }
    if properties.get("Events").is_some() {
        return Err(error(
            &format!("{logical_id}.Events"),
            "events of state machines are not implemented on this machine",
        ));
    }
    let definition_uri = properties["DefinitionUri"].as_str().ok_or_else(|| {
        error(
            &format!("{logical_id}.DefinitionUri"),
            "the definition's file is missing",
        )
    })?;
    let mut substitutions = BTreeMap::new();
    for (name, value) in object(&properties["DefinitionSubstitutions"]) {
        let place = format!("{logical_id}.DefinitionSubstitutions.{name}");
        substitutions.insert(name.clone(), resolver.text(value, &place)?);
    }
    Ok(InstalledStateMachine {
        logical_id: logical_id.to_owned(),
        name: state_machine_name(logical_id, properties, resolver)?,
        definition_uri: definition_uri.to_owned(),
        substitutions,
    })
}

fn bucket(logical_id: &str, properties: &Value) -> InstalledBucket {
    let events =
        &properties["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"];
    InstalledBucket {
        logical_id: logical_id.to_owned(),
        name: bucket_name(logical_id),
        versioned: properties["VersioningConfiguration"]["Status"] == "Enabled",
        events: events == true,
    }
}

fn bucket_name(logical_id: &str) -> String {
    format!(
        "{STACK_NAME}-{}",
        kebab(logical_id.strip_suffix("Bucket").unwrap_or(logical_id))
    )
}

/// `DeadLetters` → `dead-letters`.
fn kebab(logical_id: &str) -> String {
    let mut name = String::new();
    for character in logical_id.chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
