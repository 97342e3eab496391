//! Fewer and longer writes than HTTP/2 makes by itself.
//!
//! h2 hands over a frame of more than 256 bytes by itself if the stream under it takes slices, and
//! so every answer with a value, and every event of a watch, would be a system call. To a stream
//! that takes none it hands over what has gathered in its buffer, frames of up to 1 KiB together.
//! What it then writes in two parts, the head of a longer frame and its content, leaves in one.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So many bytes wait for the next write or a flush: as many as h2 gathers.
const HELD_MAX: usize = 16 << 10;

/// A stream whose short writes wait for the next one.
pub struct Gather<S> {
    stream: S,
    held: BytesMut,
}

impl<S: AsyncWrite + Unpin> Gather<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Gather<S> {
        Gather { stream, held: BytesMut::new() }
    }

    fn write_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.held.len() + buf.len() <= HELD_MAX {
            this.held.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        loop {
            let slices = [IoSlice::new(&this.held), IoSlice::new(buf)];
            let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, &slices))?;
            let of_held = written.min(this.held.len());
            this.held.advance(of_held);
            if written == 0 || written > of_held {
                return Poll::Ready(Ok(written - of_held));
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.write_held(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.write_held(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Takes a few bytes at a time and counts how often it was asked.
    struct Narrow {
        took: Vec<u8>,
        calls: usize,
        at_once: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            let taken = buf.len().min(this.at_once);
            this.took.extend_from_slice(&buf[..taken]);
            this.calls += 1;
            Poll::Ready(Ok(taken))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
            self.poll_write(cx, &all)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn written(at_once: usize) -> Narrow {
        let mut gather = Gather::new(Narrow { took: Vec::new(), calls: 0, at_once });
        for part in [vec![1; 9], vec![2; 20 << 10], vec![3; 5], vec![4; 7]] {
            gather.write_all(&part).await.unwrap();
        }
        let waits = at_once < usize::MAX || gather.stream.took.len() == 9 + (20 << 10);
        assert!(waits, "the end waits for a flush");
        gather.flush().await.unwrap();
        gather.stream
    }

    #[tokio::test]
    async fn a_head_leaves_with_its_content_and_short_writes_together() {
        let all = written(usize::MAX).await;
        assert_eq!(all.calls, 2);
        assert_eq!(all.took.len(), 9 + (20 << 10) + 12);
    }

    #[tokio::test]
    async fn nothing_is_lost_or_doubled_where_writes_are_cut_anywhere() {
        let whole = written(usize::MAX).await.took;
        for at_once in [1, 4, 9, 10, 16 << 10] {
            assert_eq!(written(at_once).await.took, whole, "{at_once}");
        }
    }

    #[tokio::test]
    async fn the_end_of_a_stream_takes_along_what_waits() {
        let (stream, mut reader) = tokio::io::duplex(64);
        let mut gather = Gather::new(stream);
        gather.write_all(b"last words").await.unwrap();
        gather.shutdown().await.unwrap();
        drop(gather);
        let mut heard = Vec::new();
        reader.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last words");
    }
}
