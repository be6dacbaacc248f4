//! The functions of the journeys: cargo tells a test only of executables of its own package.

use lambda_runtime::Error;
use landfall_aws::{
    Aws, Settings, config,
    function::{self, Entry},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var("_HANDLER").as_deref() == Ok(PANICS.name) {
        function::log_as_json();
        let aws = Aws::new(config::of_function().await?, Settings::from_environment()?);
        return function::serve(PANICS, aws).await;
    }
    landfall_functions::serve().await
}

/// What no function does: it panics.
const PANICS: Entry = Entry {
    name: "panics",
    invoke: |_, invocation| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match invocation.payload.as_str() {
                Some(text) => panic!("{text}"),
                None => Ok(std::process::id().into()),
            }
        })
    },
};
