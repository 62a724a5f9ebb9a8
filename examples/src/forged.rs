//! Datagrams in the name of any address of 127.0.0.0/8, all of which are this machine's.
//! Must not know what they say.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use anyhow::bail;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};

/// One socket that speaks for many.
#[derive(Debug)]
pub struct Forger {
    socket: UdpSocket,
    server: SockaddrIn,
}

impl Forger {
    /// A forger towards a server on IPv4.
    ///
    /// # Errors
    /// Where there are no more sockets.
    pub fn towards(server: SocketAddr) -> anyhow::Result<Self> {
        let SocketAddr::V4(server) = server else {
            bail!("only IPv4 has many addresses on one machine");
        };
        Ok(Self {
            socket: UdpSocket::bind("0.0.0.0:0")?,
            server: SockaddrIn::from(server),
        })
    }

    /// Sends one datagram as if it came from `source`.
    ///
    /// # Errors
    /// Where the source is not this machine's, or the system does not send.
    pub fn send(&self, source: Ipv4Addr, text: &str) -> anyhow::Result<()> {
        let info = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr {
                s_addr: source.to_bits().to_be(),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        sendmsg(
            self.socket.as_raw_fd(),
            &[IoSlice::new(text.as_bytes())],
            &[ControlMessage::Ipv4PacketInfo(&info)],
            MsgFlags::empty(),
            Some(&self.server),
        )?;
        Ok(())
    }
}
