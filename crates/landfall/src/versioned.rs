//! A value as it was read, with the entity tag that a conditional write in its place names.

use std::{
    hash::{Hash, Hasher},
    ops::Deref,
    sync::Arc,
};

/// The outcome of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It happened.
    Done,
    /// Another writer was faster. The caller has to read again and decide again.
    Conflict,
}

/// A value of an object in S3.
///
/// Two of one object are equal if their entity tags are: a tag changes with an object's content
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>). So comparing and hashing costs the same however
/// large the value is.
#[derive(Debug)]
pub struct Versioned<T> {
    value: Arc<T>,
    etag: Option<Arc<str>>,
}

impl<T> Versioned<T> {
    /// A value that was read with this entity tag.
    pub fn new(value: T, etag: &str) -> Self {
        Self {
            value: Arc::new(value),
            etag: Some(etag.into()),
        }
    }

    /// The value that stands for an object that is not there.
    pub fn absent(value: T) -> Self {
        Self {
            value: Arc::new(value),
            etag: None,
        }
    }

    /// The entity tag; none if the object is not there.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }
}

impl<T: Clone> Versioned<T> {
    /// The value alone.
    pub fn into_value(self) -> T {
        Arc::unwrap_or_clone(self.value)
    }
}

impl<T> Clone for Versioned<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            etag: self.etag.clone(),
        }
    }
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> PartialEq for Versioned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.etag == other.etag
    }
}

impl<T> Eq for Versioned<T> {}

impl<T> Hash for Versioned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.etag.hash(state);
    }
}
