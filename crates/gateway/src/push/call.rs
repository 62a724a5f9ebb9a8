//! One POST to a shop: the name is resolved once, the address judged, the socket opened to that very address. Nothing
//! is followed, nothing kept open, little read. Must not know what is told.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::target::{Target, Transport};

/// Bytes of an answer that are read; none of them is shown to anybody.
const ANSWER_BYTES: usize = 64 * 1024;

/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// Time for one address to take the connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);

type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Finds the addresses of a host.
pub(super) type Resolver = Arc<dyn Fn(String, u16) -> Resolving + Send + Sync>;

/// Calls shops. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    resolver: Resolver,
    tls: Arc<ClientConfig>,
}

/// What a shop answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer. Fits "failed to {text}".
#[derive(Debug, Error)]
pub enum CallError {
    /// The name has no address.
    #[error("resolve the name: {0}")]
    Unresolved(io::Error),
    /// No address of the name is one that may be called.
    #[error("call an address inside the house that `networks` does not name")]
    Inside,
    /// No connection.
    #[error("connect: {0}")]
    Unreachable(io::Error),
    /// The connection broke before an answer.
    #[error("get an answer: {0}")]
    Broken(hyper::Error),
    /// The answer did not come in time.
    #[error("get an answer in time")]
    Late,
    /// The request cannot be written.
    #[error("write the request")]
    Unwritable,
}

impl Caller {
    /// A caller that trusts the certificates this system trusts.
    pub fn new() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!("this system trusts no certificate: webhooks over https will fail");
        }
        Self::trusting(roots, Arc::new(|host, port| Box::pin(resolve(host, port))))
    }

    pub(super) fn trusting(roots: RootCertStore, resolver: Resolver) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .unwrap_or_else(|_| unreachable!("the provider has the default versions"))
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            resolver,
            tls: Arc::new(tls),
        }
    }

    /// Posts a body; the answer comes within `patience` or not at all.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn post(
        &self,
        target: &Target,
        content_type: &'static str,
        headers: &[(&'static str, String)],
        body: Bytes,
        patience: Duration,
    ) -> Result<Answer, CallError> {
        let calling = self.call(target, content_type, headers, body);
        timeout(patience, calling)
            .await
            .map_err(|_| CallError::Late)?
    }

    async fn call(
        &self,
        target: &Target,
        content_type: &'static str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let request = request(target, content_type, headers, body)?;
        let stream = self.connect(target).await?;
        match target.transport {
            Transport::Plain => exchange(stream, request).await,
            Transport::Tls => {
                let name = ServerName::try_from(target.host.trim_end_matches('.').to_owned())
                    .map_err(|error| CallError::Unreachable(io::Error::other(error)))?;
                let connector = TlsConnector::from(Arc::clone(&self.tls));
                let stream = connector.connect(name, stream).await;
                exchange(stream.map_err(CallError::Unreachable)?, request).await
            }
        }
    }

    /// The check is of the address that the socket is opened to: what the name resolves to a moment later is not asked.
    async fn connect(&self, target: &Target) -> Result<TcpStream, CallError> {
        let resolving = (self.resolver)(target.host.clone(), target.port);
        let addresses = resolving.await.map_err(CallError::Unresolved)?;
        let admitted = addresses
            .into_iter()
            .filter(|address| target.admits(address.ip()));
        let mut outcome = CallError::Inside;
        for address in admitted.take(ADDRESSES) {
            match timeout(CONNECT_TIME, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => outcome = CallError::Unreachable(error),
                Err(_) => outcome = CallError::Unreachable(io::ErrorKind::TimedOut.into()),
            }
        }
        Err(outcome)
    }
}

impl Default for Caller {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Caller(..)")
    }
}

async fn resolve(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

fn request(
    target: &Target,
    content_type: &'static str,
    headers: &[(&'static str, String)],
    body: Bytes,
) -> Result<Request<Full<Bytes>>, CallError> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("deskbell/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in headers {
        request = request.header(HeaderName::from_static(name), value);
    }
    request
        .body(Full::new(body))
        .map_err(|_| CallError::Unwritable)
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(CallError::Broken)?;
    // Ends with this call.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let response = sender
        .send_request(request)
        .await
        .map_err(CallError::Broken)?;
    let (parts, body) = response.into_parts();
    // Read so that the other side is not reset while it writes; what is too long or breaks off changes nothing.
    let _ = Limited::new(body, ANSWER_BYTES).collect().await;
    let retry_after = parts
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    Ok(Answer {
        status: parts.status,
        retry_after,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::TcpListener;

    use super::*;

    async fn spy() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    fn caller(resolver: Resolver) -> Caller {
        Caller::trusting(RootCertStore::empty(), resolver)
    }

    async fn post(caller: &Caller, url: &str, networks: &[&str]) -> Result<Answer, CallError> {
        let networks = networks
            .iter()
            .map(|network| network.parse().unwrap())
            .collect();
        let target = Target::read(url, networks).unwrap();
        let patience = Duration::from_millis(500);
        caller
            .post(
                &target,
                "application/json",
                &[],
                Bytes::from_static(b"{}"),
                patience,
            )
            .await
    }

    fn is_refused(called: &Result<Answer, CallError>) -> bool {
        matches!(called, Err(CallError::Inside | CallError::Unresolved(_)))
    }

    /// Every way to write an address inside the house meets the check of what it resolves to.
    #[tokio::test]
    async fn no_socket_is_opened_to_an_address_inside_however_it_is_written() {
        let caller = Caller::new();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "localhost",
            "localhost.",
            "LOCALHOST",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:7f00:0001]",
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "[fe80::1]",
            "[fd00::1]",
            "10.0.0.1",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ] {
            let called = post(&caller, &format!("https://{host}/"), &[]).await;
            assert!(is_refused(&called), "{host}: {called:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_turns_inside_after_the_first_look_is_looked_up_once() {
        let (listener, port) = spy().await;
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let caller = caller(Arc::new(move |_, _| {
            let look = counted.fetch_add(1, Ordering::Relaxed);
            // First an address of nobody, then ours.
            let address = if look == 0 {
                "203.0.113.1:443".to_owned()
            } else {
                format!("127.0.0.1:{port}")
            };
            Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
        }));
        let called = post(&caller, "https://rebinding.example/", &[]).await;
        assert!(is_refused(&called), "{called:?}");
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        let touched = timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(touched.is_err(), "nobody connected");
    }

    #[tokio::test]
    async fn of_several_addresses_only_those_admitted_are_called() {
        let (listener, port) = spy().await;
        let caller = caller(Arc::new(move |_, _| {
            let addresses =
                ["169.254.169.254:80", "10.0.0.1:80"].map(|address| address.parse().unwrap());
            let ours = format!("127.0.0.1:{port}").parse().unwrap();
            Box::pin(async move { Ok([&addresses[..], &[ours]].concat()) })
        }));
        let refused = post(&caller, "https://shop.example/", &[]).await;
        assert!(is_refused(&refused), "{refused:?}");
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                .await
                .unwrap();
            // Nobody may follow.
            timeout(Duration::from_millis(100), listener.accept())
                .await
                .is_err()
        });
        let called = post(&caller, "http://shop.example/", &["127.0.0.0/8"])
            .await
            .unwrap();
        assert_eq!(
            called.status,
            StatusCode::FOUND,
            "the answer itself, not what it points to"
        );
        assert!(answering.await.unwrap());
    }

    #[tokio::test]
    async fn who_does_not_answer_in_time_is_given_up() {
        let (listener, port) = spy().await;
        let caller = Caller::new();
        let called = post(
            &caller,
            &format!("http://127.0.0.1:{port}/"),
            &["127.0.0.0/8"],
        )
        .await;
        assert!(matches!(called, Err(CallError::Late)), "{called:?}");
        drop(listener);
    }

    #[test]
    fn an_address_is_judged_when_it_is_read() {
        let check = |url: &str, networks: &[&str]| {
            let networks = networks
                .iter()
                .map(|network| network.parse().unwrap())
                .collect();
            Target::read(url, networks)
                .map(|target| target.to_string())
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            check("https://shop.example/a?key=1", &[]).unwrap(),
            "https://shop.example/a"
        );
        // What opens the other side may stand in the query, and stands in no log.
        for url in ["https://shop.example/a?key=1", "https://shop.example?key=1"] {
            let target = Target::read(url, Vec::new()).unwrap();
            assert!(
                !format!("{target} {target:?}").contains("key"),
                "{target:?}"
            );
            assert!(target.path.starts_with('/') && target.path.ends_with("?key=1"));
        }
        for (url, word) in [
            ("http://shop.example/", "use http"),
            ("https://shop.example:8443/", "another port"),
            ("https://user:pass@shop.example/", "user or a password"),
            ("ftp://shop.example/", "read the address"),
            ("/path", "read the address"),
            ("https://", "read the address"),
            ("https://shop.example:x/", "read the address"),
            ("https://shop.example:99999/", "read the address"),
        ] {
            assert!(
                check(url, &[]).unwrap_err().contains(word),
                "{url}: {:?}",
                check(url, &[])
            );
        }
        assert!(check("http://10.0.0.5:8080/", &["10.0.0.0/8"]).is_ok());
    }
}
