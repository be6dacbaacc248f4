//! What looks like a secret in a place where everybody can read it: by the name that it has, or by its form. A guess: a
//! value that is none costs a look, one that is missed costs a password.

mod form;
mod name;

use serde_json::Value;

pub use self::form::form;
use self::name::names_one;

/// Why a value looks like a secret. Never the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// What it is named says so.
    Name(String),
    /// It has the form of one: what it is.
    Form(&'static str),
}

/// Whether `value`, named `name`, looks like a secret.
pub fn of_pair(name: &str, value: &str) -> Option<Sign> {
    if let Some(form) = form(value) {
        return Some(Sign::Form(form));
    }
    if names_one(name, value) {
        return Some(Sign::Name(name.into()));
    }
    in_text(value)
}

/// Whether something in a longer text looks like a secret: one of its words, or what an option or an assignment names:
/// `--password hunter2`, `password=hunter2`, `-Dspring.datasource.password=hunter2`. JSON is read as such: agents take their
/// checks from labels.
pub fn in_text(text: &str) -> Option<Sign> {
    if let Some(form) = form(text) {
        return Some(Sign::Form(form));
    }
    if text.trim_start().starts_with(['{', '['])
        && let Ok(document) = serde_json::from_str(text)
    {
        return in_document("", &document);
    }
    let words: Vec<_> = text
        .split(|c: char| c.is_whitespace() || ";,&?".contains(c))
        .map(|word| word.trim_matches(['"', '\'']))
        .filter(|word| !word.is_empty())
        .collect();
    in_words(&words)
}

fn in_document(name: &str, value: &Value) -> Option<Sign> {
    match value {
        Value::String(text) => of_pair(name, text),
        Value::Object(fields) => {
            let mut fields = fields.iter();
            fields.find_map(|(name, value)| in_document(name, value))
        }
        Value::Array(items) => items.iter().find_map(|item| in_document(name, item)),
        _ => None,
    }
}

/// The same for the words of a command line, of which an option's value may be the next one.
pub fn in_words<S: AsRef<str>>(words: &[S]) -> Option<Sign> {
    let mut words = words.iter().map(AsRef::as_ref).peekable();
    while let Some(word) = words.next() {
        if let Some(form) = form(word) {
            return Some(Sign::Form(form));
        }
        let (name, value) = match (word.split_once('='), words.peek()) {
            (Some(assigned), _) => assigned,
            (None, Some(next)) if is_option(word) && !is_option(next) => (word, *next),
            _ => continue,
        };
        if is_name(name) && names_one(name, value.trim_matches(['"', '\''])) {
            let name = name.trim_start_matches('-');
            return Some(Sign::Name(name.into()));
        }
    }
    None
}

/// `--password`, not the `-p` that means something else to each program.
fn is_option(word: &str) -> bool {
    word.len() > 2 && word.starts_with('-')
}

/// Whether it can be the name of an option or a variable, so that it can be told without telling more than a name.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    !text.is_empty() && text.len() <= 128 && text.chars().all(allowed)
}

#[cfg(test)]
mod tests;
