//! The OpenAPI 3.1 document, made of the handlers' own documents and of who may come to each.
//! Must not know any handler.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use crate::addresses::Documented;
use crate::problem;

/// The whole document.
pub(crate) fn document(documented: &[Documented]) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    schemas.insert("Problem".to_owned(), json!(problem::Document::schema()));
    for address in documented {
        for (name, schema) in &address.schemas {
            schemas.insert(name.clone(), json!(schema));
        }
        let Value::Object(described) = json!(address.paths) else {
            continue;
        };
        for (path, item) in described {
            let Value::Object(operations) = item else {
                continue;
            };
            let known = paths.entry(path.clone()).or_insert_with(|| json!({}));
            for (method, operation) in operations {
                if let (Value::Object(known), Value::Object(operation)) = (&mut *known, operation) {
                    let complete = complete(&path, &method, operation, address.who);
                    known.insert(method, Value::Object(complete));
                }
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Deskbell",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Live presence of a help desk, tickets and their conversations, and what supervisors and a shop's own programs ask of the desk. Errors are problem documents (RFC 9457).",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "tags": [
            { "name": "presence", "description": "Who can help, and when." },
            { "name": "tickets", "description": "One click for help, and the conversation that follows." },
            { "name": "admin", "description": "For supervisors and a shop's own programs, behind keys of `[[admin_key]]`." },
            { "name": "operations", "description": "For those who run the server." },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "admin_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of `[[admin_key]]` in time and of the scope that the address names.",
                },
                "ticket_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The `token` that a ticket was answered with; browsers send it as the cookie `deskbell-ticket`.",
                },
                "shop_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Who the shopper is, signed by the shop with a secret of its `[[site]]`. One that proves nothing is taken for none.",
                },
            },
        },
    })
}

/// An operation with a name of its own, who may come, and what every address may answer.
fn complete(
    path: &str,
    method: &str,
    mut operation: Map<String, Value>,
    who: &'static str,
) -> Map<String, Value> {
    operation.insert("operationId".to_owned(), json!(name(path, method)));
    let problem = |description: &str| {
        json!({
            "description": description,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        })
    };
    let mut refusals = vec![("default", "Why it was not done.")];
    match who {
        "holder" => {
            let security = operation.entry("security");
            security.or_insert_with(|| json!([{ "ticket_token": [] }]));
            refusals.push(("404", "No such ticket, or the token does not open it."));
        }
        who if who.starts_with("admin:") => {
            let security = operation.entry("security");
            security.or_insert_with(|| json!([{ "admin_key": [] }]));
            operation.insert(
                "x-scope".to_owned(),
                json!(who.trim_start_matches("admin:")),
            );
            if method == "get" {
                tagged(&mut operation);
            }
            refusals.push(("401", "No valid key was sent."));
            refusals.push(("403", "The key does not have this scope."));
        }
        _ => {}
    }
    let is_shoppers = path.starts_with("/v1/sites/") || path.starts_with("/v1/tickets/");
    if method == "post" && is_shoppers {
        push_parameter(
            &mut operation,
            json!({
                "name": "Idempotency-Key",
                "in": "header",
                "required": false,
                "description": "20 to 255 printable ASCII characters that nobody else hits on. A repeated one is answered as the first was, with another body 422, while the first is being done 409. Kept for a day.",
                "schema": { "type": "string", "minLength": 20, "maxLength": 255, "pattern": "^[!-~]+$" },
            }),
        );
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    if let Value::Object(responses) = responses {
        for (status, description) in refusals {
            responses
                .entry(status)
                .or_insert_with(|| problem(description));
        }
    }
    operation
}

/// What the answers of the admin addresses carry, and who has one already is told.
fn tagged(operation: &mut Map<String, Value>) {
    push_parameter(
        operation,
        json!({
            "name": "If-None-Match",
            "in": "header",
            "required": false,
            "description": "Entity-tags of answers that the caller has. Ages and times left run on by themselves and make no new tag; what is no entity-tag fits none.",
            "schema": { "type": "string" },
        }),
    );
    let etag = json!({
        "ETag": {
            "description": "Names this answer, for If-None-Match.",
            "schema": { "type": "string" },
        },
    });
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    if let Some(Value::Object(shown)) = responses.get_mut("200") {
        shown.insert("headers".to_owned(), etag.clone());
    }
    if let Value::Object(responses) = responses {
        responses.insert(
            "304".to_owned(),
            json!({ "description": "The answer is the one that the caller has.", "headers": etag }),
        );
    }
}

fn push_parameter(operation: &mut Map<String, Value>, parameter: Value) {
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Value::Array(parameters) = parameters {
        parameters.push(parameter);
    }
}

/// `get /v1/tickets/{id}` becomes `get_v1_tickets_id`.
fn name(path: &str, method: &str) -> String {
    let words = path
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    std::iter::once(method)
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::routes;

    #[test]
    fn every_operation_has_a_name_of_its_own_and_every_reference_a_target() {
        let document = document(routes::addresses().documented());
        let mut names = HashSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name}");
                assert!(
                    operation["responses"]["default"].is_object(),
                    "{method} {path}"
                );
                let summary = operation["summary"].as_str().unwrap_or_default();
                assert!(
                    !summary.is_empty(),
                    "{method} {path} does not say what it is for"
                );
            }
        }
        assert!(names.len() > 20);
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(
                document["components"]["schemas"][name].is_object(),
                "{name}"
            );
        }
    }

    #[test]
    fn an_address_that_is_no_page_has_a_document() {
        let addresses = routes::addresses();
        let document = document(addresses.documented());
        let undocumented: Vec<&str> = addresses
            .table()
            .iter()
            .filter(|address| address.path.starts_with("/v1/"))
            .filter(|address| {
                let method = address.method.to_ascii_lowercase();
                document["paths"][&address.path][&method].is_null()
            })
            .map(|address| address.path.as_str())
            .collect();
        assert_eq!(
            undocumented,
            ["/v1/tickets/{id}/ws"],
            "sockets have no place in OpenAPI"
        );
    }
}
