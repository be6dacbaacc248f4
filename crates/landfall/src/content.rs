//! Content named by its own hash.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The SHA-256 of a JSON document in canonical form (keys sorted, no white space), as 64 hexadecimal digits. Two
/// service files that differ only in comments, layout or key order have the same hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// The hash of `document`.
    pub fn of(document: &Value) -> Self {
        let mut canonical = document.clone();
        canonical.sort_all_objects();
        let digest = Sha256::digest(canonical.to_string());
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// An accepted service file, by what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileContent {
    /// The hash of all of it.
    pub file: ContentHash,
    /// The hash of what its containers run with.
    pub containers: ContentHash,
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
