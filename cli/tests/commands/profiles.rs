//! Whose credentials a command signs with: those of the profile, however that gets them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use crate::{stage::*, stub};

/// A profile of each kind. The caches are named after the hashes of the session's name
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html>,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-login-credentials.html>).
const PROFILES: &str = "[profile program]\ncredential_process = HOME/credentials\n\
                        [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n\
                        [profile centre]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = ops\n\
                        [profile login]\nlogin_session = arn:aws:iam::0123456789012:user/Admin\n";
const CENTRE: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
const LOGIN: &str =
    ".aws/login/cache/36db1d138ff460920374e4c3d8e01f53f9f73537e89c88d639f68393df0e2726.json";

fn write(home: &Path, name: &str, text: &str) {
    let path = home.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_profiles_program_identity_centre_and_login_are_understood() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let program = "#!/bin/sh\necho '{ \"Version\": 1, \"AccessKeyId\": \"AKIAPROGRAM\", \"SecretAccessKey\": \"s\" }'\n";
    write(home, "credentials", program);
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(home.join("credentials"), executable).unwrap();
    let profiles = PROFILES.replace("HOME", &home.display().to_string());
    write(home, ".aws/config", &profiles);
    let token = r#"{ "accessToken": "token of corp", "expiresAt": "2099-01-01T00:00:00Z", "region": "eu-west-1", "startUrl": "https://corp.awsapps.com/start" }"#;
    write(home, CENTRE, token);
    let session = r#"{ "accessToken": { "accessKeyId": "ASIALOGIN", "secretAccessKey": "s", "sessionToken": "t", "accountId": "123456789012",
                       "expiresAt": "2099-01-01T00:00:00Z" }, "tokenType": "aws_sigv4", "refreshToken": "r",
                       "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": "unused while the token is new" }"#;
    write(home, LOGIN, session);

    let signed = Arc::new(Mutex::new(Vec::new()));
    let heard = signed.clone();
    let endpoint = stub::aws_that_hears(move |operation, _, authorization| match operation {
        // Identity Center hands out credentials for its token.
        "GET" => {
            let role = r#"{ "roleCredentials": { "accessKeyId": "ASIACENTRE", "secretAccessKey": "s", "sessionToken": "t", "expiration": 4070908800000 } }"#;
            (200, role.into())
        }
        _ => {
            let key = authorization
                .split("Credential=")
                .nth(1)
                .unwrap_or_default();
            heard
                .lock()
                .unwrap()
                .push(key.split('/').next().unwrap().to_owned());
            (403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>".into())
        }
    });
    for (profile, key) in [
        ("program", "AKIAPROGRAM"),
        ("centre", "ASIACENTRE"),
        ("login", "ASIALOGIN"),
    ] {
        let mut command = Command::new(LANDFALL);
        let output = command
            .args(["status", "--stack", "landfall"])
            .env_clear()
            .env("HOME", home)
            .env("PATH", std::env::var("PATH").unwrap())
            .env("AWS_PROFILE", profile)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .output()
            .unwrap();
        let told = text(&output.stderr);
        assert_eq!(
            signed.lock().unwrap().last().map(String::as_str),
            Some(key),
            "{profile}: {told}"
        );
        assert!(told.contains("AccessDenied"), "{told}");
    }
}
