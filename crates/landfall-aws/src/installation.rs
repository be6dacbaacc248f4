//! Which Landfall: the buckets and the state machine of an installation, as the outputs of its CloudFormation stack name
//! them.

use serde::Deserialize;

use crate::{
    Fault,
    config::SdkConfig,
    raw::{CLOUD_FORMATION, Members, QueryClient},
};

/// An installed Landfall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The name of its stack.
    pub stack: String,
    /// The bucket of service files.
    pub config_bucket: String,
    /// The bucket of desired states and records.
    pub state_bucket: String,
    /// The ARN of the release state machine.
    pub state_machine: String,
}

/// The outputs of `template.yaml` by which a stack is known as an installation.
const CONFIG_BUCKET_OUTPUT: &str = "ConfigBucketName";
/// As [`CONFIG_BUCKET_OUTPUT`].
const STATE_BUCKET_OUTPUT: &str = "StateBucketName";
/// As [`CONFIG_BUCKET_OUTPUT`].
const STATE_MACHINE_OUTPUT: &str = "ReleaseStateMachineArn";

/// The name of the stack, unless somebody chooses another one: `stack_name` of `samconfig.toml`.
const USUAL_NAME: &str = "landfall";

/// What `DescribeStacks` answers for a name that no stack has
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>: "If the stack doesn't
/// exist, a ValidationError is returned").
const NO_SUCH_STACK: &str = "ValidationError";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStacksResponse {
    describe_stacks_result: DescribeStacksResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStacksResult {
    #[serde(default)]
    stacks: Members<Stack>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stack {
    stack_name: String,
    #[serde(default)]
    outputs: Members<Output>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    output_value: String,
}

impl Installation {
    /// The installation that the stack `name` is.
    ///
    /// # Errors
    /// Refused if there is no such stack, or if it is no Landfall.
    pub async fn named(config: &SdkConfig, name: &str) -> Result<Self, Fault> {
        let stacks = of_stack(config, name).await?.ok_or_else(|| {
            Fault::refused(format!(
                "there is no stack `{name}` in this account and Region"
            ))
        })?;
        let found = stacks.into_iter().find_map(Stack::installation);
        found.ok_or_else(|| {
            Fault::refused(format!(
                "the stack `{name}` is no Landfall: it lacks one of the outputs {CONFIG_BUCKET_OUTPUT}, \
                 {STATE_BUCKET_OUTPUT} and {STATE_MACHINE_OUTPUT}"
            ))
        })
    }

    /// The installations of the account in the Region of `config`: the stack that is named as `samconfig.toml` names it, or else
    /// all that are one, whatever they are called.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn all(config: &SdkConfig) -> Result<Vec<Self>, Fault> {
        if let Some(usual) = of_stack(config, USUAL_NAME).await? {
            let found: Vec<_> = usual.into_iter().filter_map(Stack::installation).collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let mut found = Vec::new();
        let mut parameters = Vec::new();
        loop {
            let page = describe(config, &parameters).await?;
            let stacks = page.stacks.members.into_iter();
            found.extend(stacks.filter_map(Stack::installation));
            match page.next_token {
                Some(token) => parameters = vec![("NextToken".to_owned(), token)],
                None => return Ok(found),
            }
        }
    }
}

/// The stack of this name; none if there is no such stack.
async fn of_stack(config: &SdkConfig, name: &str) -> Result<Option<Vec<Stack>>, Fault> {
    let parameters = [("StackName".to_owned(), name.to_owned())];
    match describe(config, &parameters).await {
        Ok(result) => Ok(Some(result.stacks.members)),
        Err(fault) if fault.is(NO_SUCH_STACK) => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn describe(
    config: &SdkConfig,
    parameters: &[(String, String)],
) -> Result<DescribeStacksResult, Fault> {
    let client = QueryClient::new(config, CLOUD_FORMATION);
    let answer: DescribeStacksResponse = client.call("DescribeStacks", parameters).await?;
    Ok(answer.describe_stacks_result)
}

impl Stack {
    fn installation(self) -> Option<Installation> {
        let output = |key: &str| {
            let mut outputs = self.outputs.members.iter();
            let found = outputs.find(|output| output.output_key == key)?;
            Some(found.output_value.clone())
        };
        Some(Installation {
            config_bucket: output(CONFIG_BUCKET_OUTPUT)?,
            state_bucket: output(STATE_BUCKET_OUTPUT)?,
            state_machine: output(STATE_MACHINE_OUTPUT)?,
            stack: self.stack_name,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::raw::recorded::Aws;

    const MISSING: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                           <Message>Stack with id landfal does not exist</Message></Error></ErrorResponse>";

    fn stack(name: &str, outputs: &[(&str, &str)]) -> String {
        let outputs: String = outputs
            .iter()
            .map(|(key, value)| {
                format!(
                    "<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
                )
            })
            .collect();
        format!(
            "<member><StackName>{name}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>\
             <Outputs>{outputs}</Outputs></member>"
        )
    }

    fn answer(stacks: &str, next: &str) -> String {
        format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks>{stacks}</Stacks>{next}</DescribeStacksResult>\
             </DescribeStacksResponse>"
        )
    }

    fn landfall(name: &str) -> String {
        stack(
            name,
            &[
                ("ConfigBucketName", "the-files"),
                ("StateBucketName", "the-state"),
                ("ReleaseStateMachineArn", "arn:the-machine"),
                ("DeadLettersUrl", "https://letters"),
            ],
        )
    }

    #[tokio::test]
    async fn installations_are_found_by_their_outputs_on_every_page() {
        let others = stack("network", &[("VpcId", "vpc-1")]);
        let bare = "<member><StackName>bare</StackName></member>";
        let one = answer(&format!("{others}{bare}"), "<NextToken>more</NextToken>");
        let two = answer(&landfall("deployer"), "");
        let aws = Aws::answering(&[(400, MISSING), (200, &one), (200, &two)]);
        let found = Installation::all(&aws.config("eu-west-1").build())
            .await
            .unwrap();
        assert_eq!(
            found,
            [Installation {
                stack: "deployer".into(),
                config_bucket: "the-files".into(),
                state_bucket: "the-state".into(),
                state_machine: "arn:the-machine".into(),
            }]
        );
        assert!(aws.asked()[2].body.contains("NextToken=more"));

        let aws = Aws::answering(&[(200, &answer(&landfall("landfall"), ""))]);
        let config = aws.config("eu-west-1").build();
        let found = Installation::all(&config).await.unwrap();
        assert_eq!(found.len(), 1);
        assert!(aws.asked()[0].body.contains("StackName=landfall"));
    }

    #[tokio::test]
    async fn a_stack_that_is_none_or_no_landfall_is_told_by_name() {
        let network = answer(&stack("network", &[("VpcId", "vpc-1")]), "");
        let aws = Aws::answering(&[(400, MISSING), (200, &network)]);
        let config = aws.config("eu-west-1").build();
        let fault = Installation::named(&config, "landfal").await.unwrap_err();
        assert_eq!(
            fault.to_string(),
            "there is no stack `landfal` in this account and Region"
        );
        let fault = Installation::named(&config, "network").await.unwrap_err();
        assert!(
            fault
                .to_string()
                .starts_with("the stack `network` is no Landfall"),
            "{fault}"
        );
    }
}
