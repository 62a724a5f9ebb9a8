//! `GET /openapi.json` and `GET /api/`: what the addresses take and answer, for programs and for people.
//! Must not know any address.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use crate::authorised::{Anyone, Authorised};
use crate::headers::PAGE_POLICY;
use crate::openapi;
use crate::routes::conditional::Cacheable;

/// The same for as long as the process runs.
static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| openapi::document(super::addresses().documented()));

static PAGE: LazyLock<String> = LazyLock::new(|| page(&DOCUMENT));

/// The OpenAPI 3.1 document of this server.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    responses(
        (status = 200, description = "OpenAPI 3.1.", content_type = "application/json", body = Object),
        (status = 304, description = "It has not changed.")
    )
)]
pub(super) async fn document(_: Authorised<Anyone>, headers: HeaderMap) -> Response {
    let cacheable = Cacheable {
        content_type: "application/json",
        cache_control: "no-cache",
        body: DOCUMENT.to_string().into(),
    };
    cacheable.answer(&headers)
}

/// The same as a page.
pub(super) async fn show(_: Authorised<Anyone>, headers: HeaderMap) -> Response {
    let cacheable = Cacheable {
        content_type: "text/html; charset=utf-8",
        cache_control: "no-cache",
        body: PAGE.clone().into(),
    };
    let mut response = cacheable.answer(&headers);
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(PAGE_POLICY),
    );
    response
}

/// How the page looks.
pub(super) async fn sheet(_: Authorised<Anyone>, headers: HeaderMap) -> Response {
    let cacheable = Cacheable {
        content_type: "text/css; charset=utf-8",
        cache_control: "no-cache",
        body: Bytes::from_static(include_bytes!("../../assets/api.css")),
    };
    cacheable.answer(&headers)
}

fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Deskbell: API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"stylesheet\" href=\"/api/api.css\"></head><body><header><h1>Deskbell: API</h1><p>",
    );
    html.push_str(&text(at(document, "/info/description")));
    html.push_str(
        "</p><p>For programs: <a href=\"/openapi.json\">OpenAPI 3.1</a>, \
         <a href=\"/soap?wsdl\">WSDL</a>.</p></header><nav aria-label=\"Addresses\">",
    );
    let operations = operations(document);
    let tags = document["tags"].as_array().map_or(&[][..], Vec::as_slice);
    for tag in tags {
        let name = text(&tag["name"]);
        write(
            &mut html,
            format_args!("<h2><a href=\"#{name}\">{name}</a></h2><ul>"),
        );
        for (path, method, operation) in tagged(&operations, tag) {
            let (id, path) = (text(&operation["operationId"]), escape(path));
            write(
                &mut html,
                format_args!("<li><a href=\"#{id}\"><b>{method}</b> {path}</a></li>"),
            );
        }
        html.push_str("</ul>");
    }
    html.push_str("</nav><main>");
    for tag in tags {
        let (name, description) = (text(&tag["name"]), text(&tag["description"]));
        write(
            &mut html,
            format_args!("<section id=\"{name}\"><h2>{name}</h2><p>{description}</p>"),
        );
        for (path, method, operation) in tagged(&operations, tag) {
            show_operation(&mut html, path, method, operation);
        }
        html.push_str("</section>");
    }
    html.push_str("<section id=\"types\"><h2>Types</h2>");
    for (name, schema) in at(document, "/components/schemas")
        .as_object()
        .into_iter()
        .flatten()
    {
        let name = escape(name);
        let description = text(&schema["description"]);
        write(
            &mut html,
            format_args!("<article id=\"type-{name}\"><h3>{name}</h3><p>{description}</p>"),
        );
        show_members(&mut html, schema);
        html.push_str("</article>");
    }
    html.push_str("</section></main></body></html>");
    html
}

type Operation<'a> = (&'a str, String, &'a Value);

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, operation)| {
                (path.as_str(), method.to_ascii_uppercase(), operation)
            })
        })
        .collect()
}

fn tagged<'a>(
    operations: &'a [Operation<'a>],
    tag: &'a Value,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    operations
        .iter()
        .filter(|(_, _, operation)| at(operation, "/tags/0") == at(tag, "/name"))
        .map(|(path, method, operation)| (*path, method.as_str(), *operation))
}

fn show_operation(html: &mut String, path: &str, method: &str, operation: &Value) {
    let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
    let path = escape(path);
    write(
        html,
        format_args!(
            "<article id=\"{id}\"><h3><b>{method}</b> <code>{path}</code></h3><p>{summary}</p>"
        ),
    );
    if let Some(schemes) = operation["security"].as_array() {
        let schemes = schemes
            .iter()
            .filter_map(Value::as_object)
            .map(|scheme| {
                scheme
                    .keys()
                    .next()
                    .map_or_else(|| "nothing".to_owned(), |name| escape(name))
            })
            .collect::<Vec<_>>();
        let scope = operation["x-scope"]
            .as_str()
            .map(|scope| format!(", scope <code>{}</code>", escape(scope)));
        let scope = scope.unwrap_or_default();
        write(
            html,
            format_args!(
                "<p class=\"wants\">Wants: {}{scope}.</p>",
                schemes.join(" or ")
            ),
        );
    }
    let parameters = operation["parameters"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if !parameters.is_empty() {
        html.push_str("<table><caption>Parameters</caption>");
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let (kind, about) = (kind(&parameter["schema"]), text(&parameter["description"]));
            write(
                html,
                format_args!(
                    "<tr><th scope=\"row\"><code>{name}</code></th><td>{place}</td><td>{kind}</td><td>{about}</td></tr>"
                ),
            );
        }
        html.push_str("</table>");
    }
    let body = at(operation, "/requestBody/content/application~1json/schema");
    if !body.is_null() {
        write(html, format_args!("<p>Body: {}</p>", kind(body)));
    }
    html.push_str("<table><caption>Answers</caption>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let (status, about) = (escape(status), text(&response["description"]));
        let contents = response["content"].as_object().into_iter().flatten();
        let contents = contents
            .map(|(media, content)| {
                format!(
                    "<code>{}</code> {}",
                    escape(media),
                    kind(&content["schema"])
                )
            })
            .collect::<Vec<_>>()
            .join(", ");
        write(
            html,
            format_args!(
                "<tr><th scope=\"row\">{status}</th><td>{about}</td><td>{contents}</td></tr>"
            ),
        );
    }
    html.push_str("</table></article>");
}

fn show_members(html: &mut String, schema: &Value) {
    let Some(members) = schema["properties"].as_object() else {
        write(html, format_args!("<p>{}</p>", kind(schema)));
        return;
    };
    html.push_str("<table><caption>Members</caption>");
    for (name, member) in members {
        let (name, kind, about) = (escape(name), kind(member), text(&member["description"]));
        write(
            html,
            format_args!(
                "<tr><th scope=\"row\"><code>{name}</code></th><td>{kind}</td><td>{about}</td></tr>"
            ),
        );
    }
    html.push_str("</table>");
}

/// What a schema takes, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = escape(name.rsplit('/').next().unwrap_or(name));
        return format!("<a href=\"#type-{name}\">{name}</a>");
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[choice].as_array() {
            return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    let words = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        word => text(word),
    };
    if words.contains("array") {
        return format!("{words} of {}", kind(&schema["items"]));
    }
    words
}

/// What the pointer names (RFC 6901), or null.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn text(value: &Value) -> String {
    value.as_str().map(escape).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn write(html: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = html.write_fmt(what);
}
