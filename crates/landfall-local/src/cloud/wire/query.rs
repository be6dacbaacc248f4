//! AWS Query: forms in, XML out: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use super::xml::Xml;
use crate::cloud::fault::Fault;

/// More dots in a name than any API has are part of the name: the tree is walked recursively.
const DEEPEST: usize = 32;

/// The operation's input: nested names become objects, `.member.N` and `.entry.N` become arrays, all scalars are
/// strings. `Action` and `Version` are left out.
pub fn parse(fields: &[(String, String)]) -> Value {
    let mut root = Branch::default();
    for (name, value) in fields
        .iter()
        .filter(|(name, _)| name != "Action" && name != "Version")
    {
        let mut branch = &mut root;
        for part in name.splitn(DEEPEST, '.') {
            branch = branch.children.entry(part.to_owned()).or_default();
        }
        branch.value = Some(value.clone());
    }
    root.into_value()
}

#[derive(Default)]
struct Branch {
    value: Option<String>,
    children: BTreeMap<String, Branch>,
}

impl Branch {
    fn into_value(mut self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.value.unwrap_or_default());
        }
        if self.children.len() == 1
            && let Some(list) = self
                .children
                .remove("member")
                .or_else(|| self.children.remove("entry"))
        {
            let mut numbered: Vec<_> = list.children.into_iter().collect();
            numbered.sort_by_key(|(number, _)| number.parse::<u32>().unwrap_or(u32::MAX));
            return numbered
                .into_iter()
                .map(|(_, item)| item.into_value())
                .collect();
        }
        Value::Object(
            self.children
                .into_iter()
                .map(|(name, branch)| (name, branch.into_value()))
                .collect(),
        )
    }
}

/// The answer to `operation` of the API whose XML namespace is `namespace`.
pub fn answer(
    namespace: &str,
    operation: &str,
    request_id: &str,
    result: Result<Value, Fault>,
) -> Response<Bytes> {
    let (status, body) = match result {
        Ok(output) => {
            let body = Xml::document(&format!("{operation}Response"), namespace, |xml| {
                xml.element(&format!("{operation}Result"), |xml| {
                    if let Value::Object(members) = &output {
                        write_members(xml, members);
                    }
                });
                xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
            });
            (200, body)
        }
        Err(fault) => {
            let body = Xml::document("ErrorResponse", namespace, |xml| {
                xml.element("Error", |xml| {
                    xml.text(
                        "Type",
                        if fault.status < 500 {
                            "Sender"
                        } else {
                            "Receiver"
                        },
                    );
                    xml.text("Code", error_code(&fault.code));
                    xml.text("Message", &fault.message);
                });
                xml.text("RequestId", request_id);
            });
            (fault.status, body)
        }
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// ELBv2 writes its error codes without the `Exception` that its shapes' names end in (`TargetGroupNotFound`).
fn error_code(code: &str) -> &str {
    code.strip_suffix("Exception").unwrap_or(code)
}

fn write_members(xml: &mut Xml, members: &Map<String, Value>) {
    for (name, value) in members {
        write_value(xml, name, value);
    }
}

fn write_value(xml: &mut Xml, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(value) => xml.text(name, value),
        Value::Number(value) => xml.text(name, value),
        Value::String(value) => xml.text(name, value),
        Value::Array(items) => xml.element(name, |xml| {
            items
                .iter()
                .for_each(|item| write_value(xml, "member", item))
        }),
        Value::Object(members) => xml.element(name, |xml| write_members(xml, members)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nested_form_becomes_the_operations_input() {
        let form: Vec<(String, String)> = serde_urlencoded::from_str(
            "Action=CreateRule&Version=2015-12-01&ListenerArn=arn&Priority=5\
             &Conditions.member.1.Field=host-header&Conditions.member.1.HostHeaderConfig.Values.member.1=a.example\
             &Conditions.member.1.HostHeaderConfig.Values.member.2=b.example&Conditions.member.10.Field=c&Conditions.member.2.Field=b",
        )
        .unwrap();
        assert_eq!(
            parse(&form),
            json!({
                "ListenerArn": "arn",
                "Priority": "5",
                "Conditions": [
                    {"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example", "b.example"]}},
                    {"Field": "b"},
                    {"Field": "c"},
                ],
            })
        );
    }

    #[test]
    fn a_name_of_a_million_parts_is_read_without_harm() {
        assert!(parse(&[("a.".repeat(1_000_000), "x".into())]).is_object());
    }

    #[test]
    fn an_output_becomes_the_result_element_with_its_lists_as_members() {
        let response = answer(
            "urn:elb",
            "DescribeTargetHealth",
            "id-1",
            Ok(
                json!({"TargetHealthDescriptions": [{"Target": {"Id": "a&b", "Port": 80}, "Gone": null}]}),
            ),
        );
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(
            body.contains(
                "<DescribeTargetHealthResponse xmlns=\"urn:elb\"><DescribeTargetHealthResult><TargetHealthDescriptions><member>\
                 <Target><Id>a&amp;b</Id><Port>80</Port></Target></member></TargetHealthDescriptions></DescribeTargetHealthResult>"
            ),
            "{body}"
        );
    }
}
