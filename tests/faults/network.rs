//! A proxy between a process and the broker, which can be told to do what networks do.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// What the network does to what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// It arrives.
    Whole,
    /// Connections are reset and refused.
    Cut,
    /// Nothing arrives, in both directions, and nobody is told.
    Silent,
    /// Each piece arrives so much later.
    Slow(Duration),
}

/// Hands on what comes to one port to another.
pub struct Proxy(watch::Sender<Network>);

impl Proxy {
    pub async fn start(listen: u16, to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", listen)).await.unwrap();
        let (sender, network) = watch::channel(Network::Whole);
        tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else { return };
                if *network.borrow() == Network::Cut {
                    continue;
                }
                tokio::spawn(connect(near, to, network.clone()));
            }
        });
        Self(sender)
    }

    pub fn becomes(&self, network: Network) {
        self.0.send_replace(network);
    }
}

async fn connect(near: TcpStream, to: u16, network: watch::Receiver<Network>) {
    let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    // The first to end drops the other, and with it both connections.
    tokio::select! {
        () = hand_on(near_in, far_out, network.clone()) => {}
        () = hand_on(far_in, near_out, network) => {}
    }
}

async fn hand_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut network: watch::Receiver<Network>) {
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = tokio::select! {
            cut = network.wait_for(|network| *network == Network::Cut) => { drop(cut); return }
            read = from.read(&mut piece) => read,
        };
        let Ok(length @ 1..) = read else { return };
        let now = *network.borrow();
        if let Network::Slow(time) = now {
            sleep(time).await;
        }
        let Ok(now) = network.wait_for(|network| *network != Network::Silent).await.map(|network| *network) else {
            return;
        };
        if now == Network::Cut || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
