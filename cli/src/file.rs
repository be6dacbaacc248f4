//! A service file as a release would see it.

use std::path::Path;

use landfall::service_file::{Draft, ServiceFile, Source};
use landfall_aws::{config::SdkConfig, parameters::Parameters};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use crate::clients::report;

/// Reads a service file and fills its placeholders; `parameters` is what the installation was given as `FileParameters`.
pub(crate) async fn read(path: &Path, parameters: &str, sdk: &SdkConfig) -> Result<ServiceFile> {
    let text = std::fs::read(path)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let refused = |rejection| miette!("{} is not accepted:\n{rejection}", path.display());
    let draft = Draft::read(&text).map_err(refused)?;
    let asked = draft.placeholders();
    let values = Parameters::new(sdk, parameters).values(&asked).await;
    let mut values = values.map_err(report)?;
    for (placeholder, value) in &mut values {
        if let (Source::Param, Err(missing)) = (placeholder.source, value) {
            let name = &placeholder.name;
            missing.message =
                format!("no value is given for the installation's parameter `{name}`");
            missing.hint = format!(
                "pass --parameters {name}=<value>, as FileParameters of Landfall's stack says it; several with commas between \
                 them"
            );
        }
    }
    let accepted = draft.resolve(&values).accepted();
    accepted.map(|(file, _)| file).map_err(refused)
}
