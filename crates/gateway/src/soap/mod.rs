//! `POST /soap` and `GET /soap?wsdl`: the desk for programs that speak SOAP 1.1 or 1.2.
//! The body's element says what is done; a header that names another operation is refused.

use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::authorised::{Anyone, Authorised};
use crate::body;
use crate::face::Face;
use crate::origin;
use crate::problem::Problem;

mod documents;
mod envelope;
mod fault;
mod operations;
mod parameters;
mod wsdl;

use envelope::Version;
use fault::Fault;
use wsdl::Side;

/// The WSDL.
pub(crate) async fn describe(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default().to_ascii_lowercase();
    let (side, address) = match query.as_str() {
        "wsdl" | "wsdl=" => (
            Side::Pull,
            format!("{}/soap", origin::of_this(&headers, &face)),
        ),
        "wsdl=notify" => (Side::Push, "https://shop.example/deskbell".to_owned()),
        _ => {
            return Err(Problem::not_found(
                "Ask for /soap?wsdl, or /soap?wsdl=notify for what your server is told; operations are POSTed.",
            ));
        }
    };
    let content_type = [(header::CONTENT_TYPE, "text/xml; charset=utf-8")];
    Ok((content_type, wsdl::document(side, &address)).into_response())
}

/// One operation. Anybody may come; an operation that wants more proves it.
pub(crate) async fn perform(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    request: Request,
) -> Result<Response, Problem> {
    let version = spoken(request.headers())?;
    let (mut parts, body) = request.into_parts();
    let bytes = body::read(body).await?;
    let answer = match envelope::read(&bytes, version) {
        Ok(node) => match check_action(&parts.headers, version, &node.name) {
            Ok(()) => operations::perform(&node, &face, &mut parts).await,
            Err(fault) => Err(fault),
        },
        Err(fault) => Err(fault),
    };
    Ok(match answer {
        Ok(body) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, version.content_type())],
            envelope::write(version, &body),
        )
            .into_response(),
        Err(fault) => fault.answer(version),
    })
}

/// Which SOAP the Content-Type says.
fn spoken(headers: &HeaderMap) -> Result<Version, Problem> {
    let unknown = || {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "SOAP comes as text/xml (1.1) or application/soap+xml (1.2), without a Content-Encoding.",
        )
    };
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(unknown());
    }
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    match essence.map(str::to_ascii_lowercase).as_deref() {
        Some("text/xml") => Ok(Version::Soap11),
        Some("application/soap+xml") => Ok(Version::Soap12),
        Some(_) | None => Err(unknown()),
    }
}

/// What a header names has to be what the body asks: whoever guards by the header must not be led astray.
fn check_action(headers: &HeaderMap, version: Version, operation: &str) -> Result<(), Fault> {
    let wrong = || Fault::sender("The action of the header is not the operation of the body.");
    let mut named = Vec::new();
    for value in headers.get_all("soapaction") {
        named.push(value.to_str().map_err(|_| wrong())?);
    }
    // RFC 3902 §3: SOAP 1.2 has it as a parameter of the media type.
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    for parameter in content_type.unwrap_or_default().split(';').skip(1) {
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("action")
        {
            named.push(value);
        }
    }
    let expected = version.action(operation);
    for action in named {
        let action = action.trim().trim_matches('"');
        if !action.is_empty() && action != expected {
            return Err(wrong());
        }
    }
    Ok(())
}

pub(crate) use documents::presence as presence_element;
pub(crate) use envelope::{Version as SoapVersion, write as write_envelope};
