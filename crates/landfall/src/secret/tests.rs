use super::*;

/// Not written in one piece, so that nobody's scanner takes this file for a leak.
fn made_up(prefix: &str, length: usize) -> String {
    let letters = "A7bQ2xLm9Zk4Tn6Rw3Vc8Yd5Hs".chars().cycle();
    prefix.chars().chain(letters.take(length)).collect()
}

#[test]
fn what_is_named_like_a_secret_is_one_unless_its_value_cannot_be() {
    let random = made_up("", 40);
    for (name, value) in [
        ("PASSWORD", "hunter2"),
        ("DB_PASSWORD", "12345"),
        ("dbPassword", "hunter2"),
        ("POSTGRES_PASSWORD_PROD", "hunter2"),
        ("PGPASSWORD", "hunter2"),
        ("SMTP_PASS", "hunter2"),
        ("MYSQL_PWD", "hunter2"),
        ("HTTP_Passwd", "hunter2"),
        ("API_TOKEN", "hunter2"),
        ("splunk-token", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        ("JWT_SECRET", "my-jwt-secret"),
        ("SECRET_KEY_BASE", &random),
        ("CLIENT_SECRET_2", "hunter2"),
        ("AWS_SECRET_ACCESS_KEY", &random),
        ("STRIPE_API_KEY", "hunter2"),
        ("apikey", "hunter2"),
        ("ENCRYPTION_KEY_BASE64", "aGVsbG8="),
        ("NEW_RELIC_LICENSE_KEY", &random),
        ("APP_KEY", &random),
        ("SENDGRID_KEY", &random),
        ("PASSWORD_SALT", &random),
        ("BASIC_AUTH", "admin:hunter2"),
        ("DB_CREDENTIALS", "admin/hunter2"),
    ] {
        assert_eq!(
            of_pair(name, value),
            Some(Sign::Name(name.into())),
            "{name}={value}"
        );
    }
}

#[test]
fn what_only_mentions_a_secret_is_none() {
    let random = made_up("", 40);
    for (name, value) in [
        ("TOKEN_URL", "https://login.example.com/oauth2/token"),
        ("KEY_ID", "1234"),
        ("PASSWORD_MIN_LENGTH", "8"),
        ("MAX_TOKENS", "4096"),
        ("TOKEN_TTL", "15m"),
        ("ACCESS_TOKEN", "15m"),
        ("SECRET_NAME", "prod/db"),
        ("DB_SECRET", "prod/db/master"),
        (
            "DB_PASSWORD_ARN",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
        ),
        (
            "DB_PASSWORD",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
        ),
        ("DB_PASSWORD", "/prod/db/password"),
        ("DB_PASSWORD", "${DB_PASSWORD}"),
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "********"),
        ("DB_PASSWORD", "<your password>"),
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/db"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp.json"),
        ("REQUIRE_PASSWORD", "true"),
        ("RESET_PASSWORD", "1"),
        ("USE_SECRETS", "yes"),
        ("TOKENIZER", "bert"),
        ("AUTHOR", "somebody"),
        ("KEYCLOAK_URL", "https://auth.example.com"),
        ("COMPASS", "north"),
        ("OLDPWD", "/srv"),
        ("PWD", "srv"),
        ("SORT_KEY", "created_at"),
        ("CACHE_KEY", &random),
        ("KMS_KEY", "1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("S3_KEY", &random),
        ("STRIPE_PUBLISHABLE_KEY", &random),
        ("NEXT_PUBLIC_STRIPE_KEY", &random),
        ("DB_PASSWORD_SECRET", "rds!db-1234"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "30"),
        ("AUTH_TOKEN_TYPE", "Bearer"),
        ("API_KEY_HEADER", "X-API-Key"),
        ("NODE_OPTIONS", "--max-old-space-size=4096"),
        (
            "com.datadoghq.ad.instances",
            r#"[{"host": "%%host%%", "password": "%%env_PASSWORD%%"}]"#,
        ),
        ("SERVICE_KEY", "my-service-key-for-2024"),
        ("MONKEY", &random),
        ("REDIS_URL", "redis://cache.example.com:6379/0"),
        ("DATABASE_URL", "postgres://app@db.example.com/app"),
        (
            "DATABASE_URL",
            "postgres://app:${DB_PASSWORD}@db.example.com/app",
        ),
        ("SENTRY_DSN", "https://abc@o1.ingest.sentry.io/2"),
        (
            "IMAGE",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello:1.4.0",
        ),
        ("GIT_COMMIT", "3f786850e387550fdab836ed7e6dc881de23001b"),
        ("VERSION", "1.2.3"),
        ("JAVA_OPTS", "-Xmx512m -Dspring.profiles.active=prod"),
        (
            "CA",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        ),
        ("CA_BASE64", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"),
        ("PREFIX", "AKIA"),
        ("sk_test", "sk_test_"),
    ] {
        assert_eq!(of_pair(name, value), None, "{name}={value}");
    }
}

#[test]
fn some_secrets_are_known_by_their_form() {
    let token = format!(
        "{}.{}.{}",
        made_up("eyJ", 20),
        made_up("eyJ", 30),
        made_up("", 43)
    );
    let pem = |label: &str| format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----");
    let access_key = format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE".replace("MPLE", "MPLQ"));
    for (value, what) in [
        (access_key.clone(), "an AWS access key"),
        (format!("id={access_key};"), "an AWS access key"),
        (token.clone(), "a JSON Web Token"),
        (format!("Bearer {token}"), "a JSON Web Token"),
        (pem("RSA PRIVATE KEY"), "a private key"),
        (pem("PRIVATE KEY"), "a private key"),
        (
            "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ==".into(),
            "a private key",
        ),
        (
            "postgres://app:hunter2@db.example.com/app".into(),
            "a URL with a password",
        ),
        (
            "redis://:hunter2@cache.example.com".into(),
            "a URL with a password",
        ),
        (made_up("ghp_", 36), "a GitHub access token"),
        (made_up("glpat-", 20), "a GitLab access token"),
        (made_up("xoxb-", 50), "a Slack bot token"),
        (made_up("sk_live_", 24), "a Stripe key"),
        (made_up("SG.", 66), "a SendGrid API key"),
        (
            format!("https://{}/services/T0/B0/x", "hooks.slack.com"),
            "a Slack webhook, which is posted to without a password",
        ),
    ] {
        assert_eq!(
            of_pair("HARMLESS", &value),
            Some(Sign::Form(what)),
            "{value}"
        );
    }
}

#[test]
fn options_and_assignments_in_a_longer_text_are_read() {
    let named = |name: &str| Some(Sign::Name(name.into()));
    for (text, found) in [
        ("migrate --password hunter2", named("password")),
        ("migrate --password=hunter2 --verbose", named("password")),
        ("migrate --password --verbose", None),
        ("migrate --password-file /run/secrets/db", None),
        ("curl --token '$TOKEN' https://example.com", None),
        ("DB_PASSWORD=hunter2 ./run", named("DB_PASSWORD")),
        (
            "-Xmx1g -Dspring.datasource.password=hunter2",
            named("Dspring.datasource.password"),
        ),
        (
            "Server=db;Database=app;User Id=app;Password=hunter2;",
            named("Password"),
        ),
        (
            "addr=10.0.0.1,username=app,password=hunter2",
            named("password"),
        ),
        (
            "https://example.com/hook?id=1&token=hunter2",
            named("token"),
        ),
        ("Server=db;Database=app", None),
        (
            "jdbc:postgresql://db:5432/app?user=app&password=hunter2",
            named("password"),
        ),
        (
            r#"[{"host": "%%host%%", "password": "hunter2"}]"#,
            named("password"),
        ),
        (r#"{"auths": {}}"#, None),
        ("keep the token safe", None),
    ] {
        assert_eq!(in_text(text), found, "{text}");
    }
    assert_eq!(in_words(&["run", "--api-key", "hunter2"]), named("api-key"));
    assert_eq!(in_words(&["run", "-p", "hunter2"]), None);
}
