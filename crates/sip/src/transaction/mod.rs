//! Client and server transactions of RFC 3261 §17, without sockets or clocks.
