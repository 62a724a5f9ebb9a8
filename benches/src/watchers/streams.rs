//! Open streams of presence over HTTP/2, a hundred of them a connection, read by one thread: more of them than a process
//! has descriptors. Must not know what makes the server speak.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use memchr::memmem;
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::audience::{Audience, Heard, Reading};

/// All streams that are open. What has come is read while somebody waits for it, and at no other time.
pub(crate) struct Streams {
    runtime: Runtime,
    connections: Vec<SendRequest<Empty<Bytes>>>,
    count: usize,
    heard: Arc<Hearing>,
}

/// What all streams tell.
#[derive(Default)]
struct Hearing {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    /// What is waited for.
    mark: Option<memmem::Finder<'static>>,
    /// How often all of them have heard what was waited for.
    round: u64,
    heard_at: Vec<Instant>,
    events: u64,
    failure: Option<anyhow::Error>,
}

/// As many as servers commonly allow.
const STREAMS: usize = 100;
/// No stream waits for the windows of another.
const WINDOW: u32 = 1 << 30;

impl Streams {
    /// None open.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            runtime,
            connections: Vec::new(),
            count: 0,
            heard: Arc::default(),
        })
    }
}

impl Audience for Streams {
    fn open(
        &mut self,
        server: SocketAddr,
        path: &str,
        count: usize,
        mark: &str,
        patience: Duration,
    ) -> anyhow::Result<()> {
        self.heard.state().wait_for(Some(mark));
        let mut left = count;
        while left > 0 {
            let more = left.min(STREAMS);
            self.count += more;
            let opening = connect(server, path, more, &self.heard);
            let connection = self
                .runtime
                .block_on(async { timeout(patience, opening).await })
                .context("a connection does not come about")??;
            self.connections.push(connection);
            self.runtime
                .block_on(self.heard.until(self.count, patience))?;
            left -= more;
        }
        Ok(())
    }

    fn hear(&mut self, mark: &str, patience: Duration) -> anyhow::Result<Heard> {
        let begun = Instant::now();
        self.heard.state().wait_for(Some(mark));
        self.runtime
            .block_on(self.heard.until(self.count, patience))?;
        let mut state = self.heard.state();
        state.round += 1;
        Ok(Heard::of(std::mem::take(&mut state.heard_at), begun))
    }

    fn events(&self) -> u64 {
        self.heard.state().events
    }

    fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        self.heard.state().wait_for(None);
        self.runtime
            .block_on(async { tokio::time::sleep(time).await });
        self.heard.state().check()
    }
}

impl Hearing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when so many have heard.
    async fn until(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        let all = async {
            loop {
                let news = self.news.notified();
                {
                    let mut state = self.state();
                    if state.heard_at.len() >= count {
                        return anyhow::Ok(());
                    }
                    state.check()?;
                }
                news.await;
            }
        };
        match timeout(patience, all).await {
            Ok(done) => done,
            Err(_) => {
                let missing = count - self.state().heard_at.len();
                bail!("{missing} pages did not hear within {patience:?}")
            }
        }
    }
}

impl State {
    fn wait_for(&mut self, mark: Option<&str>) {
        self.mark = mark.map(|mark| memmem::Finder::new(mark).into_owned());
    }

    fn check(&mut self) -> anyhow::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

/// Asks for so many streams over a connection of their own.
async fn connect(
    server: SocketAddr,
    path: &str,
    count: usize,
    heard: &Arc<Hearing>,
) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(TokioIo::new(stream))
        .await?;
    // Its streams tell when it breaks.
    tokio::spawn(connection);
    for _ in 0..count {
        sender.ready().await?;
        let request = Request::get(format!("http://help.shop.example{path}"))
            .header("accept", "text/event-stream")
            .header("accept-language", "en")
            .header("user-agent", "benches, pages that watch")
            .header("origin", "https://shop.example")
            .header("sec-fetch-mode", "cors")
            .body(Empty::new())?;
        let answer = sender.send_request(request);
        let heard = Arc::clone(heard);
        tokio::spawn(async move {
            if let Err(error) = read(answer, &heard).await {
                heard.state().failure.get_or_insert(error);
                heard.news.notify_one();
            }
        });
    }
    Ok(sender)
}

/// Reads one stream, which has no end.
async fn read(
    answer: impl Future<Output = hyper::Result<Response<Incoming>>>,
    heard: &Hearing,
) -> anyhow::Result<()> {
    let response = answer.await?;
    ensure!(response.status() == StatusCode::OK, "{}", response.status());
    let mut body = response.into_body();
    let mut reading = Reading::default();
    let mut next_round = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let mut state = heard.state();
        let (events, hears) = reading.take(&data, state.mark.as_ref());
        state.events += events;
        if hears && next_round <= state.round {
            next_round = state.round + 1;
            state.heard_at.push(Instant::now());
            heard.news.notify_one();
        }
    }
    bail!("the server closed a stream")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::TcpListener;
    use std::thread;

    use http_body_util::Full;
    use hyper::server;
    use hyper::service::service_fn;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Answers each request over one connection with the same text, and ends the stream.
    fn serve(text: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (stream, _) = listener.accept().unwrap();
                stream.set_nonblocking(true).unwrap();
                let stream = TcpStream::from_std(stream).unwrap();
                let answer = service_fn(async |_| {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(
                        text.as_bytes(),
                    ))))
                });
                let serving = server::conn::http2::Builder::new(TokioExecutor::new());
                drop(serving.serve_connection(TokioIo::new(stream), answer).await);
            });
        });
        address
    }

    #[test]
    fn streams_of_one_connection_hear_and_tell_that_they_end() {
        let mut streams = Streams::new().unwrap();
        let address = serve("data: other\n\ndata: mark\n\n");
        streams.open(address, "/", 3, "mark", PATIENCE).unwrap();
        let heard = streams.hear("mark", PATIENCE).unwrap();
        assert_eq!((heard.all.len(), streams.events()), (3, 6));
        let ended = streams.rest(Duration::from_millis(20)).unwrap_err();
        assert_eq!(ended.to_string(), "the server closed a stream");
    }

    #[test]
    fn a_stream_that_says_something_else_is_missed() {
        let mut streams = Streams::new().unwrap();
        let address = serve("data: other\n\n");
        assert!(streams.open(address, "/", 1, "mark", PATIENCE).is_err());
        assert_eq!(streams.events(), 1);
    }
}
