//! The table of addresses: the only way to serve one, so that each is listed with who may come, and its document is
//! made of its handler. Must not know any handler.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};

use crate::authorised::{Authorised, Right};
use crate::face::Face;

/// One address of the HTTP face.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Its path, with the names of its parameters in braces.
    pub path: String,
    /// A method it takes.
    pub method: String,
    /// Who may come: `anyone`, `holder` of the ticket's token, or a key's scope.
    pub who: &'static str,
}

/// The arguments of a handler of which the first is the proof that its caller may come.
pub(crate) trait Guarded {
    /// What is proven.
    type Right: Right;
}

macro_rules! guarded {
    ($($argument:ident)*) => {
        impl<M, R: Right, $($argument),*> Guarded for (M, Authorised<R>, $($argument,)*) {
            type Right = R;
        }
    };
}

guarded!();
guarded!(A);
guarded!(A B);
guarded!(A B C);
guarded!(A B C D);
guarded!(A B C D E);

/// Addresses in the making.
#[derive(Default)]
pub(crate) struct Addresses {
    router: Router<Face>,
    table: Vec<Address>,
    documented: Vec<Documented>,
}

/// A handler with what `utoipa` wrote down of it, and who may come. Made by [`address!`](crate::address).
pub(crate) struct Documented {
    /// Who may come.
    pub(crate) who: &'static str,
    /// Paths and operations.
    pub(crate) paths: Paths,
    /// The types they name.
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

/// What [`address!`](crate::address) makes.
pub(crate) type Route = (Documented, MethodRouter<Face>);

/// A handler that has a document, as an address to `Addresses::add`.
#[macro_export]
macro_rules! address {
    ($($handler:tt)+) => {{
        let (schemas, paths, router) = utoipa_axum::routes!($($handler)+);
        let who = $crate::addresses::who(&$($handler)+);
        let documented = $crate::addresses::Documented { who, paths, schemas };
        (documented, router)
    }};
}

/// Who may come to a handler.
pub(crate) fn who<H, T>(_: &H) -> &'static str
where
    H: Handler<T, Face>,
    T: Guarded + 'static,
{
    T::Right::WHO
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the table that the rule sends everybody to"
)]
impl Addresses {
    /// An address whose handler has a document.
    pub(crate) fn add(mut self, (documented, router): Route) -> Self {
        for (path, item) in &documented.paths.paths {
            let methods = [
                (&item.get, "GET"),
                (&item.put, "PUT"),
                (&item.post, "POST"),
                (&item.delete, "DELETE"),
                (&item.patch, "PATCH"),
            ];
            for (_, method) in methods.iter().filter(|(operation, _)| operation.is_some()) {
                self.list(path, method, documented.who);
            }
            self.router = self.router.route(path, router.clone());
        }
        self.documented.push(documented);
        self
    }

    /// An address for GET that is no part of the API: a page, a script, a stream that no document describes.
    pub(crate) fn page<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<T, Face>,
        T: Guarded + 'static,
    {
        self.owned(path, (MethodFilter::GET, Method::GET), handler)
    }

    /// An address for POST of a page's own, no part of the API.
    pub(crate) fn posted<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<T, Face>,
        T: Guarded + 'static,
    {
        self.owned(path, (MethodFilter::POST, Method::POST), handler)
    }

    /// An address for DELETE of a page's own, no part of the API.
    pub(crate) fn deleted<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<T, Face>,
        T: Guarded + 'static,
    {
        self.owned(path, (MethodFilter::DELETE, Method::DELETE), handler)
    }

    /// An address for POST that speaks no JSON, so that no document of the API describes it.
    pub(crate) fn post<H, T>(mut self, path: &str, handler: H) -> Self
    where
        H: Handler<T, Face>,
        T: Guarded + 'static,
    {
        self.list(path, Method::POST.as_str(), who(&handler));
        self.router = self.router.route(path, on(MethodFilter::POST, handler));
        self
    }

    /// Everything of `other` too.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self.documented.extend(other.documented);
        self
    }

    /// The same, with every answer going through what `dress` puts round them.
    pub(crate) fn through(mut self, dress: impl FnOnce(Router<Face>) -> Router<Face>) -> Self {
        self.router = dress(self.router);
        self
    }

    /// The same, with answers packed for those who take them so.
    pub(crate) fn compressed(mut self) -> Self {
        self.router = self.router.layer(CompressionLayer::new());
        self
    }

    /// What serves them.
    pub(crate) fn into_router(self) -> Router<Face> {
        self.router
    }

    /// All of them.
    pub(crate) fn table(&self) -> &[Address] {
        &self.table
    }

    /// What is written down of those of the API.
    pub(crate) fn documented(&self) -> &[Documented] {
        &self.documented
    }

    fn owned<H, T>(
        mut self,
        path: &str,
        (filter, method): (MethodFilter, Method),
        handler: H,
    ) -> Self
    where
        H: Handler<T, Face>,
        T: Guarded + 'static,
    {
        self.list(path, method.as_str(), who(&handler));
        self.router = self.router.route(path, on(filter, handler));
        self
    }

    fn list(&mut self, path: &str, method: &str, who: &'static str) {
        self.table.push(Address {
            path: path.to_owned(),
            method: method.to_owned(),
            who,
        });
    }
}
