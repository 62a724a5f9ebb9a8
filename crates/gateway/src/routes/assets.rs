//! The files of the asset table: scripts for any page, and the demo's own pages.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::addresses::Addresses;
use crate::assets::{ASSETS, Asset, Audience};
use crate::authorised::{Anyone, Authorised};
use crate::face::Face;
use crate::headers::{PAGE_POLICY, RESOURCE_POLICY};
use crate::problem::Problem;
use crate::routes::conditional::is_known;

/// A route for each asset.
pub(super) fn addresses() -> Addresses {
    let mut addresses = Addresses::default();
    for asset in ASSETS.iter() {
        addresses = addresses.page(
            asset.path,
            move |_: Authorised<Anyone>, state: State<Face>, headers: HeaderMap| async move {
                show(&state, asset, &headers)
            },
        );
    }
    addresses.compressed()
}

fn show(face: &Face, asset: &'static Asset, request: &HeaderMap) -> Result<Response, Problem> {
    let is_served = match asset.audience {
        Audience::Everybody => true,
        Audience::Staff => face.config().console.is_some(),
        Audience::Demo => face.config().demo.is_some(),
    };
    if !is_served {
        return Err(Problem::not_found("This server has no such page."));
    }
    let mut response = if is_known(&asset.etag, request) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let content_type = HeaderValue::from_static(asset.content_type);
        (
            [(header::CONTENT_TYPE, content_type)],
            asset.content.as_ref(),
        )
            .into_response()
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    let own = match asset.audience {
        // Module scripts of another origin are fetched with CORS, without credentials.
        Audience::Everybody => [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (RESOURCE_POLICY, "cross-origin"),
            (
                header::CACHE_CONTROL,
                "public, max-age=300, stale-while-revalidate=86400",
            ),
        ],
        Audience::Staff | Audience::Demo => [
            (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
            (RESOURCE_POLICY, "same-origin"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
    };
    for (name, value) in own {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
