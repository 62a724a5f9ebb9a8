//! A thread with a runtime of its own for one UDP socket: what it reads is worked on where it was read, and no other
//! task comes between. Must not know what the socket's task does.

use std::io;
use std::net::UdpSocket;
use std::thread;

use tokio::runtime;
use tokio::sync::oneshot;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::datagrams::DatagramSocket;
use crate::udp::DatagramTask;

/// A thread that waits for the task to run; it ends where it gets none.
pub(crate) struct SocketThread {
    start: oneshot::Sender<(DatagramTask, TaskTrackerToken)>,
}

impl SocketThread {
    /// Starts the thread, and gives the socket back, of which the thread's runtime says when it can be read.
    pub(crate) async fn open(
        name: String,
        socket: UdpSocket,
    ) -> io::Result<(Self, DatagramSocket)> {
        let (start, started) = oneshot::channel();
        let (opened, opening) = oneshot::channel();
        thread::Builder::new()
            .name(name)
            .spawn(move || run(socket, opened, started))?;
        // A thread that panics has said why.
        let socket = opening.await.map_err(io::Error::other)??;
        Ok((Self { start }, socket))
    }

    /// Runs the task. The token goes when the thread has nothing left to do, also where the task panics.
    pub(crate) fn start(self, task: DatagramTask, token: TaskTrackerToken) {
        // The thread waits for nothing but this.
        drop(self.start.send((task, token)));
    }
}

fn run(
    socket: UdpSocket,
    opened: oneshot::Sender<io::Result<DatagramSocket>>,
    started: oneshot::Receiver<(DatagramTask, TaskTrackerToken)>,
) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            drop(opened.send(Err(error)));
            return;
        }
    };
    let token = runtime.block_on(async move {
        // Where nobody wants the socket, no task comes either; nor from a transport that never runs.
        drop(opened.send(DatagramSocket::new(socket)));
        let (task, token) = started.await.ok()?;
        task.run().await;
        Some(token)
    });
    drop(runtime);
    drop(token);
}
