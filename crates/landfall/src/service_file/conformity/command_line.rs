//! A command that stands as one text where ECS takes a list of its words.

use serde_json::json;

use super::Path;
use crate::yaml::flow;

/// What a shell would do something with.
const OF_SHELLS: &str = "\"'$\\`;&|<>*?(){}[]~#!\n";

/// How to write it; none for a field that is no command.
pub(super) fn as_list(text: &str, path: &Path<'_>) -> Option<String> {
    let Path::Field(parent, name @ ("command" | "entryPoint")) = path else {
        return None;
    };
    let of_health_check = matches!(parent, Path::Field(_, "healthCheck"));
    let words: Vec<_> = text.split_whitespace().collect();
    let needs_shell = text.contains(|c| OF_SHELLS.contains(c));
    let for_shell = match text.strip_prefix("sh -c ") {
        Some(rest) => unquoted(rest.trim()),
        None => text,
    };
    let list = if of_health_check {
        // <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html>
        json!(["CMD-SHELL", text.strip_prefix("CMD-SHELL ").unwrap_or(text)])
    } else if needs_shell {
        json!(["sh", "-c", for_shell])
    } else {
        json!(words)
    };
    Some(format!("write `{name}: {}`", flow(&list)))
}

fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}
