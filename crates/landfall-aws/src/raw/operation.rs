//! One operation for the SDK's orchestrator, set up as the SDK's own crates set theirs up.

use aws_config::{Region, SdkConfig};
use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    invocation_id::InvocationIdInterceptor,
    request_info::RequestInfoInterceptor,
    retries::classifiers::AwsErrorCodeClassifier,
    user_agent::{ApiMetadata, UserAgentInterceptor},
};
use aws_smithy_runtime::client::{
    identity::IdentityCache,
    orchestrator::operation::{Operation, OperationBuilder},
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
            static_resolver::StaticAuthSchemeOptionResolver,
        },
        identity::SharedIdentityResolver,
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::Layer, retry::RetryConfig};
use aws_types::{SigningName, region::SigningRegion, service_config::ServiceConfigKey};
use landfall::partition::Partition;

use super::{Refused, Request, Service};
use crate::Fault;

/// The operation of this name.
///
/// # Errors
/// Unexpected if the configuration names no Region or has no credentials.
pub(super) fn of(
    config: &SdkConfig,
    service: Service,
    operation: &'static str,
) -> Result<Operation<Request, Vec<u8>, Refused>, Fault> {
    let region = config
        .region()
        .ok_or_else(|| Fault::unexpected("no AWS Region is set: set AWS_REGION"))?;
    let (Some(http), Some(credentials)) = (config.http_client(), config.credentials_provider())
    else {
        let message = "there are no AWS credentials, or no HTTP client";
        return Err(Fault::unexpected(message));
    };
    let mut layer = Layer::new("raw");
    layer
        .store_put(SigningName::from_static(service.name))
        .store_put(SigningRegion::from(signing_region(service, region)))
        .store_put(SigV4OperationSigningConfig::default())
        .store_put(AuthSchemeOptionResolverParams::new(()))
        .store_put(ApiMetadata::new(service.name, env!("CARGO_PKG_VERSION")))
        .store_or_unset(config.app_name().cloned());
    let components = RuntimeComponentsBuilder::new("raw")
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )))
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_identity_cache(Some(
            config
                .identity_cache()
                .unwrap_or_else(|| IdentityCache::lazy().build()),
        ))
        .with_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    let retry = config.retry_config().cloned();
    let builder = Operation::builder()
        .service_name(service.name)
        .operation_name(operation)
        .http_client(http)
        .endpoint_url(&endpoint(config, service, region))
        .standard_retry(&retry.unwrap_or_else(RetryConfig::standard))
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
        .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
        .with_connection_poisoning()
        .interceptor(RequestInfoInterceptor::new())
        .interceptor(UserAgentInterceptor::new())
        .interceptor(InvocationIdInterceptor::new())
        .runtime_plugin(
            StaticRuntimePlugin::new()
                .with_config(layer.freeze())
                .with_runtime_components(components),
        )
        .serializer(request)
        .deserializer(response);
    Ok(timed(builder, config).build())
}

/// The operation with the timeouts, the sleep and the clock of `config`.
pub(super) fn timed<I, O, E>(
    mut builder: OperationBuilder<I, O, E>,
    config: &SdkConfig,
) -> OperationBuilder<I, O, E> {
    if let Some(version) = config.behavior_version() {
        builder = builder.behavior_version(version);
    }
    if let Some(timeouts) = config.timeout_config() {
        builder = builder.timeout_config(timeouts.clone());
    }
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        builder = builder.time_source(time);
    }
    builder
}

fn request(request: Request) -> Result<HttpRequest, BoxError> {
    let mut built = http::Request::post("/").header("content-type", request.content_type);
    if let Some(target) = request.target {
        built = built.header("x-amz-target", target);
    }
    let length = request.body.len();
    let built = built
        .header("content-length", length)
        .body(SdkBody::from(request.body))?;
    Ok(built.try_into()?)
}

pub(super) fn response(response: &HttpResponse) -> Result<Vec<u8>, OrchestratorError<Refused>> {
    if response.status().is_success() {
        Ok(response.body().bytes().unwrap_or_default().to_vec())
    } else {
        Err(OrchestratorError::operation(Refused::of(response)))
    }
}

/// `AWS_ENDPOINT_URL_<SERVICE>`, else `AWS_ENDPOINT_URL`, else where AWS has the service
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>,
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>).
fn endpoint(config: &SdkConfig, service: Service, region: &Region) -> String {
    let for_all = || config.endpoint_url().map(str::to_owned);
    let set = if config.get_origin("endpoint_url").is_client_config() {
        for_all()
    } else {
        let key = ServiceConfigKey::builder()
            .service_id(service.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        key.ok()
            .and_then(|key| config.service_config()?.load_config(key))
            .or_else(for_all)
    };
    set.unwrap_or_else(|| {
        let fips = match config.use_fips() {
            Some(true) => fips_label(service, region),
            _ => "",
        };
        let name = service.name;
        let partition = Partition::of(region.as_ref());
        let suffix = partition.dns_suffix();
        match partition.global_label() {
            // Outside of the partition `aws`, the one endpoint of a service is not another one for FIPS.
            Some(label) if service.global => format!("https://{name}.{label}.{suffix}"),
            None if service.global => format!("https://{name}{fips}.{suffix}"),
            _ => format!("https://{name}{fips}.{region}.{suffix}"),
        }
    })
}

/// Services whose endpoint in GovCloud is validated for FIPS under the name that it has anyway, by botocore's endpoint rules
/// (`endpoint-rule-set-1.json` of each, <https://github.com/boto/botocore/tree/develop/botocore/data>).
const FIPS_BY_DEFAULT_IN_GOVCLOUD: [&str; 8] = [
    "application-autoscaling",
    "autoscaling",
    "cloudformation",
    "ec2",
    "elasticloadbalancing",
    "events",
    "logs",
    "ssm",
];

/// What the name of an endpoint that is validated for FIPS has behind the service's.
fn fips_label(service: Service, region: &Region) -> &'static str {
    let region = region.as_ref();
    let in_govcloud = Partition::of(region) == Partition::GovCloud;
    let by_default = (in_govcloud && FIPS_BY_DEFAULT_IN_GOVCLOUD.contains(&service.name))
        // <https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-step-functions.html>
        || (region == "us-gov-west-1" && service.name == "states");
    if by_default { "" } else { "-fips" }
}

/// A global service's requests are signed for one Region of the partition.
fn signing_region(service: Service, region: &Region) -> Region {
    if !service.global {
        return region.clone();
    }
    Region::from_static(Partition::of(region.as_ref()).global_region())
}
