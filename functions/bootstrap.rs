//! The executable of every function in Lambda, which starts it with the function's `Handler` of `template.yaml` in `_HANDLER`
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>).

use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    landfall_functions::serve().await
}
