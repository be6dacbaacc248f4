//! What the tests that cross crates share: a Landfall on this machine, and service files to play with.

pub mod sample;
pub mod stage;
