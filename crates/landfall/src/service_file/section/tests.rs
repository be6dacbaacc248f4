#![allow(clippy::unwrap_used)]

use super::{Field, all};
use crate::service_file::{Discovery, Logs, ServiceFile, Verify};

fn each_within(field: &Field) -> Vec<&Field> {
    let fields = field.fields.0.iter().map(|(_, field)| field);
    let within = fields.chain(field.item.as_deref()).flat_map(each_within);
    std::iter::once(field).chain(within).collect()
}

#[test]
fn every_description_can_be_read_and_says_what_a_pattern_is_for() {
    for field in all().into_iter().flat_map(each_within) {
        assert!(field.pattern.is_none() || field.noun.is_some(), "{field:?}");
    }
}

#[test]
fn what_is_taken_where_no_file_says_anything_is_what_the_description_says() {
    let text = "cluster: { clusterName: web }\n\
         taskDefinition: { family: hello, networkMode: awsvpc, containerDefinitions: [{ name: web, image: a, memory: 64 }] }\n\
         service: { serviceName: hello, networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1] } } }\n\
         discovery: { namespace: a, name: b }\nlogs: {}\nverify: {}\n";
    let file = ServiceFile::parse(text.as_bytes()).unwrap();
    assert_eq!(file.verify, Verify::default());
    assert_eq!(file.logs, Logs::default());
    assert_eq!(file.discovery.unwrap().ttl_seconds, Discovery::TTL);
}
