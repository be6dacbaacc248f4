//! The wire protocols between an AWS client and the services, which never see one.

pub mod aws_json;
pub mod query;
pub mod target;
pub mod xml;
