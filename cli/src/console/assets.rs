//! The files of the page, which are part of the command. The page asks nobody else for anything.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{Markup, PreEscaped};

/// A file.
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

pub(crate) const STYLE: Asset = Asset {
    name: "console.css",
    kind: "text/css; charset=utf-8",
    text: include_str!("assets/console.css"),
};

pub(crate) const SCRIPT: Asset = Asset {
    name: "console.js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("assets/console.js"),
};

pub(crate) const ICON: Asset = Asset {
    name: "icon.svg",
    kind: "image/svg+xml",
    text: include_str!("assets/icon.svg"),
};

const ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

impl Asset {
    /// Where it is.
    pub(crate) fn address(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The sign of Landfall, as a part of a page.
pub(crate) fn mark() -> Markup {
    PreEscaped(ICON.text.into())
}

/// Answers with the file of this name.
pub(crate) fn serve(name: &str) -> Response {
    let Some(asset) = ALL.iter().find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "There is no such file.\n").into_response();
    };
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind))];
    (kind, asset.text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_small_and_ask_nobody() {
        let size: usize = ALL.iter().map(|asset| asset.text.len()).sum();
        assert!(size < 200_000, "{size}");
        for asset in ALL {
            let addresses = asset.text.matches("://").count();
            let names = asset.text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(addresses, names, "{}", asset.name);
        }
    }
}
