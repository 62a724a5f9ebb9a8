//! The wire between the server and a telephone: what goes by is noted, and may be held up. Must not know the server.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use examples::wait;

use crate::desk::LIMIT;

/// What is held up on its way to the telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    Nothing,
    /// A CANCEL, until the telephone has been taken up: the two cross on the wire.
    Cancel,
}

/// A wire to one telephone; it ends with the test.
pub(crate) struct Wire {
    address: SocketAddr,
    noted: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    pub(crate) fn to(telephone: SocketAddr, holding: Holding) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Looks now and then whether the test is over.
        let pause = Some(Duration::from_millis(100));
        socket.set_read_timeout(pause).unwrap();
        let address = socket.local_addr().unwrap();
        let noted = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::downgrade(&noted);
        std::thread::spawn(move || {
            let (mut server, mut held) = (None, Vec::new());
            let mut is_holding = holding == Holding::Cancel;
            let mut buffer = [0; 8192];
            while let Some(notes) = notes.upgrade() {
                let Ok((length, source)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let bytes = buffer.get(..length).unwrap();
                let text = String::from_utf8_lossy(bytes).into_owned();
                if source != telephone {
                    server = Some(source);
                    if is_holding && text.starts_with("CANCEL ") {
                        held.push(bytes.to_vec());
                    } else {
                        socket.send_to(bytes, telephone).unwrap();
                    }
                } else if let Some(server) = server {
                    socket.send_to(bytes, server).unwrap();
                    if text.starts_with("SIP/2.0 200") && text.contains(" INVITE\r\n") {
                        is_holding = false;
                        for late in held.drain(..) {
                            socket.send_to(&late, telephone).unwrap();
                        }
                    }
                }
                notes.lock().unwrap().push(text);
            }
        });
        Self { address, noted }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// All messages so far that begin so.
    pub(crate) fn noted(&self, begins: &str) -> Vec<String> {
        let noted = self.noted.lock().unwrap();
        let fitting = noted.iter().filter(|text| text.starts_with(begins));
        fitting.cloned().collect()
    }

    /// The first message that begins so, once it has gone by or is held up.
    pub(crate) fn wait(&self, begins: &str) -> String {
        wait::until(begins, LIMIT, || Ok(self.noted(begins).into_iter().next())).unwrap()
    }
}
