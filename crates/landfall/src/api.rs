//! What AWS's APIs take: the shapes of the requests that a service file becomes, from the models that AWS publishes.
//!
//! `table.txt` is made by `schema/generate.py`. It is read when it is first asked, once in a process.

use std::{collections::HashMap, sync::LazyLock};

const TABLE: &str = include_str!("api/table.txt");

static ECS: LazyLock<Api> = LazyLock::new(|| Api::of("ecs"));
static AUTO_SCALING: LazyLock<Api> = LazyLock::new(|| Api::of("application-autoscaling"));

/// The request shapes of one service of AWS.
#[derive(Debug)]
pub struct Api {
    lines: HashMap<&'static str, Line>,
}

/// The day on which the models that the table is made of were published, as `2026-05-19`.
pub fn published() -> &'static str {
    TABLE
        .lines()
        .find_map(|line| line.strip_prefix("botocore "))
        .and_then(|pin| pin.split_once(' '))
        .map_or("", |(_, date)| date)
}

/// One named shape of the table.
#[derive(Debug)]
enum Line {
    Structure(Vec<Member>),
    Enum(Vec<&'static str>),
    Bounded(&'static str, Bounds),
}

/// A member of a structure.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Whether a request without it is refused.
    pub required: bool,
    written: &'static str,
}

/// The least and the most that a number may be, or a text or list may be long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub least: Option<i64>,
    /// The most.
    pub most: Option<i64>,
}

/// A type of an [`Api`], as the table writes it.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    api: &'static Api,
    written: &'static str,
}

/// What a [`Type`] is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text of some length.
    Text(Bounds),
    /// True or false.
    Boolean,
    /// A whole number.
    Integer(Bounds),
    /// Any number.
    Number,
    /// A point in time.
    Time,
    /// Any JSON.
    Any,
    /// One of these texts.
    Enum(&'static [&'static str]),
    /// A list.
    List(Type, Bounds),
    /// A map from text.
    Map(Type),
    /// A structure with these members.
    Structure(Structure),
}

/// The members of a structure.
#[derive(Clone, Copy, Debug)]
pub struct Structure {
    api: &'static Api,
    members: &'static [Member],
}

impl Api {
    /// Amazon ECS.
    pub fn ecs() -> &'static Self {
        &ECS
    }

    /// Application Auto Scaling.
    pub fn auto_scaling() -> &'static Self {
        &AUTO_SCALING
    }

    /// What the operation takes; anything, if the table does not have the operation.
    pub fn request(&'static self, operation: &str) -> Type {
        let name = self
            .lines
            .keys()
            .find(|name| name.strip_suffix("Request") == Some(operation));
        Type {
            api: self,
            written: name.unwrap_or(&"any"),
        }
    }

    fn of(service: &str) -> Self {
        let its = |line: &&str| {
            line.strip_prefix("api ")
                .is_some_and(|rest| rest.split(' ').next() == Some(service))
        };
        let lines = TABLE
            .lines()
            .skip_while(|line| !its(line))
            .skip(1)
            .take_while(|line| !line.starts_with("api "))
            .filter_map(|line| {
                let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
                Some((name, Line::read(rest)?))
            });
        Self {
            lines: lines.collect(),
        }
    }
}

impl Line {
    fn read(written: &'static str) -> Option<Self> {
        if let Some(values) = written.strip_prefix("= ") {
            return Some(Self::Enum(values.split(' ').collect()));
        }
        if let Some(bounded) = written.strip_prefix(": ") {
            let (kind, bounds) = bounded.split_once(' ')?;
            let (least, most) = bounds.split_once("..")?;
            let bounds = Bounds {
                least: least.parse().ok(),
                most: most.parse().ok(),
            };
            return Some(Self::Bounded(kind, bounds));
        }
        let members = written.split_whitespace().filter_map(|member| {
            let (name, written) = member.split_once(':')?;
            Some(Member {
                name: name.trim_end_matches('!'),
                required: name.ends_with('!'),
                written,
            })
        });
        Some(Self::Structure(members.collect()))
    }
}

impl Bounds {
    /// Whether `number` lies between them.
    pub fn hold(self, number: i64) -> bool {
        self.least.is_none_or(|least| number >= least)
            && self.most.is_none_or(|most| number <= most)
    }
}

impl Structure {
    /// The members, in the order of the API.
    pub fn members(self) -> &'static [Member] {
        self.members
    }

    /// The type of the member `name`.
    pub fn member(self, name: &str) -> Option<Type> {
        let member = self.members.iter().find(|member| member.name == name)?;
        Some(Type {
            api: self.api,
            written: member.written,
        })
    }
}

impl Type {
    /// What it is.
    pub fn shape(self) -> Shape {
        self.bounded(Bounds::default())
    }

    fn bounded(self, bounds: Bounds) -> Shape {
        let within = |open: char, close: char| {
            let inside = self.written.strip_prefix(open)?.strip_suffix(close)?;
            Some(Self {
                api: self.api,
                written: inside,
            })
        };
        if let Some(item) = within('[', ']') {
            return Shape::List(item, bounds);
        }
        if let Some(value) = within('{', '}') {
            return Shape::Map(value);
        }
        match self.written {
            "string" => Shape::Text(bounds),
            "boolean" => Shape::Boolean,
            "integer" => Shape::Integer(Bounds {
                least: bounds.least.or(Some(i32::MIN.into())),
                most: bounds.most.or(Some(i32::MAX.into())),
            }),
            "long" => Shape::Integer(bounds),
            "float" | "double" => Shape::Number,
            "timestamp" => Shape::Time,
            name => match self.api.lines.get(name) {
                Some(Line::Structure(members)) => Shape::Structure(Structure {
                    api: self.api,
                    members,
                }),
                Some(Line::Enum(values)) => Shape::Enum(values),
                Some(Line::Bounded(written, bounds)) => Self {
                    api: self.api,
                    written,
                }
                .bounded(*bounds),
                None => Shape::Any,
            },
        }
    }
}

#[cfg(test)]
mod tests;
