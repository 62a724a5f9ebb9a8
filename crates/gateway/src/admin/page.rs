//! Long lists in pages: so many items after the one named last. Must not know what the items are.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// Items of a page that names no number.
const USUAL: usize = 100;

/// Items of the longest page.
const MOST: usize = 1000;

/// Which page is asked for.
#[derive(Debug)]
pub(super) struct Page {
    limit: usize,
    after: Option<String>,
}

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
    items: Vec<T>,
    /// What to give as `after` for the next page; null on the last one.
    next: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(asked) = Query::<Asked>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::unprocessable(format!("The page asked for: {error}.")))?;
        let limit = asked.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::unprocessable("limit goes from 1 to 1000."));
        }
        Ok(Self {
            limit,
            after: asked.after,
        })
    }
}

impl Page {
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
            let page = Page { limit: 2, after };
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
}
