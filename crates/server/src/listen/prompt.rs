//! A connection that says at once what it has got.
//!
//! The official client in Rust leaves Nagle's algorithm on: the second part of a call waits until the first is
//! acknowledged, and Linux puts that off for 40 ms, in the hope of something to send along. Each append of a lone
//! caller took as long.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// How much more is read at once, in bytes: all of a small append.
#[cfg(target_os = "linux")]
const MORE: usize = 4 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Prompt(pub(super) TcpStream);

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        if buffer.filled().len() > before {
            acknowledge(&self.0);
            read_on(&self.0, buffer);
        }
        read
    }
}

/// The system forgets the wish, so that it is told again and again. Where it has no ear for it, things are only slower.
fn acknowledge(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// On the same machine, what waited for the acknowledgement has come with it: it is taken along, and the driver need
/// not look for it. What cannot be read now is read, or found out, later.
fn read_on(stream: &TcpStream, buffer: &mut ReadBuf<'_>) {
    #[cfg(target_os = "linux")]
    if buffer.remaining() > 0 {
        let room = buffer.initialize_unfilled_to(buffer.remaining().min(MORE));
        if let Ok((read, _)) = rustix::net::recv(stream, room, rustix::net::RecvFlags::DONTWAIT) {
            buffer.advance(read);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, buffer);
}

impl AsyncWrite for Prompt {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
