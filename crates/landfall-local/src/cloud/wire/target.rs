//! Which service and operation a request is for.

use http::{HeaderMap, Method, header, request::Parts};

use super::aws_json::Version;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// AWS JSON: `X-Amz-Target: <prefix>.<operation>`.
    Json {
        /// E.g. `AmazonEC2ContainerServiceV20141113`.
        prefix: String,
        /// E.g. `DescribeServices`.
        operation: String,
        /// Which content type the answer has.
        version: Version,
    },
    /// AWS Query: a form, or a query string, with `Action` and `Version`.
    Query {
        /// The API's version, which tells the services apart, e.g. `2015-12-01`.
        api_version: String,
        /// E.g. `DescribeTargetHealth`.
        operation: String,
        /// All fields in order.
        fields: Vec<(String, String)>,
    },
    /// Lambda's REST API.
    Lambda,
    /// Everything else is S3, as its keys may be anything.
    S3,
}

impl Target {
    /// Reads the target off a request.
    pub fn of(parts: &Parts, body: &[u8]) -> Self {
        if let Some((prefix, operation)) =
            text(&parts.headers, "x-amz-target").and_then(|target| target.rsplit_once('.'))
        {
            let content_type =
                text(&parts.headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
            let version = if content_type.ends_with("json-1.0") {
                Version::V1_0
            } else {
                Version::V1_1
            };
            return Self::Json {
                prefix: prefix.into(),
                operation: operation.into(),
                version,
            };
        }
        let service = signing_service(&parts.headers);
        if service == Some("lambda") || parts.uri.path().starts_with("/2015-03-31/functions/") {
            return Self::Lambda;
        }
        if service != Some("s3") && parts.uri.path() == "/" {
            let form = if parts.method == Method::POST {
                std::str::from_utf8(body).unwrap_or_default()
            } else {
                parts.uri.query().unwrap_or_default()
            };
            let fields: Vec<(String, String)> =
                serde_urlencoded::from_str(form).unwrap_or_default();
            let field = |name: &str| {
                fields
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.clone())
            };
            if let (Some(operation), Some(api_version)) = (field("Action"), field("Version")) {
                return Self::Query {
                    api_version,
                    operation,
                    fields,
                };
            }
        }
        Self::S3
    }
}

/// The service in the Authorization header's credential scope
/// (`Credential=<key>/<date>/<region>/<service>/aws4_request`).
fn signing_service(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) =
        text(headers, header::AUTHORIZATION.as_str())?.split_once("Credential=")?;
    credential.split(',').next()?.split('/').rev().nth(1)
}

/// A header's value, if it is text.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;

    use super::*;

    fn target(request: http::request::Builder, body: &str) -> Target {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Target::of(&parts, body.as_bytes())
    }

    #[test]
    fn each_protocol_is_distinguished_from_the_others() {
        let json = Request::post("/")
            .header("x-amz-target", "AWSStepFunctions.StartExecution")
            .header("content-type", "application/x-amz-json-1.0");
        let expected = Target::Json {
            prefix: "AWSStepFunctions".into(),
            operation: "StartExecution".into(),
            version: Version::V1_0,
        };
        assert_eq!(target(json, "{}"), expected);

        let Target::Query {
            api_version,
            operation,
            ..
        } = target(
            Request::post("/"),
            "Action=GetCallerIdentity&Version=2011-06-15",
        )
        else {
            panic!("a form with an action is a query");
        };
        assert_eq!(
            (operation.as_str(), api_version.as_str()),
            ("GetCallerIdentity", "2011-06-15")
        );

        assert_eq!(
            target(
                Request::post("/2015-03-31/functions/claim-release/invocations"),
                "{}"
            ),
            Target::Lambda
        );
        let signed = "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(
            target(Request::get("/").header("authorization", signed), ""),
            Target::S3
        );
        assert_eq!(
            target(Request::put("/bucket/key"), "Action=x&Version=y"),
            Target::S3
        );
    }
}
