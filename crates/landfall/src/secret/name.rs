//! Names of secrets. As in every noun of several words, the last one says what it is: a `TOKEN_URL` is a URL.

/// Words that name a secret, alone or as the end of a word: `PGPASSWORD`.
const SECRETS: [&str; 13] = [
    "PASSWORD",
    "PASSWORDS",
    "PASSWD",
    "PASSPHRASE",
    "PASSCODE",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "TOKENS",
    "APIKEY",
    "SECRETKEY",
    "CREDENTIAL",
    "CREDENTIALS",
];
/// Words that name one behind another word: `DB_PASS`, but not `PASS`.
const SHORT: [&str; 3] = ["PASS", "PWD", "CREDS"];
/// What stands before `KEY` where the key opens something.
const OPENING: [&str; 14] = [
    "ACCESS",
    "AES",
    "API",
    "AUTH",
    "DECRYPTION",
    "ENCRYPTION",
    "HMAC",
    "JWT",
    "LICENSE",
    "MASTER",
    "PRIVATE",
    "RSA",
    "SECRET",
    "SIGNING",
];
/// Words of a name by which everybody may know the value: browsers get `NEXT_PUBLIC_STRIPE_KEY`.
const PUBLIC: [&str; 2] = ["PUBLIC", "PUBLISHABLE"];
/// What stands before `KEY` where it is a name or an id, or is there to be known.
const KNOWN: [&str; 11] = [
    "CACHE",
    "FOREIGN",
    "IDEMPOTENCY",
    "KMS",
    "OBJECT",
    "PARTITION",
    "PRIMARY",
    "ROUTING",
    "S",
    "SITE",
    "SORT",
];
/// Words behind the noun that do not change what it names: `DB_PASSWORD_PROD`, Rails' `SECRET_KEY_BASE`.
const BEHIND: [&str; 18] = [
    "B",
    "BASE",
    "CURRENT",
    "DEV",
    "HEX",
    "LIVE",
    "NEW",
    "OLD",
    "PLAIN",
    "PLAINTEXT",
    "PREVIOUS",
    "PRIMARY",
    "PROD",
    "PRODUCTION",
    "SECONDARY",
    "STAGING",
    "TEST",
    "VALUE",
];

/// Whether `name` names a secret of which `value` can be one.
pub(super) fn names_one(name: &str, value: &str) -> bool {
    let value = value.trim();
    if says_nothing(value) || points_elsewhere(value) {
        return false;
    }
    let mut words = words(name);
    if words.iter().any(|word| PUBLIC.contains(&&**word)) {
        return false;
    }
    words.retain(|word| !word.chars().all(|c| c.is_ascii_digit()));
    while words.len() > 1 && BEHIND.contains(&&**words.last().unwrap_or(&String::new())) {
        words.pop();
    }
    let Some(noun) = words.pop() else {
        return false;
    };
    let before = words.last().map(String::as_str);
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    if ends(&["PASSWORD", "PASSWD", "PASSPHRASE", "PASSCODE"]) {
        return !is_short_number(value);
    }
    if SHORT.contains(&&*noun) {
        return before.is_some() && !is_number(value);
    }
    if ends(&SECRETS) {
        return !is_number(value) && !is_path_of_names(value);
    }
    match (&*noun, before) {
        ("KEY" | "KEYS", Some(before)) if OPENING.contains(&before) => !is_number(value),
        ("KEY" | "KEYS", Some(before)) if KNOWN.contains(&before) => false,
        ("KEY" | "KEYS" | "SALT" | "PEPPER", _) => is_random(value),
        ("AUTH", Some("BASIC")) => value.contains(':') && !value.contains(' '),
        _ => false,
    }
}

/// The words of a name, in capitals: `dbPassword`, `DB_PASSWORD` and `db-password` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last = ' ';
    for c in name.chars() {
        let begins = !c.is_ascii_alphanumeric()
            || last.is_ascii_lowercase() && c.is_ascii_uppercase()
            || last.is_ascii_digit() != c.is_ascii_digit();
        if begins {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_uppercase());
        }
        last = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value is no value: empty, a switch, crossed out, or a placeholder that something else fills in.
pub(super) fn says_nothing(value: &str) -> bool {
    const SWITCHES: [&str; 14] = [
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "none",
        "null",
        "nil",
        "undefined",
        "enabled",
        "disabled",
        "required",
        "optional",
    ];
    let crossed_out = value.chars().all(|c| "*xX.•-".contains(c));
    let filled_in = value.starts_with(['$', '%', '<'])
        || value.starts_with("{{")
        || value.contains("${")
        || value.contains("$(");
    crossed_out || filled_in || SWITCHES.contains(&&*value.to_ascii_lowercase())
}

/// Whether a value says where the secret is, and not what it is: an ARN, a URL, the path of a file or a parameter, or the name
/// of a secret that a database manages
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html>).
fn points_elsewhere(value: &str) -> bool {
    let is_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let by_path = ["/", "./", "../", "~/"]
        .iter()
        .any(|start| value.starts_with(start));
    value.starts_with("arn:")
        || value.starts_with("file:")
        || value.starts_with("rds!")
        || value.contains("://")
        || by_path && value.chars().all(|c| is_path(c) || c == '~')
}

/// `prod/db/master`: how secrets are named in Secrets Manager.
fn is_path_of_names(value: &str) -> bool {
    let is_name = |part: &str| {
        let letters = part
            .chars()
            .all(|c| c.is_ascii_lowercase() || "-_".contains(c));
        !part.is_empty() && letters
    };
    value.contains('/') && value.split('/').all(is_name)
}

/// A number, or a time such as `15m`: a limit.
fn is_number(value: &str) -> bool {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = value.len() - digits.len();
    unit <= 2 && digits.chars().all(|c| c.is_ascii_digit() || c == '.') && !digits.is_empty()
}

/// `PASSWORD=8` is a length or a switch, `PASSWORD=12345` somebody's idea of a password.
fn is_short_number(value: &str) -> bool {
    value.len() < 4 && value.chars().all(|c| c.is_ascii_digit())
}

/// Whether nobody would have written it by hand: 16 characters or more in which letters, capitals and digits alternate.
fn is_random(value: &str) -> bool {
    let class = |c: char| match c {
        _ if c.is_ascii_digit() => 'd',
        _ if c.is_ascii_uppercase() => 'u',
        _ if c.is_ascii_lowercase() => 'l',
        _ => ' ',
    };
    let classes: Vec<_> = value.chars().map(class).collect();
    let alternations = classes
        .windows(2)
        // A word may begin with a capital.
        .filter(|pair| !pair.contains(&' ') && pair[0] != pair[1] && *pair != ['u', 'l'])
        .count();
    value.len() >= 16 && !value.contains(char::is_whitespace) && alternations >= 4
}
