//! The commit that an image was built from, as far as anybody can know it here: its tag may name it.

/// The commit that a tag names: seven to forty hexadecimal digits, alone or as one of its parts, that are neither a number nor a
/// word.
pub(crate) fn commit(tag: &str) -> Option<&str> {
    let mut parts = tag.split(['-', '_', '.', '+']);
    parts.find(|part| {
        let part = part.strip_prefix("sha").unwrap_or(part);
        let has = |is: fn(&u8) -> bool| part.as_bytes().iter().any(is);
        (7..=40).contains(&part.len())
            && part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
            && has(u8::is_ascii_digit)
            && has(u8::is_ascii_alphabetic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_its_commit_if_it_has_one() {
        for (tag, expected) in [
            ("1.2.3", None),
            ("main-4f1c2ab", Some("4f1c2ab")),
            ("sha-4f1c2ab9", Some("4f1c2ab9")),
            ("20261128", None),
            ("defaced", None),
            ("release-20261128", None),
            (
                "4f1c2ab94f1c2ab94f1c2ab94f1c2ab94f1c2ab9",
                Some("4f1c2ab94f1c2ab94f1c2ab94f1c2ab94f1c2ab9"),
            ),
            ("4f1c2abx", None),
        ] {
            assert_eq!(commit(tag), expected, "{tag}");
        }
    }
}
