//! The functions of the journeys: cargo tells a test only of executables of its own package.

use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_functions::serve().await
}
