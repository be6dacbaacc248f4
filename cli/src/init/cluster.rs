//! The files for all services of a cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use landfall::service_id::ServiceId;
use landfall_aws::{config::SdkConfig, descriptions::Descriptions};
use miette::{IntoDiagnostic, Result, WrapErr};
use serde_json::{Map, Value, json};

use super::{Arguments, described, like_secrets, not_there};
use crate::{clients::report_aws, output::print, running_service::existing};

/// What became of one service.
struct Outcome {
    service: String,
    /// The file that was written, and how many values in it look like secrets; or why none was.
    file: Result<(PathBuf, usize), String>,
}

/// Writes a file for each service of the cluster.
///
/// # Errors
/// If the services cannot be listed, or the folder cannot be made. A service that gets no file is no error, but told.
pub(super) async fn run(sdk: &SdkConfig, cluster: &str, arguments: &Arguments) -> Result<ExitCode> {
    let services = services(sdk, cluster).await?;
    let folder = &arguments.into;
    std::fs::create_dir_all(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot make the folder {}", folder.display()))?;
    let mut taken = BTreeSet::new();
    let mut outcomes = Vec::new();
    for (name, fields) in services {
        let path = folder.join(format!("{name}.yaml"));
        // Where file names have no case, the files of `Web` and `web` are one.
        let file = if taken.insert(name.to_ascii_lowercase()) {
            written(sdk, cluster, (&name, fields), &path, arguments).await
        } else {
            Err(format!("{} is the file of another service", path.display()))
        };
        let outcome = Outcome {
            service: format!("{cluster}/{name}"),
            file: file.map(|secrets| (path, secrets)),
        };
        outcomes.push(outcome);
    }
    let text = if arguments.json {
        format!("{:#}\n", document(&outcomes))
    } else {
        description(cluster, &outcomes)
    };
    print(&text)?;
    let all = outcomes.iter().all(|outcome| outcome.file.is_ok());
    Ok(if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The services of the cluster with what DescribeServices answers; none for one that is gone by then.
async fn services(
    sdk: &SdkConfig,
    cluster: &str,
) -> Result<BTreeMap<String, Option<Map<String, Value>>>> {
    let descriptions = Descriptions::new(sdk);
    let names = match descriptions.names_of_services(cluster).await {
        Err(fault) if fault.is("ClusterNotFoundException") => {
            return Err(not_there(&format!("cluster {cluster}")));
        }
        names => names.map_err(report_aws)?,
    };
    let found = descriptions.services(cluster, &names).await;
    let mut found: BTreeMap<_, _> = found
        .map_err(report_aws)?
        .into_iter()
        .filter_map(|fields| Some((fields.get("serviceName")?.as_str()?.to_owned(), fields)))
        .collect();
    let described = |name: String| {
        let fields = existing(found.remove(&name));
        (name, fields)
    };
    Ok(names.into_iter().map(described).collect())
}

/// Writes one file, and answers how many values in it look like secrets; or why it was not written.
async fn written(
    sdk: &SdkConfig,
    cluster: &str,
    (name, fields): (&str, Option<Map<String, Value>>),
    path: &Path,
    arguments: &Arguments,
) -> Result<usize, String> {
    if !arguments.overwrite && path.exists() {
        return Err(in_the_way(path));
    }
    let service = ServiceId::new(cluster, name).map_err(|refusal| refusal.0)?;
    let fields = fields.ok_or_else(|| format!("there is no service {service} any more"))?;
    let file = described::file(sdk, &service, fields, arguments.adopt).await;
    let file = file.map_err(|report| report.to_string())?;
    let mut options = OpenOptions::new();
    options.write(true);
    if arguments.overwrite {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let opened = options.open(path);
    let put = opened.and_then(|mut open| open.write_all(file.text.as_bytes()));
    match put {
        Ok(()) => Ok(file.secrets),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(in_the_way(path)),
        Err(error) => Err(format!("cannot write {}: {error}", path.display())),
    }
}

fn in_the_way(path: &Path) -> String {
    let path = path.display();
    format!("{path} is there already, and stays as it is; --overwrite replaces it")
}

fn document(outcomes: &[Outcome]) -> Value {
    let of_each = outcomes.iter().map(|outcome| {
        let file = outcome.file.as_ref();
        json!({
            "service": outcome.service,
            "file": file.ok().map(|(path, _)| path.display().to_string()),
            "secrets": file.ok().map(|(_, secrets)| secrets),
            "problem": file.err(),
        })
    });
    of_each.collect()
}

fn description(cluster: &str, outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        text += &match &outcome.file {
            Ok((path, 0)) => format!("written   {}\n", path.display()),
            Ok((path, secrets)) => {
                let secrets = like_secrets(*secrets);
                format!(
                    "written   {}\n          {secrets}: see the comments with `secret?`.\n",
                    path.display()
                )
            }
            Err(problem) => format!("left out  {}\n          {problem}\n", outcome.service),
        };
    }
    let written = outcomes
        .iter()
        .filter(|outcome| outcome.file.is_ok())
        .count();
    text + &match outcomes.len() {
        0 => format!("The cluster {cluster} has no services.\n"),
        all => format!("{written} of {all} services have a file now.\n"),
    }
}
