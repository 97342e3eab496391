//! The description of the API, written by hand and held to the router by a test.

/// The OpenAPI 3.1 document.
pub const DOCUMENT: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::{code::Code, route::TABLE};

    #[test]
    fn the_document_lists_exactly_the_routes_of_the_router() {
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
                methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
            })
            .collect();
        let routed: BTreeSet<_> =
            TABLE.iter().map(|(method, path)| ((*method).into(), (*path).into())).collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_a_summary() {
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        for part in super::DOCUMENT.split("\"$ref\": \"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        for item in document["paths"].as_object().unwrap().values() {
            for (method, operation) in item.as_object().unwrap() {
                if method != "parameters" {
                    assert!(operation["summary"].is_string(), "{operation}");
                    assert!(operation["responses"].is_object(), "{operation}");
                }
            }
        }
    }

    #[test]
    fn what_has_a_receipt_has_a_trace() {
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        let items = document["paths"].as_object().unwrap().values();
        let operations = items.flat_map(|item| item.as_object().unwrap().values());
        let responses = operations.filter_map(|operation| operation["responses"].as_object());
        for response in responses.flat_map(|responses| responses.values()) {
            let named = |header: &str| response["headers"].get(header).is_some();
            assert!(named("traceparent") || !named("Quorate-Receipt"), "{response}");
        }
    }

    #[test]
    fn the_codes_of_the_problem_schema_are_the_codes() {
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        let listed = document.pointer("/components/schemas/Problem/properties/code/enum").unwrap();
        let listed: BTreeSet<&str> =
            listed.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        assert_eq!(listed, Code::ALL.iter().map(|code| code.name).collect());
    }
}
