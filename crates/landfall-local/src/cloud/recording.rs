//! A file of the requests that functions make, for whoever checks what they ask for and whether their roles allow it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use http::request::Parts;
use serde::Serialize;

/// A file with one JSON object for each request: `function`, `method`, `uri`, `headers`, `body`, `status` and `answer`. Bodies
/// are left out where the service is S3, whose objects are of no API.
#[derive(Debug)]
pub(super) struct Recording {
    file: Mutex<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    function: &'a str,
    method: &'a str,
    uri: String,
    headers: BTreeMap<&'a str, &'a str>,
    body: &'a str,
    status: u16,
    answer: &'a str,
}

impl Recording {
    /// Goes on with the file at `path`, which several clouds may write at once.
    ///
    /// # Errors
    /// When the file cannot be opened for writing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            file: Mutex::new(file),
        })
    }

    /// Writes a request of `function` and its answer.
    ///
    /// # Errors
    /// When the disk is full, for example.
    pub(super) fn write(
        &self,
        function: &str,
        parts: &Parts,
        body: &[u8],
        status: u16,
        answer: &[u8],
    ) -> io::Result<()> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let headers = parts
            .headers
            .iter()
            .filter(|(name, _)| *name != "authorization");
        let line = Line {
            function,
            method: parts.method.as_str(),
            uri: parts.uri.to_string(),
            headers: headers
                .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
                .collect(),
            body: text(body),
            status,
            answer: text(answer),
        };
        let mut line = serde_json::to_string(&line)?;
        line.push('\n');
        // In one write, so that lines of several processes do not mix.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
    }
}
