//! No files import each other in a circle: what a file takes from others can be read without it.
//!
//! Two things are no circle here. A folder's first file holds what the files of the folder share, so these may take from
//! it. And one type may be split over files, if the first lines of each of them say so by naming the type.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The way from a crate's root to a module, or a path as it stands in the code.
type Names = Vec<String>;

/// The crates, by the files in which they begin.
const CRATES: [&str; 8] = [
    "crates/landfall/src/lib.rs",
    "crates/landfall-aws/src/lib.rs",
    "crates/landfall-local/src/lib.rs",
    "functions/lib.rs",
    "cli/src/main.rs",
    "model/src/lib.rs",
    "simulation/src/lib.rs",
    "bench/floor.rs",
];

/// What a file says, without its tests.
#[derive(Default)]
struct File {
    /// The text of its `//!` lines.
    about: String,
    /// The modules that are files of their own.
    children: BTreeSet<String>,
    /// The name by which something is known here → where `use` takes it from.
    uses: BTreeMap<String, Names>,
    /// All paths of two names and more, those of `use` among them.
    paths: BTreeSet<Names>,
    /// The types that it has methods of.
    implements: BTreeSet<String>,
}

/// The name that a token is, if it is one.
fn name(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

fn is(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// The path of names that begins with the token at `start`, and where it ends.
fn path(tokens: &[TokenTree], start: usize) -> (Names, usize) {
    let (mut names, mut at) = (Names::new(), start);
    while let Some(found) = name(tokens.get(at)) {
        names.push(found);
        at += 1;
        let goes_on = is(tokens.get(at), ':') && is(tokens.get(at + 1), ':');
        if !goes_on || name(tokens.get(at + 2)).is_none() {
            break;
        }
        at += 2;
    }
    (names, at)
}

impl File {
    fn read(text: &str) -> Self {
        let mut file = Self::default();
        let tokens: TokenStream = text.parse().unwrap();
        file.tokens(&tokens.into_iter().collect::<Vec<_>>());
        file
    }

    fn tokens(&mut self, tokens: &[TokenTree]) {
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Punct(sign) if sign.as_char() == '#' => {
                    at = self.attribute(tokens, at + 1);
                }
                TokenTree::Ident(word) if word == "use" => {
                    let end = tokens[at..].iter().position(|token| is(Some(token), ';'));
                    let end = at + end.unwrap_or(tokens.len() - at);
                    self.used(&tokens[at + 1..end], &[]);
                    at = end;
                }
                TokenTree::Ident(word) if word == "mod" && is(tokens.get(at + 2), ';') => {
                    self.children.extend(name(tokens.get(at + 1)));
                    at += 3;
                }
                TokenTree::Ident(word) if word == "impl" => {
                    let (implemented, end) = path(tokens, at + 1);
                    let is_inherent = matches!(tokens.get(end), Some(TokenTree::Group(_)));
                    self.implements
                        .extend(implemented.last().filter(|_| is_inherent).cloned());
                    at += 1;
                }
                TokenTree::Ident(_) => {
                    let (names, end) = path(tokens, at);
                    if names.len() > 1 {
                        self.paths.insert(names);
                    }
                    at = end;
                }
                TokenTree::Group(group) => {
                    self.tokens(&group.stream().into_iter().collect::<Vec<_>>());
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// Reads the attribute after a `#`. Answers where the code goes on: after what is only for tests.
    fn attribute(&mut self, tokens: &[TokenTree], start: usize) -> usize {
        let of_file = is(tokens.get(start), '!');
        let at = start + usize::from(of_file);
        let Some(TokenTree::Group(group)) = tokens.get(at) else {
            return at;
        };
        let inside: Vec<_> = group.stream().into_iter().collect();
        if of_file && name(inside.first()).as_deref() == Some("doc") {
            self.about += &inside[2..]
                .iter()
                .map(ToString::to_string)
                .collect::<String>();
        }
        if !inside.iter().map(ToString::to_string).eq(["cfg", "(test)"]) {
            return at + 1;
        }
        let ends = |token: &TokenTree| {
            is(Some(token), ';')
                || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
        };
        let length = tokens[at..].iter().position(ends);
        length.map_or(tokens.len(), |length| at + length + 1)
    }

    /// Notes what a `use` takes, of which `before` has been read.
    fn used(&mut self, tokens: &[TokenTree], before: &[String]) {
        let trees = tokens.split(|token| is(Some(token), ','));
        for tree in trees.filter(|tree| !tree.is_empty()) {
            let (names, _) = path(tree, 0);
            let mut full = [before, &names].concat();
            if let Some(TokenTree::Group(group)) = tree.last() {
                self.used(&group.stream().into_iter().collect::<Vec<_>>(), &full);
                continue;
            }
            if full.len() > 1 && full.last().is_some_and(|last| last == "self") {
                full.pop();
            }
            // The last name is that after an `as`, if there is one.
            let known = name(tree.last()).filter(|known| known != "self");
            if let Some(known) = known.or_else(|| full.last().cloned()) {
                self.uses.insert(known, full.clone());
                self.paths.insert(full);
            }
        }
    }
}

/// The files of a crate, each by the way to its module.
#[derive(Default)]
struct Crate(BTreeMap<Names, File>);

impl Crate {
    fn read(root: &Path) -> Self {
        let mut files = Self::default();
        files.add(Names::new(), root, root.parent().unwrap());
        files
    }

    /// Adds a module and those below it, whose files are in `home`.
    fn add(&mut self, module: Names, file: &Path, home: &Path) {
        let read = File::read(&fs::read_to_string(file).unwrap());
        for child in &read.children {
            let below = [&*module, std::slice::from_ref(child)].concat();
            self.add(below, &home.join(format!("{child}.rs")), &home.join(child));
        }
        self.0.insert(module, read);
    }

    /// The module of the file that `names` leads to, as they stand in `module`; none if that is another crate's, or a name
    /// of the module itself.
    fn leads_to(&self, module: &Names, names: &[String]) -> Option<Names> {
        let here = &self.0[module];
        let first = names.first()?;
        let (mut at, mut names) = match first.as_str() {
            "crate" => (Names::new(), &names[1..]),
            "self" => (module.clone(), &names[1..]),
            "super" => {
                let up = names.iter().take_while(|name| *name == "super").count();
                (
                    module[..module.len().checked_sub(up)?].to_vec(),
                    &names[up..],
                )
            }
            _ if here.children.contains(first) => (module.clone(), names),
            _ => {
                let from = here.uses.get(first).filter(|from| **from != *names)?;
                let is_of_the_crate = ["crate", "self", "super"].contains(&from[0].as_str());
                if !is_of_the_crate && !here.children.contains(&from[0]) {
                    return None;
                }
                return self.leads_to(module, &[from, &names[1..]].concat());
            }
        };
        while let Some(next) = names.first() {
            if !self.0[&at].children.contains(next) {
                break;
            }
            at.push(next.clone());
            names = &names[1..];
        }
        // What a module takes from elsewhere and gives on is that other module's.
        let given_on = names.first().and_then(|next| self.0[&at].uses.get(next));
        let given_on = given_on.filter(|from| at != *module || from[0] != *first);
        let from = given_on.and_then(|from| self.leads_to(&at, &[from, &names[1..]].concat()));
        Some(from.unwrap_or(at))
    }

    /// What the file of a module takes from others: their modules, without those above it.
    fn takes(&self, module: &Names) -> BTreeSet<Names> {
        let paths = self.0[module].paths.iter();
        let others = paths.filter_map(|names| self.leads_to(module, names));
        others.filter(|other| !module.starts_with(other)).collect()
    }

    /// The sets of modules whose files take from each other in circles.
    fn circles(&self) -> BTreeSet<BTreeSet<Names>> {
        let takes: BTreeMap<_, _> = self
            .0
            .keys()
            .map(|module| (module, self.takes(module)))
            .collect();
        let reached = |from: &Names| {
            let mut reached = BTreeSet::new();
            let mut next: Vec<_> = takes[from].iter().collect();
            while let Some(module) = next.pop() {
                if reached.insert(module) {
                    next.extend(&takes[module]);
                }
            }
            reached
        };
        let reached: BTreeMap<_, _> = self
            .0
            .keys()
            .map(|module| (module, reached(module)))
            .collect();
        let circle = |module: &Names| -> BTreeSet<Names> {
            let back = |other: &&&Names| reached[**other].contains(module);
            reached[module]
                .iter()
                .filter(back)
                .map(|other| (*other).clone())
                .collect()
        };
        let mut circles: BTreeSet<_> = self.0.keys().map(circle).collect();
        circles.retain(|circle| !circle.is_empty());
        circles
    }

    /// Whether these files are one type with methods in each of them, and say so.
    fn is_one_type(&self, circle: &BTreeSet<Names>) -> bool {
        let mut types = circle.iter().flat_map(|module| &self.0[module].implements);
        types.any(|each| {
            let says_so = |module: &Names| {
                let File {
                    about, implements, ..
                } = &self.0[module];
                implements.contains(each) && about.contains(&format!("[`{each}`]"))
            };
            circle.iter().all(says_so)
        })
    }
}

fn found(of: &Crate) -> Vec<Vec<String>> {
    let circles = of.circles().into_iter();
    let circles = circles.filter(|circle| !of.is_one_type(circle));
    circles
        .map(|circle| circle.iter().map(|module| module.join("::")).collect())
        .collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let home = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    for root in CRATES {
        let none: Vec<Vec<String>> = Vec::new();
        assert_eq!(found(&Crate::read(&home.join(root))), none, "in {root}");
    }
}

/// A crate of these files.
fn sample(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let home = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let file = home.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    found(&Crate::read(&home.path().join("lib.rs")))
}

#[test]
fn a_circle_is_found_however_a_file_takes_from_another() {
    let circle = vec![vec!["a".to_owned(), "b::c".to_owned()]];
    let root = ("lib.rs", "mod a; mod b;");
    for (story, a, b, c) in [
        (
            "by use",
            "use crate::b::c::C;",
            "mod c;",
            "use crate::a::A;",
        ),
        (
            "given on",
            "use crate::b::C;",
            "mod c; pub use c::C;",
            "use crate::a::{self, A};",
        ),
        (
            "in a path",
            "fn a() { let _ = crate::b::c::C; }",
            "mod c;",
            "use super::super::a; fn c() { a::f() }",
        ),
        (
            "in a macro",
            "fn a() { println!(\"{}\", crate::b::c::C) }",
            "mod c;",
            "use crate::{a as other}; fn c() { other::f() }",
        ),
    ] {
        let files = [root, ("a.rs", a), ("b.rs", b), ("b/c.rs", c)];
        assert_eq!(sample(&files), circle, "{story}");
    }
}

#[test]
fn tests_a_folders_first_file_and_a_type_that_says_so_are_no_circle() {
    let none: Vec<Vec<String>> = Vec::new();
    let root = ("lib.rs", "mod a; mod b;");
    let of_tests = "#[cfg(test)] mod tests { use crate::b::B; }";
    assert_eq!(
        sample(&[root, ("a.rs", of_tests), ("b.rs", "use crate::a::A;")]),
        none
    );
    let first = ("a.rs", "mod c; use c::C; pub struct A(C);");
    assert_eq!(
        sample(&[root, first, ("a/c.rs", "use super::A;"), ("b.rs", "")]),
        none
    );
    let said = (
        "a.rs",
        "//! [`A`] has methods in `b`.\nuse crate::b::B; struct A(B); impl A {}",
    );
    let split = (
        "b.rs",
        "//! Methods of [`A`].\nuse crate::a::A; struct B; impl A {}",
    );
    assert_eq!(sample(&[root, said, split]), none);
    let unsaid = ("b.rs", "use crate::a::A; struct B; impl A {}");
    assert_eq!(sample(&[root, said, unsaid]).len(), 1);
}
