//! From a request to the service that it is for.

use bytes::Bytes;
use http::{Request, Response, header, request::Parts};

use super::{
    Cloud,
    fault::Fault,
    outage::Refusal,
    pages::shorten,
    request_log::{Entry, app_id, subject},
    s3::{self, S3Request},
    wire::{
        aws_json, query,
        target::{Target, text},
    },
};

/// An answer that has been rendered, and what the request log says about it.
struct Answered {
    response: Response<Bytes>,
    service: &'static str,
    operation: String,
    subject: String,
}

impl Cloud {
    /// Answers one request as AWS would.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let app = text(&parts.headers, header::USER_AGENT.as_str()).and_then(app_id);
        let recorded = self.recording.get().zip(app.clone());
        let recorded = recorded.map(|(to, function)| (to, function, parts.clone(), body.clone()));
        let answered = match Target::of(&parts, &body) {
            Target::Json {
                prefix,
                operation,
                version,
            } => {
                self.json(&prefix, operation, version, &body, app.is_some())
                    .await
            }
            Target::Query {
                api_version,
                operation,
                fields,
            } => {
                self.query(&api_version, operation, &fields, app.is_some())
                    .await
            }
            Target::Lambda => self.lambda(parts, body).await,
            Target::S3 => self.object_storage(&parts, body, app.is_some()).await,
        };
        if let Some(saver) = self.saver.as_ref().filter(|_| changes(&answered.operation)) {
            saver.mark(answered.service);
        }
        if let Some((recording, function, parts, body)) = recorded {
            let status = answered.response.status().as_u16();
            let (body, answer): (&[u8], &[u8]) = match answered.service {
                "s3" => (&[], &[]),
                _ => (&body, answered.response.body()),
            };
            if let Err(error) = recording.write(&function, &parts, body, status, answer) {
                tracing::error!(%error, "a request is not recorded");
            }
        }
        self.requests.record(Entry {
            at: self.world.now(),
            service: answered.service.into(),
            operation: answered.operation,
            app,
            subject: answered.subject,
            status: answered.response.status().as_u16(),
        });
        answered.response
    }

    async fn json(
        &self,
        prefix: &str,
        operation: String,
        version: aws_json::Version,
        body: &[u8],
        from_function: bool,
    ) -> Answered {
        let api = api_of_target(prefix);
        let refused = from_function.then(|| self.refuses(api, &operation));
        let mut input = match refused.flatten() {
            Some(refusal) => Err(refusal.fault()),
            None => aws_json::parse(body),
        };
        if let (Ok(input), Some(page)) = (&mut input, self.page) {
            shorten(prefix, &operation, input, page);
        }
        let subject = input.as_ref().map(subject).unwrap_or_default();
        let result = match (prefix, input) {
            (_, Err(fault)) => Err(fault),
            ("AmazonEC2ContainerRegistry_V20150921", Ok(input)) => {
                self.ecr.call(&operation, input).await
            }
            ("AWSEvents", Ok(input)) => self.events.call(&operation, input).await,
            ("Logs_20140328", Ok(input)) => self.logs.call(&operation, input).await,
            ("AmazonSSM", Ok(input)) => self.ssm.call(&operation, input).await,
            ("AmazonEC2ContainerServiceV20141113", Ok(input)) => {
                self.ecs.call(&operation, input).await
            }
            ("AnyScaleFrontendService", Ok(input)) => self.scaling.call(&operation, input).await,
            ("Route53AutoNaming_v20170314", Ok(input)) => {
                self.cloud_map.call(&operation, input).await
            }
            ("AWSStepFunctions", Ok(input)) => self.executions.call(&operation, input).await,
            (other, Ok(_)) => {
                let message = format!(
                    "The embedded cloud does not play the service behind X-Amz-Target {other}."
                );
                Err(Fault::client("UnknownOperationException", message))
            }
        };
        let response = aws_json::answer(version, &self.world.uuid(), result);
        Answered {
            response,
            service: api,
            operation,
            subject,
        }
    }

    async fn query(
        &self,
        api_version: &str,
        operation: String,
        fields: &[(String, String)],
        from_function: bool,
    ) -> Answered {
        let mut input = query::parse(fields);
        if let Some(page) = self.page {
            shorten(api_version, &operation, &mut input, page);
        }
        let subject = subject(&input);
        let api = api_of_version(api_version);
        let refused = from_function.then(|| self.refuses(api, &operation));
        let refused = refused.flatten().map(Refusal::fault);
        let (namespace, result) = match (api_version, refused) {
            (_, Some(fault)) => ("", Err(fault)),
            ("2011-06-15", None) => (
                "https://sts.amazonaws.com/doc/2011-06-15/",
                self.sts.call(&operation, input).await,
            ),
            ("2015-12-01", None) => (
                "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
                self.elb.call(&operation, input).await,
            ),
            ("2010-05-15", None) => (
                "http://cloudformation.amazonaws.com/doc/2010-05-15/",
                self.cloud_formation.call(&operation, input).await,
            ),
            (other, None) => {
                let message = format!(
                    "The embedded cloud does not play the API of version {other} ({operation})."
                );
                ("", Err(Fault::client("InvalidAction", message)))
            }
        };
        let response = query::answer(namespace, &operation, &self.world.uuid(), result);
        Answered {
            response,
            service: api,
            operation,
            subject,
        }
    }

    async fn lambda(&self, parts: Parts, body: Bytes) -> Answered {
        let subject = parts.uri.path().to_owned();
        let response = self.functions.http(Request::from_parts(parts, body)).await;
        Answered {
            response,
            service: "lambda",
            operation: "Invoke".into(),
            subject,
        }
    }

    async fn object_storage(&self, parts: &Parts, body: Bytes, from_function: bool) -> Answered {
        let refused = from_function.then(|| self.refuses("s3", ""));
        let request = match refused.flatten() {
            Some(refusal) => Err(refusal.of_s3()),
            None => S3Request::parse(parts, body),
        };
        match request {
            Ok(mut request) => {
                if let Some(page) = self.page {
                    request.shorten(page);
                }
                let subject = match (&request.bucket, &request.key) {
                    (Some(bucket), Some(key)) => format!("{bucket}/{key}"),
                    (bucket, _) => bucket.clone().unwrap_or_default(),
                };
                let response = self.s3.handle(&request).await;
                Answered {
                    response,
                    service: "s3",
                    operation: request.operation().into(),
                    subject,
                }
            }
            Err(fault) => {
                let subject = parts.uri.path().to_owned();
                let response = s3::refuse(&fault, &self.world.hex(16));
                Answered {
                    response,
                    service: "s3",
                    operation: parts.method.to_string(),
                    subject,
                }
            }
        }
    }
}

/// The service behind an `X-Amz-Target`, as signatures name it.
fn api_of_target(prefix: &str) -> &'static str {
    match prefix {
        "AmazonEC2ContainerRegistry_V20150921" => "ecr",
        "AWSEvents" => "events",
        "Logs_20140328" => "logs",
        "AmazonSSM" => "ssm",
        "AmazonEC2ContainerServiceV20141113" => "ecs",
        "AnyScaleFrontendService" => "application-autoscaling",
        "Route53AutoNaming_v20170314" => "servicediscovery",
        "AWSStepFunctions" => "states",
        _ => "unknown",
    }
}

/// The service of a Query API's version, as signatures name it.
fn api_of_version(api_version: &str) -> &'static str {
    match api_version {
        "2011-06-15" => "sts",
        "2015-12-01" => "elasticloadbalancing",
        "2010-05-15" => "cloudformation",
        _ => "unknown",
    }
}

/// Whether an operation can change anything, by AWS's naming.
fn changes(operation: &str) -> bool {
    const READS: [&str; 6] = ["Get", "List", "Describe", "Head", "BatchGet", "BatchCheck"];
    !READS.iter().any(|verb| operation.starts_with(verb))
}
