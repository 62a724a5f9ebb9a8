//! Open streams of presence, a connection each, read by one thread. Must not know what makes the server speak.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use memchr::memmem;
use rustix::event::{Timespec, epoll};

use super::audience::{Audience, Heard, Reading};

/// All pages that are open.
pub(crate) struct Pages {
    poll: OwnedFd,
    pages: Vec<Page>,
    ready: Vec<epoll::Event>,
    /// When each of those that have heard did.
    heard_at: Vec<Instant>,
    /// Events with data that have come to all of them together.
    events: u64,
}

struct Page {
    stream: TcpStream,
    reading: Reading,
    has_heard: bool,
}

/// Pages that are looked at in one turn.
const TURN: usize = 256;
/// Pages that have heard nothing yet at once; with more of them the backlog of the server is full, and the kernel has
/// them wait for a second.
const ARRIVING: usize = 200;
/// Where Deskbell has the events of the site.
pub(crate) const EVENTS: &str = "/v1/sites/shop/presence/events";

fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: help.shop.example\r\nAccept: text/event-stream\r\n\
         Accept-Language: en\r\nUser-Agent: benches, pages that watch\r\nOrigin: https://shop.example\r\nSec-Fetch-Mode: cors\r\n\r\n"
    )
}

impl Pages {
    /// None open.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            poll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            pages: Vec::new(),
            ready: Vec::with_capacity(TURN),
            heard_at: Vec::new(),
            events: 0,
        })
    }

    /// Reads one turn of those that have something; returns how many of them heard the mark for the first time.
    fn look(
        &mut self,
        time: Option<Duration>,
        mark: Option<&memmem::Finder<'_>>,
    ) -> anyhow::Result<usize> {
        let time = time.map(Timespec::try_from).transpose()?;
        self.ready.clear();
        epoll::wait(
            &self.poll,
            rustix::buffer::spare_capacity(&mut self.ready),
            time.as_ref(),
        )?;
        let mut fresh = 0;
        let mut buffer = [0; 16 * 1024];
        for event in &self.ready {
            let place = usize::try_from(event.data.u64())?;
            let Some(page) = self.pages.get_mut(place) else {
                continue;
            };
            let (events, hears) = page.read(&mut buffer, mark)?;
            self.events += events;
            if hears && !page.has_heard {
                page.has_heard = true;
                self.heard_at.push(Instant::now());
                fresh += 1;
            }
        }
        Ok(fresh)
    }
}

impl Audience for Pages {
    fn open(
        &mut self,
        server: SocketAddr,
        path: &str,
        count: usize,
        mark: &str,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let finder = memmem::Finder::new(mark);
        let mut arriving = 0;
        let request = request(path);
        for opened in 0..count {
            let mut stream = TcpStream::connect(server)
                .with_context(|| format!("failed to open page {opened}"))?;
            stream.write_all(request.as_bytes())?;
            stream.set_nonblocking(true)?;
            let place = epoll::EventData::new_u64(self.pages.len() as u64);
            epoll::add(&self.poll, &stream, place, epoll::EventFlags::IN)?;
            self.pages.push(Page {
                stream,
                reading: Reading::default(),
                has_heard: false,
            });
            arriving += 1;
            let asked = Instant::now();
            while arriving > ARRIVING {
                let left = patience
                    .checked_sub(asked.elapsed())
                    .with_context(|| format!("page {opened} waits for its turn"))?;
                arriving -= self.look(Some(left), Some(&finder))?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, mark: &str, patience: Duration) -> anyhow::Result<Heard> {
        let begun = Instant::now();
        let finder = memmem::Finder::new(mark);
        let mut missing = self.pages.iter().filter(|page| !page.has_heard).count();
        while missing > 0 {
            let left = patience
                .checked_sub(begun.elapsed())
                .with_context(|| format!("{missing} pages did not hear within {patience:?}"))?;
            missing -= self.look(Some(left), Some(&finder))?;
        }
        for page in &mut self.pages {
            page.has_heard = false;
        }
        Ok(Heard::of(std::mem::take(&mut self.heard_at), begun))
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while let Some(left) = time.checked_sub(begun.elapsed()) {
            self.look(Some(left), None)?;
        }
        Ok(())
    }
}

impl Page {
    /// How many events with data came, and whether the mark is in them.
    fn read(
        &mut self,
        buffer: &mut [u8],
        mark: Option<&memmem::Finder<'_>>,
    ) -> anyhow::Result<(u64, bool)> {
        let length = match self.stream.read(buffer) {
            Ok(0) => bail!("the server closed a stream"),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((0, false)),
            Err(error) => return Err(error.into()),
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        Ok(self.reading.take(bytes, mark))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn an_event_counts_once_it_is_whole_and_says_what_was_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut streams: Vec<TcpStream> = (0..2)
                .map(|_| {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut request = vec![0; request(EVENTS).len()];
                    stream.read_exact(&mut request).unwrap();
                    stream
                })
                .collect();
            for (n, text) in [
                (0, "data: other\n\n"),
                (1, "data: mar"),
                (0, "data: mark\n\n"),
                (1, "k\n\n"),
            ] {
                streams[n].write_all(text.as_bytes()).unwrap();
            }
            streams
        });
        let mut pages = Pages::new().unwrap();
        pages.open(address, EVENTS, 2, "mark", PATIENCE).unwrap();
        let heard = pages.hear("mark", PATIENCE).unwrap();
        assert!(heard.first <= heard.last);
        assert_eq!((heard.all.len(), pages.events()), (2, 3));
        let none = pages.hear("mark", Duration::from_millis(50)).unwrap_err();
        assert!(
            none.to_string().starts_with("2 pages did not hear"),
            "{none}"
        );
        drop(server.join().unwrap());
    }
}
