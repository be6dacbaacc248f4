//! What a page is made of: sections, which are sent again when they changed.

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

/// How many rows are a group of their own. Those of groups that are out of sight are not laid out: so a thousand rows are shown,
/// scrolled and searched without a pause. With groups of one row scrolling stutters, with one group of all searching does.
const GROUP: usize = 25;

/// A part of a page that changes by itself. What changes in the rows of a long table is sent by the row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    /// The `id` of its element.
    id: String,
    /// Its text, up to the first row.
    head: String,
    /// Its rows, each with the `id` of its element.
    rows: Vec<(String, String)>,
    /// Its text after the last row.
    tail: String,
}

/// An element that takes the place of the one with the same `id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Piece {
    /// The `id` of the element.
    pub(crate) id: String,
    /// The element.
    pub(crate) html: String,
}

impl Section {
    /// One that is sent as a whole: `inner` in an element of this `id`.
    pub(crate) fn whole(id: &str, inner: &Markup) -> Self {
        let element = html! { section id=(id) { (inner) } };
        Self {
            id: id.into(),
            head: element.into_string(),
            ..Self::default()
        }
    }

    /// A table of `rows`, each the `id` of a `tr` and that element, below the element `header`.
    pub(crate) fn table(id: &str, header: &Markup, rows: Vec<(String, Markup)>) -> Self {
        let id_of_it = html! { (id) }.into_string();
        Self {
            id: id.into(),
            head: format!(
                "<section id=\"{id_of_it}\"><table class=\"wide\">{}<tbody>",
                header.0
            ),
            rows: rows.into_iter().map(|(id, row)| (id, row.0)).collect(),
            tail: "</tbody></table></section>".into(),
        }
    }

    /// Its element.
    pub(crate) fn element(&self) -> Markup {
        let mut element = self.head.clone();
        for (number, (_, row)) in self.rows.iter().enumerate() {
            if number > 0 && number % GROUP == 0 {
                element += "</tbody><tbody>";
            }
            element += row;
        }
        PreEscaped(element + &self.tail)
    }

    /// Whether its rows can stay where they are to become `newer`.
    fn keeps_its_rows(&self, newer: &Self) -> bool {
        let ids = |section: &Self| section.rows.iter().map(|(id, _)| id.clone()).collect();
        let (old, new): (Vec<_>, Vec<_>) = (ids(self), ids(newer));
        self.head == newer.head && self.tail == newer.tail && old == new
    }
}

/// What has to be sent to whoever has the sections `old`, so that they have `new`. Both have the same sections.
pub(crate) fn changes(old: &[Section], new: &[Section]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for section in new {
        let before = old.iter().find(|before| before.id == section.id);
        match before {
            Some(before) if before == section => {}
            Some(before) if before.keeps_its_rows(section) => {
                let rows = before.rows.iter().zip(&section.rows);
                let changed = rows.filter(|(before, row)| before != row);
                pieces.extend(changed.map(|(_, (id, html))| Piece {
                    id: id.clone(),
                    html: html.clone(),
                }));
            }
            _ => pieces.push(Piece {
                id: section.id.clone(),
                html: section.element().into_string(),
            }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &str)]) -> Section {
        let rows = rows.iter().map(|(id, text)| {
            let row = html! { tr id=(id) { td { (text) } } };
            ((*id).to_owned(), row)
        });
        Section::table("all", &html! { thead {} }, rows.collect())
    }

    #[test]
    fn a_long_table_is_in_groups() {
        let rows: Vec<String> = (0..60).map(|number| number.to_string()).collect();
        let rows: Vec<_> = rows.iter().map(|row| (&**row, &**row)).collect();
        let element = table(&rows).element().into_string();
        assert_eq!(element.matches("<tbody>").count(), 3);
        assert_eq!(element.matches("</tr>").count(), 60);
    }

    #[test]
    fn only_what_changed_is_sent_and_a_row_alone_where_the_others_stay() {
        let note = |text: &str| Section::whole("note", &html! { (text) });
        let before = [note("a"), table(&[("1", "one"), ("2", "two")])];
        assert_eq!(changes(&before, &before), []);

        let sent = changes(&before, &[note("b"), before[1].clone()]);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].html, "<section id=\"note\">b</section>");

        let sent = changes(
            &before,
            &[before[0].clone(), table(&[("1", "one"), ("2", "2")])],
        );
        assert_eq!(
            sent,
            [Piece {
                id: "2".into(),
                html: "<tr id=\"2\"><td>2</td></tr>".into()
            }]
        );

        // Another row has no place yet: the table is sent as a whole. So is everything to who has nothing.
        let grown = table(&[("0", "null"), ("1", "one"), ("2", "two")]);
        let sent = changes(&before, &[before[0].clone(), grown.clone()]);
        assert_eq!((sent.len(), &*sent[0].id), (1, "all"));
        assert_eq!(sent[0].html, grown.element().into_string());
        assert_eq!(changes(&[], &before).len(), 2);
    }
}
