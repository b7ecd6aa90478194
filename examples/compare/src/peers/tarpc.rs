//! Owns the adaptor of tarpc, as its documentation sets it up: a task for each request, and defaults otherwise. Nothing is
//! changed but `TCP_NODELAY`, which its own `tcp::connect` leaves off.

use std::io;

use futures::StreamExt;
use tarpc::client;
use tarpc::context::Context;
use tarpc::serde_transport;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::LengthDelimitedCodec;
use tokio::net::{TcpListener, TcpStream};

use super::{Payload, Peer, bytes};
use crate::figure::Seen;
use crate::load::{Caller, callers};
use crate::order::Load;

#[tarpc::service]
trait Echo {
    async fn echo(payload: Payload) -> Payload;
}

#[derive(Clone)]
struct Server;

impl Echo for Server {
    async fn echo(self, _: Context, payload: Payload) -> Payload {
        payload
    }
}

pub(crate) async fn serve() -> io::Result<(String, ())> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    Ok((address, ()))
}

async fn answer(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let framed = LengthDelimitedCodec::builder().new_framed(stream);
    let channel = BaseChannel::with_defaults(serde_transport::new(framed, Bincode::default()));
    let answers = channel.execute(Server.serve());
    answers.for_each(|answer| async { drop(tokio::spawn(answer)) }).await;
    Ok(())
}

/// The callers' end: one connection for all.
pub(crate) struct Tarpc(EchoClient);

impl Tarpc {
    pub(crate) async fn at(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let framed = LengthDelimitedCodec::builder().new_framed(stream);
        let transport = serde_transport::new(framed, Bincode::default());
        Ok(Self(EchoClient::new(client::Config::default(), transport).spawn()))
    }
}

impl Peer for Tarpc {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let caller = || Remote { echo: self.0.clone(), payload: Payload(bytes(load.payload)) };
        callers((0..load.callers).map(|_| caller()).collect(), &load).await
    }
}

struct Remote {
    echo: EchoClient,
    payload: Payload,
}

impl Caller for Remote {
    async fn call(&mut self) -> bool {
        let answer = self.echo.echo(tarpc::context::current(), self.payload.clone()).await;
        answer.is_ok_and(|answer| answer.0.len() == self.payload.0.len())
    }
}
