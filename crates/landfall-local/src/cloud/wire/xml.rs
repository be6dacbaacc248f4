//! Just enough XML: a writer for answers, a reader for the few request bodies that S3 takes.

use std::fmt::Display;

use quick_xml::{Reader, escape::escape, events::Event};

/// Deeper documents are refused: trees are dropped recursively, and a body of opening tags must not end the process.
const DEEPEST: usize = 32;

/// An XML document in the making.
#[derive(Debug, Default)]
pub struct Xml {
    text: String,
}

impl Xml {
    /// A complete document: declaration, root element with its namespace, and what `content` writes into it.
    pub fn document(root: &str, namespace: &str, content: impl FnOnce(&mut Self)) -> String {
        let mut xml = Self {
            text: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"),
        };
        if namespace.is_empty() {
            xml.text.push_str(&format!("<{root}>"));
        } else {
            xml.text
                .push_str(&format!("<{root} xmlns=\"{namespace}\">"));
        }
        content(&mut xml);
        xml.text.push_str(&format!("</{root}>"));
        xml.text
    }

    /// An element that holds what `content` writes.
    pub fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.text.push_str(&format!("<{name}>"));
        content(self);
        self.text.push_str(&format!("</{name}>"));
    }

    /// An element that holds text.
    pub fn text(&mut self, name: &str, value: impl Display) {
        self.text.push_str(&format!(
            "<{name}>{}</{name}>",
            escape(value.to_string().as_str())
        ));
    }

    /// An element that holds text, if there is any.
    pub fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }
}

/// An element that was read: its name without namespace prefix, its text, its children in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Local name.
    pub name: String,
    /// The text directly inside, unescaped.
    pub text: String,
    /// The elements directly inside.
    pub children: Vec<Node>,
}

impl Node {
    /// Reads a document and answers its root; the error says what is wrong with it.
    pub fn parse(document: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(document).map_err(|error| error.to_string())?;
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(_) if open.len() > DEEPEST => {
                    return Err("the document is nested too deeply".into());
                }
                Event::Start(start) => open.push(Self::named(start.local_name().as_ref())),
                Event::Empty(start) => {
                    Self::attach(&mut open, Self::named(start.local_name().as_ref()))
                }
                Event::End(_) => {
                    let node = open.pop().unwrap_or_default();
                    Self::attach(&mut open, node);
                }
                Event::Text(text) => {
                    Self::append(
                        &mut open,
                        &text.decode().map_err(|error| error.to_string())?,
                    );
                }
                Event::CData(text) => {
                    Self::append(
                        &mut open,
                        &text.decode().map_err(|error| error.to_string())?,
                    );
                }
                Event::GeneralRef(reference) => {
                    let name = reference.decode().map_err(|error| error.to_string())?;
                    let text = quick_xml::escape::unescape(&format!("&{name};"))
                        .map_err(|error| error.to_string())?
                        .into_owned();
                    Self::append(&mut open, &text);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let root = open.into_iter().next().unwrap_or_default();
        root.children
            .into_iter()
            .next()
            .ok_or_else(|| "the document has no element".into())
    }

    /// The text of the first child of that name.
    pub fn child(&self, name: &str) -> Option<&str> {
        self.children
            .iter()
            .find(|child| child.name == name)
            .map(|child| child.text.as_str())
    }

    fn named(name: &[u8]) -> Self {
        Self {
            name: String::from_utf8_lossy(name).into_owned(),
            ..Self::default()
        }
    }

    fn attach(open: &mut [Self], node: Self) {
        if let Some(parent) = open.last_mut() {
            parent.children.push(node);
        }
    }

    fn append(open: &mut [Self], text: &str) {
        if let Some(parent) = open.last_mut() {
            parent.text.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_with_markup_in_it_is_read_back_as_it_was_written() {
        let written = Xml::document("Delete", "urn:x", |xml| {
            xml.element("Object", |xml| xml.text("Key", "a<b>&\"c\" d"));
        });
        let read = Node::parse(written.as_bytes()).unwrap();
        assert_eq!(read.children[0].child("Key"), Some("a<b>&\"c\" d"));
    }

    #[test]
    fn a_truncated_document_is_an_error() {
        assert!(Node::parse(b"<Delete><Object>").is_err());
        assert!(Node::parse(b"").is_err());
    }

    #[test]
    fn a_document_of_a_million_nested_elements_is_an_error() {
        let document = format!("{}{}", "<a>".repeat(1_000_000), "</a>".repeat(1_000_000));
        assert!(Node::parse(document.as_bytes()).is_err());
    }
}
