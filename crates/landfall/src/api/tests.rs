#![allow(clippy::unwrap_used)]

use super::*;

fn structure(kind: Type) -> Structure {
    match kind.shape() {
        Shape::Structure(structure) => structure,
        other => panic!("{other:?} is no structure"),
    }
}

#[test]
fn every_operation_is_there_and_every_type_of_the_table_is_defined() {
    for (api, operations) in [
        (
            Api::ecs(),
            &[
                "RegisterTaskDefinition",
                "CreateService",
                "UpdateService",
                "CreateCluster",
                "CreateCapacityProvider",
            ][..],
        ),
        (
            Api::auto_scaling(),
            &[
                "RegisterScalableTarget",
                "PutScalingPolicy",
                "PutScheduledAction",
            ],
        ),
    ] {
        for operation in operations {
            assert!(
                !structure(api.request(operation)).members().is_empty(),
                "{operation}"
            );
        }
        for line in api.lines.values() {
            let Line::Structure(members) = line else {
                continue;
            };
            for member in members {
                let name = member.written.trim_matches(['[', ']', '{', '}']);
                let kind = Type { api, written: name };
                assert!(
                    name == "any" || !matches!(kind.shape(), Shape::Any),
                    "{} is of the unknown type {name}",
                    member.name
                );
            }
        }
    }
    assert_eq!(published().len(), "2026-05-19".len());
}

#[test]
fn members_have_their_types_needs_values_and_bounds() {
    let service = structure(Api::ecs().request("CreateService"));
    let required: Vec<_> = service
        .members()
        .iter()
        .filter(|member| member.required)
        .map(|member| member.name)
        .collect();
    assert_eq!(required, ["serviceName"]);
    let Shape::Enum(values) = service.member("launchType").unwrap().shape() else {
        panic!("launchType is no enum")
    };
    assert!(values.contains(&"FARGATE"));
    let Shape::List(item, _) = service.member("capacityProviderStrategy").unwrap().shape() else {
        panic!("capacityProviderStrategy is no list")
    };
    let weight = structure(item).member("weight").unwrap().shape();
    let Shape::Integer(bounds) = weight else {
        panic!("{weight:?} is no whole number")
    };
    assert!(bounds.hold(0) && bounds.hold(1000) && !bounds.hold(1001) && !bounds.hold(-1));
    let Shape::List(_, bounds) = service.member("tags").unwrap().shape() else {
        panic!("tags is no list")
    };
    assert_eq!(bounds.most, Some(50));
}
