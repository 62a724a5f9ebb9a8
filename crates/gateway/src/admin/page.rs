//! Long lists in pages: so many items after the one named last, of those that fit a filter. Must not know what the items are.

use axum::extract::{FromRequestParts, Query};
use http::Uri;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// Items of a page that names no number.
const USUAL: usize = 100;

/// Items of the longest page.
const MOST: usize = 1000;

/// Which page is asked for, of the items that fit `F`.
#[derive(Debug)]
pub(super) struct Page<F = Unfiltered> {
    /// Items of the page.
    pub(super) limit: usize,
    /// The last item of the page before.
    pub(super) after: Option<String>,
    /// Which items.
    pub(super) filter: F,
}

/// All items.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unfiltered {}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Items of the page, 100 where none are named.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The last item of the page before.
    after: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listed<T> {
    /// The page.
    pub(super) items: Vec<T>,
    /// What to give as `after` for the next page; null on the last one.
    pub(super) next: Option<String>,
}

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Page<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.uri)
    }
}

impl<F: DeserializeOwned> Page<F> {
    /// What the query asks for. A parameter that is neither the page's nor the filter's is a mistake: a reader who writes
    /// `teir=gold` would take the whole list for the gold one.
    fn read(uri: &Uri) -> Result<Self, Problem> {
        let wrong = |error: &dyn ToString| {
            Problem::unprocessable(format!("The page asked for: {}.", error.to_string()))
        };
        let Query(asked) = Query::<Asked>::try_from_uri(uri).map_err(|error| wrong(&error))?;
        let limit = asked.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::unprocessable("limit goes from 1 to 1000."));
        }
        let others = uri.query().unwrap_or_default().split('&').filter(|pair| {
            let name = pair.split('=').next();
            !pair.is_empty() && name != Some("limit") && name != Some("after")
        });
        let others = others.collect::<Vec<_>>().join("&");
        let filter = Uri::builder()
            .path_and_query(format!("/?{others}"))
            .build()
            .map_err(|error| wrong(&error))?;
        let Query(filter) = Query::<F>::try_from_uri(&filter).map_err(|error| wrong(&error))?;
        Ok(Self {
            limit,
            after: asked.after,
            filter,
        })
    }
}

impl<F> Page<F> {
    /// This page of `items`, which `id` names. An `after` that names none of them, because it has gone since, is
    /// answered with the first page: what a reader has seen twice it knows by its identity.
    pub(super) fn of<T>(self, items: Vec<T>, id: impl Fn(&T) -> &str) -> Listed<T> {
        let start = self
            .after
            .and_then(|after| items.iter().position(|item| id(item) == after))
            .map_or(0, |last| last + 1);
        let left = items.len().saturating_sub(start);
        let items: Vec<T> = items.into_iter().skip(start).take(self.limit).collect();
        let next = items
            .last()
            .filter(|_| left > items.len())
            .map(|item| id(item).to_owned());
        Listed { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_double() {
        let all = ["a", "b", "c", "d", "e"];
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = Page {
                limit: 2,
                after,
                filter: Unfiltered {},
            };
            let listed = page.of(all.to_vec(), |item| item);
            assert!(listed.items.len() <= 2);
            seen.extend(listed.items);
            after = listed.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_filter_is_read_beside_the_page_and_nothing_else_is() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Filter {
            tier: Option<String>,
        }
        let read = |query: &str| {
            Page::<Filter>::read(&format!("/x{query}").parse().unwrap())
                .map(|page| (page.limit, page.after, page.filter.tier))
                .map_err(|problem| problem.document().detail.to_owned())
        };
        assert_eq!(read(""), Ok((100, None, None)));
        let gold = Some("gold & co".to_owned());
        let page = Ok((2, Some("a".to_owned()), gold));
        assert_eq!(read("?limit=2&tier=gold+%26%20co&after=a"), page);
        for (wrong, word) in [
            ("?teir=gold", "teir"),
            ("?tier=gold&tier=silver", "tier"),
            ("?limit=x", "limit"),
            ("?limit=0", "limit"),
        ] {
            assert!(read(wrong).unwrap_err().contains(word), "{wrong}");
        }
    }
}
