//! A program that reaches tills by the gateway that it is told, and is no node.

use std::error::Error;

use client_tests::{Open, Receipt, Till, TillClient, TooMuch, till};
use swarm::prelude::*;
use swarm::remote::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let gateway = std::env::args().nth(1).ok_or("the address of a gateway is wanted")?;
    // Nothing says by what the cluster is reached, and there is no node.
    assert_eq!(TillClient::call("till/7", till::Pay { cents: 1 }).await, Err(CallError::NoSwarm));
    assert!(TillClient::cast("till/7", till::Close { why: String::new() }).is_err());
    assert!(matches!(swarm::whereis("till/7").await, Err(RegistryError::NoSwarm)));
    assert!(Swarm::current().is_none());

    let remote = Client::builder().secret("q1Zr5WcVx0bJtD8eYkN2uA==").connect([gateway]).await?;
    TillClient::register("till/7", 100).on(&remote).await?;
    let again = TillClient::register("till/7", 100).on(&remote).await;
    assert!(matches!(again, Err(RegisterError::AlreadyRegistered { .. })));
    let location = TillClient::whereis_or_register("till/7", 0).on(&remote).await?;
    let local = TillClient::register_local("till/8", Till::default()).on(&remote).await;
    assert!(matches!(local, Err(RegisterError::NoMember { .. })));

    assert_eq!(TillClient::call("till/7", till::Pay { cents: 50 }).on(&remote).await?, 150);
    let at = remote.at::<Till>("till/7");
    assert_eq!(at.take(1_000).await?, Err(TooMuch { cents: 150 }));
    at.print(Receipt { text: "50".to_owned() })?;
    assert_eq!(at.receipts().await?, 1);
    assert!(at.open().await?);

    let open = swarm::group::<Open>().on(&remote);
    assert_eq!(open.members().await?, [("till/7".into(), location.clone())]);
    assert_eq!(open.publish(Receipt { text: "1".to_owned() }).await?, 1);
    assert_eq!(open.multicall(till::Receipts).await?, [("till/7".into(), Ok(2))]);
    assert_eq!(remote.registered().await?, [("till/7".into(), location)]);
    remote.unregister("till/7").await?;
    assert_eq!(remote.whereis("till/7").await?, None);

    // Those that this program could run, were it a node.
    println!("{}", swarm::registration::WORKERS.len());
    Ok(())
}
