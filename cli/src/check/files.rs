//! The files that are named on the command line.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use globset::GlobBuilder;
use landfall::service_file::MAX_BYTES;
use miette::{IntoDiagnostic, Result, WrapErr, miette};

const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// A file to check.
pub(super) struct File {
    /// As it is named in messages.
    pub(super) name: String,
    path: Option<PathBuf>,
}

/// What `arguments` name: each file once, folders and patterns in alphabetical order.
pub(super) fn named(arguments: &[String]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for argument in arguments {
        let path = Path::new(argument);
        let found = if argument == "-" {
            vec![None]
        } else if path.is_dir() {
            existing(
                below(path)?,
                argument,
                "there is no .yaml, .yml or .json file in it",
            )?
        } else if argument.contains(['*', '?', '[', '{']) && !path.exists() {
            existing(matching(argument)?, argument, "no file matches it")?
        } else {
            vec![Some(path.to_owned())]
        };
        for path in found {
            let name = match &path {
                Some(path) => path.display().to_string(),
                None => "<stdin>".into(),
            };
            if seen.insert(name.clone()) {
                files.push(File { name, path });
            }
        }
    }
    Ok(files)
}

fn existing(paths: Vec<PathBuf>, argument: &str, otherwise: &str) -> Result<Vec<Option<PathBuf>>> {
    if paths.is_empty() {
        return Err(miette!("{argument}: {otherwise}"));
    }
    Ok(paths.into_iter().map(Some).collect())
}

/// The service files in a folder and its folders; hidden ones are left out.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .into_diagnostic()
            .wrap_err_with(|| folder.display().to_string())?;
        for entry in entries {
            let entry = entry.into_diagnostic()?;
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let kind = entry.file_type().into_diagnostic()?;
            if kind.is_dir() && !hidden {
                folders.push(path);
            } else if !hidden
                && !kind.is_dir()
                && path
                    .extension()
                    .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn matching(pattern: &str) -> Result<Vec<PathBuf>> {
    let glob = GlobBuilder::new(pattern.trim_start_matches("./"))
        .literal_separator(true)
        .build()
        .into_diagnostic()?
        .compile_matcher();
    let wild = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    let folder = match pattern[..wild].rfind('/') {
        Some(0) => Path::new("/"),
        Some(end) => Path::new(&pattern[..end]),
        None => Path::new("."),
    };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = below(folder)?;
    let plain = |path: PathBuf| path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
    Ok(files
        .into_iter()
        .map(plain)
        .filter(|path| glob.is_match(path))
        .collect())
}

impl File {
    /// Its content, not more than tells that it is too large.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + 1;
        let mut text = Vec::new();
        let read = match &self.path {
            None => std::io::stdin().lock().take(most).read_to_end(&mut text),
            Some(path) => {
                fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut text))
            }
        };
        read.into_diagnostic().wrap_err_with(|| self.name.clone())?;
        Ok(text)
    }
}
