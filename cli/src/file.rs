//! A service file as a release would see it.

use std::path::PathBuf;

use clap::Args;
use landfall::service_file::{Draft, ServiceFile, Source};
use landfall_aws::{config::SdkConfig, parameters::Parameters};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use crate::clients::report_aws;

/// Which service file, and how it is named.
#[derive(Debug, Args)]
pub(crate) struct FileArguments {
    /// The service file.
    file: PathBuf,
    /// The installation's `FileParameters`, for placeholders such as `${param:NAME}`: `NAME=value`, with commas between.
    #[arg(long, default_value = "", hide_default_value = true)]
    parameters: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl FileArguments {
    /// Reads the file and fills its placeholders.
    pub(crate) async fn read(&self, sdk: &SdkConfig) -> Result<ServiceFile> {
        let name = self.file.display();
        let text = std::fs::read(&self.file)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot read {name}"))?;
        let refused = |rejection| miette!("{name} is not accepted:\n{rejection}");
        let draft = Draft::read(&text).map_err(refused)?;
        let asked = draft.placeholders();
        let values = Parameters::new(sdk, &self.parameters).values(&asked).await;
        let mut values = values.map_err(report_aws)?;
        for (placeholder, value) in &mut values {
            if let (Source::Param, Err(missing)) = (placeholder.source, value) {
                let name = &placeholder.name;
                missing.message =
                    format!("nobody says what the installation's parameter `{name}` is");
                missing.hint = format!(
                    "pass --parameters {name}=<value>, as FileParameters of Landfall's stack says it; several with commas \
                     between them"
                );
            }
        }
        let accepted = draft.resolve(&values).accepted();
        accepted.map(|(file, _)| file).map_err(refused)
    }
}
