//! Pages of listings. AWS promises only how many items a page has at most: "the response might contain fewer keys but will
//! never contain more" (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>). So a cloud can be told to
//! answer with short pages, whatever a request asks for.

use serde_json::{Map, Value};

/// The listings of one API that answer page by page.
struct Listings {
    api: &'static str,
    operations: &'static [&'static str],
    /// The member of a request that says how many items a page has at most.
    size: &'static str,
    /// Members that name what is asked for: all of that is answered on one page.
    names: &'static [&'static str],
}

/// By the prefix of `X-Amz-Target`, or the version of a Query API.
const LISTINGS: &[Listings] = &[
    Listings {
        api: "AmazonEC2ContainerServiceV20141113",
        operations: &[
            "ListServiceDeployments",
            "ListServices",
            "ListTaskDefinitions",
            "ListTasks",
        ],
        size: "maxResults",
        names: &[],
    },
    Listings {
        api: "AmazonEC2ContainerRegistry_V20150921",
        operations: &["DescribeImages", "DescribeRepositories", "ListImages"],
        size: "maxResults",
        names: &["imageIds", "repositoryNames"],
    },
    Listings {
        api: "AnyScaleFrontendService",
        operations: &[
            "DescribeScalableTargets",
            "DescribeScalingPolicies",
            "DescribeScheduledActions",
        ],
        size: "MaxResults",
        names: &[],
    },
    Listings {
        api: "Route53AutoNaming_v20170314",
        operations: &["ListNamespaces", "ListServices"],
        size: "MaxResults",
        names: &[],
    },
    Listings {
        api: "AWSStepFunctions",
        operations: &["ListExecutions"],
        size: "maxResults",
        names: &[],
    },
    Listings {
        api: "2015-12-01",
        operations: &[
            "DescribeListeners",
            "DescribeLoadBalancers",
            "DescribeRules",
            "DescribeTargetGroups",
        ],
        size: "PageSize",
        names: &[
            "ListenerArns",
            "LoadBalancerArns",
            "Names",
            "RuleArns",
            "TargetGroupArns",
        ],
    },
];

/// Makes a request of a listing ask for at most `most` items; any other request stays as it is.
pub(super) fn shorten(api: &str, operation: &str, input: &mut Value, most: usize) {
    let mut listings = LISTINGS.iter();
    let Some(listing) =
        listings.find(|listing| listing.api == api && listing.operations.contains(&operation))
    else {
        return;
    };
    let named = |member: &&str| {
        input[*member]
            .as_array()
            .is_some_and(|names| !names.is_empty())
    };
    if listing.names.iter().any(named) {
        return;
    }
    let asked = &input[listing.size];
    let asked = asked
        .as_u64()
        .or_else(|| asked.as_str()?.parse().ok())
        .and_then(|asked| usize::try_from(asked).ok())
        .filter(|asked| *asked > 0);
    let size = asked.map_or(most, |asked| asked.min(most));
    // A form without any field is no object.
    if !input.is_object() {
        *input = Value::Object(Map::new());
    }
    input[listing.size] = size.into();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::operations::played;

    #[test]
    fn a_page_is_never_longer_than_asked_for_and_what_is_named_comes_at_once() {
        let ecr = "AmazonEC2ContainerRegistry_V20150921";
        for (operation, asked, expected) in [
            ("DescribeImages", json!({}), json!({ "maxResults": 3 })),
            (
                "DescribeImages",
                json!({ "maxResults": 1000 }),
                json!({ "maxResults": 3 }),
            ),
            (
                "DescribeImages",
                json!({ "maxResults": 2 }),
                json!({ "maxResults": 2 }),
            ),
            (
                "DescribeImages",
                json!({ "imageIds": [{ "imageTag": "1" }] }),
                json!({ "imageIds": [{ "imageTag": "1" }] }),
            ),
            ("PutImage", json!({}), json!({})),
        ] {
            let mut input = asked;
            shorten(ecr, operation, &mut input, 3);
            assert_eq!(input, expected, "{operation}");
        }
        let mut form = json!({ "PageSize": "400" });
        shorten("2015-12-01", "DescribeRules", &mut form, 1);
        assert_eq!(form, json!({ "PageSize": 1 }));
        let mut empty = json!("");
        shorten("2015-12-01", "DescribeLoadBalancers", &mut empty, 1);
        assert_eq!(empty, json!({ "PageSize": 1 }));
    }

    #[test]
    fn every_listing_is_played() {
        let played = played();
        let names: Vec<_> = played
            .iter()
            .filter_map(|name| name.split_once(':').map(|(_, operation)| operation))
            .collect();
        for operation in LISTINGS.iter().flat_map(|listing| listing.operations) {
            assert!(names.contains(operation), "{operation}");
        }
    }
}
