//! What the placeholders of a service file stand for.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use landfall::service_file::{
    Values,
    parameters::{Missing, Placeholder, Resolved, Source, installation_values},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Fault,
    raw::{CLOUD_FORMATION, JsonClient, Members, QueryClient, SYSTEMS_MANAGER},
};

/// `GetParameters` takes at most ten names
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>).
const NAMES_AT_ONCE: usize = 10;

/// The parameters of the installation, SSM Parameter Store, and the exports of CloudFormation stacks.
#[derive(Clone, Debug)]
pub struct Parameters {
    of_installation: BTreeMap<String, String>,
    ssm: JsonClient,
    cloud_formation: QueryClient,
}

type Found = BTreeMap<String, Result<Resolved, Missing>>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListExportsResponse {
    list_exports_result: ListExportsResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListExportsResult {
    #[serde(default)]
    exports: Members<Export>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Export {
    name: String,
    #[serde(default)]
    value: String,
}

impl Parameters {
    /// A client; `file_parameters` are the installation's, `NAME=value` between commas.
    pub fn new(config: &SdkConfig, file_parameters: &str) -> Self {
        Self {
            of_installation: installation_values(file_parameters),
            ssm: JsonClient::new(config, SYSTEMS_MANAGER),
            cloud_formation: QueryClient::new(config, CLOUD_FORMATION),
        }
    }

    /// The values of these placeholders, or why there are none.
    ///
    /// # Errors
    /// Transient only: what AWS refuses is reported of the placeholder.
    pub async fn values(&self, wanted: &BTreeSet<Placeholder>) -> Result<Values, Fault> {
        let names = |source| -> Vec<String> {
            let of_source = wanted
                .iter()
                .filter(|placeholder| placeholder.source == source);
            of_source
                .map(|placeholder| placeholder.name.clone())
                .collect()
        };
        let mut found = BTreeMap::new();
        for (source, values) in [
            (Source::Param, self.installations(names(Source::Param))),
            (Source::Ssm, self.ssm(names(Source::Ssm)).await?),
            (Source::Export, self.exports(names(Source::Export)).await?),
        ] {
            let values = values.into_iter();
            found.extend(values.map(|(name, value)| (Placeholder { source, name }, value)));
        }
        Ok(found)
    }

    fn installations(&self, names: Vec<String>) -> Found {
        let value = |name: String| {
            let value = self.of_installation.get(&name).cloned();
            let value = value.map(Resolved::Text).ok_or_else(|| Missing {
                message: format!("the installation has no parameter `{name}`"),
                hint: format!("add `{name}=<value>` to FileParameters of Landfall's stack"),
            });
            (name, value)
        };
        names.into_iter().map(value).collect()
    }

    async fn ssm(&self, names: Vec<String>) -> Result<Found, Fault> {
        let mut found = Found::new();
        for some in names.chunks(NAMES_AT_ONCE) {
            match self.ssm_at_once(some).await {
                Ok(values) => found.extend(values),
                Err(fault) if fault.is_refused() => {
                    // One name may be refused for all: each is asked for alone, so that the right one is reported.
                    for name in some {
                        match self.ssm_at_once(std::slice::from_ref(name)).await {
                            Ok(values) => found.extend(values),
                            Err(fault) if fault.is_refused() => {
                                found.insert(
                                    name.clone(),
                                    Err(refused("SSM parameter", name, &fault.to_string())),
                                );
                            }
                            Err(fault) => return Err(fault),
                        }
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(found)
    }

    async fn ssm_at_once(&self, names: &[String]) -> Result<Found, Fault> {
        let input = json!({ "Names": names, "WithDecryption": false });
        let answer = self.ssm.call("GetParameters", &input).await?;
        let parameters = answer["Parameters"].as_array();
        let parameters = parameters.map(Vec::as_slice).unwrap_or_default();
        let value = |name: &String| {
            let parameter = parameters.iter().find(|each| is_called(each, name));
            let value = match parameter {
                Some(parameter) => ssm_value(name, parameter),
                None => Err(Missing {
                    message: format!("there is no SSM parameter `{name}`"),
                    hint: format!(
                        "create it: aws ssm put-parameter --name {name} --type String --value …"
                    ),
                }),
            };
            (name.clone(), value)
        };
        Ok(names.iter().map(value).collect())
    }

    async fn exports(&self, names: Vec<String>) -> Result<Found, Fault> {
        let mut wanted: BTreeSet<_> = names.into_iter().collect();
        let mut found = Found::new();
        let mut next = None;
        while !wanted.is_empty() {
            let page: Vec<_> = next
                .map(|token| ("NextToken".to_owned(), token))
                .into_iter()
                .collect();
            let answer = self
                .cloud_formation
                .call::<ListExportsResponse>("ListExports", &page)
                .await;
            let result = match answer {
                Ok(answer) => answer.list_exports_result,
                Err(fault) if fault.is_refused() => {
                    let denied = |name: String| {
                        let missing = refused("export", &name, &fault.to_string());
                        (name, Err(missing))
                    };
                    found.extend(wanted.into_iter().map(denied));
                    return Ok(found);
                }
                Err(fault) => return Err(fault),
            };
            for export in result.exports.members {
                if wanted.remove(&export.name) {
                    found.insert(export.name, Ok(Resolved::Text(export.value)));
                }
            }
            match result.next_token {
                Some(token) => next = Some(token),
                None => break,
            }
        }
        let missing = wanted.into_iter().map(|name| {
            let missing = Missing {
                message: format!("no CloudFormation stack exports `{name}`"),
                hint: "export it from a stack of this account and Region, or write the value"
                    .into(),
            };
            (name, Err(missing))
        });
        found.extend(missing);
        Ok(found)
    }
}

/// A parameter is asked for by its name or ARN, with `:version` or `:label` behind it, which comes back as its `Selector`.
fn is_called(parameter: &Value, name: &str) -> bool {
    let selector = parameter["Selector"].as_str().unwrap_or_default();
    let identifiers = ["Name", "ARN"]
        .iter()
        .filter_map(|member| parameter[*member].as_str());
    identifiers.into_iter().any(|identifier| {
        name == identifier
            || name
                .strip_prefix(identifier)
                .is_some_and(|rest| rest == selector)
    })
}

fn ssm_value(name: &str, parameter: &Value) -> Result<Resolved, Missing> {
    let value = parameter["Value"].as_str().unwrap_or_default();
    match parameter["Type"].as_str() {
        Some("StringList") => Ok(Resolved::List(
            value.split(',').map(str::to_owned).collect(),
        )),
        Some("SecureString") => Err(Missing {
            message: format!(
                "the SSM parameter `{name}` is a SecureString, and its value would stand here in clear"
            ),
            hint: "give it to the container by `secrets: [{ name: …, valueFrom: … }]`".into(),
        }),
        _ => Ok(Resolved::Text(value.into())),
    }
}

fn refused(what: &str, name: &str, why: &str) -> Missing {
    Missing {
        message: format!("the {what} `{name}` cannot be read: {why}"),
        hint: "mend the name, or what may be read".into(),
    }
}
