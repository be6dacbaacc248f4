//! Secrets that are known by their form, whatever they are named.
//!
//! The forms are those of the rules of gitleaks, which reads them for a living
//! (<https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml>), as far as the first characters say enough.

/// What a text begins with that whoever gives out such keys puts there, how many characters follow at least, and what it is.
const PREFIXES: [(&str, usize, &str); 38] = [
    ("AGE-SECRET-KEY-1", 58, "an age key"),
    ("ATATT3", 100, "an Atlassian API token"),
    ("EAACEdEose0cBA", 10, "a Facebook access token"),
    ("GOCSPX-", 28, "a Google OAuth client secret"),
    ("NRAK-", 27, "a New Relic API key"),
    ("PMAK-", 30, "a Postman API key"),
    ("SG.", 40, "a SendGrid API key"),
    ("dckr_pat_", 20, "a Docker access token"),
    ("dop_v1_", 32, "a DigitalOcean access token"),
    ("doo_v1_", 32, "a DigitalOcean access token"),
    ("dp.pt.", 40, "a Doppler token"),
    ("ghp_", 36, "a GitHub access token"),
    ("gho_", 36, "a GitHub access token"),
    ("ghr_", 36, "a GitHub refresh token"),
    ("ghs_", 36, "a GitHub access token"),
    ("ghu_", 36, "a GitHub access token"),
    ("github_pat_", 40, "a GitHub access token"),
    ("glpat-", 20, "a GitLab access token"),
    ("glptt-", 40, "a GitLab trigger token"),
    ("glrt-", 20, "a GitLab runner token"),
    ("glsa_", 32, "a Grafana service account token"),
    ("hf_", 34, "a Hugging Face access token"),
    ("hvb.", 90, "a Vault token"),
    ("hvs.", 24, "a Vault token"),
    ("lin_api_", 40, "a Linear API key"),
    ("npm_", 36, "an npm access token"),
    ("pypi-AgEIcHlwaS5vcmc", 50, "a PyPI upload token"),
    ("rk_live_", 10, "a Stripe key"),
    ("shpat_", 32, "a Shopify access token"),
    ("sk-ant-", 40, "an Anthropic API key"),
    ("sk-proj-", 40, "an OpenAI API key"),
    ("sk_live_", 10, "a Stripe key"),
    ("sk_test_", 10, "a Stripe key"),
    ("xapp-", 20, "a Slack app token"),
    ("xoxb-", 20, "a Slack bot token"),
    ("xoxp-", 20, "a Slack user token"),
    ("xoxe.", 20, "a Slack configuration token"),
    ("ya29.", 20, "a Google access token"),
];

/// How the ids of access keys begin: of users and of roles
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>).
const ACCESS_KEYS: [&str; 2] = ["AKIA", "ASIA"];

/// What a text looks like by its form; none if that says nothing.
pub fn form(text: &str) -> Option<&'static str> {
    if is_private_key(text) {
        return Some("a private key");
    }
    if has_password(text) {
        return Some("a URL with a password");
    }
    if text.contains("https://hooks.slack.com/services/T") {
        return Some("a Slack webhook, which is posted to without a password");
    }
    let in_a_token = |c: char| c.is_ascii_alphanumeric() || "_-.+/".contains(c);
    text.split(|c: char| !in_a_token(c))
        .flat_map(|word| [Some(word), word.rsplit_once('/').map(|(_, end)| end)])
        .flatten()
        .find_map(token)
}

fn token(word: &str) -> Option<&'static str> {
    if is_access_key(word) {
        return Some("an AWS access key");
    }
    if is_json_web_token(word) {
        return Some("a JSON Web Token");
    }
    let follows = |prefix: &str, least: usize| {
        let rest = word.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.len() >= least)
    };
    PREFIXES
        .into_iter()
        .find(|(prefix, least, _)| follows(prefix, *least))
        .map(|(_, _, what)| what)
}

fn is_access_key(word: &str) -> bool {
    let is_id = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    ACCESS_KEYS.iter().any(|prefix| {
        let id = word.strip_prefix(prefix);
        id.is_some_and(|id| id.len() == 16 && id.chars().all(is_id))
    })
}

/// Three parts in base64url, of which the first two are objects: `{"` is `eyJ`
/// (<https://www.rfc-editor.org/rfc/rfc7519#section-3>). The third is the signature.
fn is_json_web_token(word: &str) -> bool {
    let parts: Vec<_> = word.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return false;
    };
    [header, claims]
        .iter()
        .all(|part| part.len() >= 12 && part.starts_with("eyJ"))
        && signature.len() >= 16
}

/// PEM (<https://www.rfc-editor.org/rfc/rfc7468>), as it is or in base64, as people put it into a variable. Certificates
/// and public keys are none.
fn is_private_key(text: &str) -> bool {
    const BEGIN: &str = "-----BEGIN ";
    const IN_BASE64: &str = "LS0tLS1CRUdJTi";
    // `-----BEGIN CERT`, `-----BEGIN PUBL`.
    const HARMLESS: [&str; 2] = ["LS0tLS1CRUdJTiBDRVJU", "LS0tLS1CRUdJTiBQVUJM"];
    let mut blocks = text.split(BEGIN).skip(1);
    let in_clear = blocks.any(|block| {
        let label = block.split("-----").next().unwrap_or_default();
        label.ends_with("PRIVATE KEY") || label.ends_with("PRIVATE KEY BLOCK")
    });
    let encoded = text.trim_start();
    in_clear
        || encoded.starts_with(IN_BASE64)
            && !HARMLESS.iter().any(|prefix| encoded.starts_with(prefix))
}

/// `scheme://user:password@host` (<https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1>), of which the password is
/// neither a placeholder nor crossed out.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        let password = user.and_then(|user| user.split_once(':'));
        password.is_some_and(|(_, password)| !super::name::says_nothing(password))
    })
}
