//! Workers that are not public are out of reach, whichever way is tried.

use swarm::prelude::*;

use super::fixture::{
    Account, AccountClient, Count, Everyone, Hear, Vault, VaultClient, account_on, pair, program, vault,
};

#[tokio::test(flavor = "multi_thread")]
async fn only_members_reach_what_is_not_public() {
    let nodes = pair("gateway-private").await;
    let remote = program(&[&nodes[0]]).await;
    let node = nodes[0].node();
    let names: Vec<String> = (0..8).map(|i| format!("vault/{i}")).collect();
    for name in &names {
        VaultClient::register(name, ()).on(&nodes[0]).await.expect("the name is free");
        swarm::group::<Everyone>().on(&nodes[0]).join(name).await.expect("it is there");
    }
    let name = names[0].as_str();

    let call = VaultClient::at(name).on(&remote).open().await.expect_err("it is private");
    assert_eq!(call, CallError::NotPublic { name: name.into(), node, worker: "Vault".to_owned() });
    assert_eq!(call.executed(), Executed::No);
    assert!(call.to_string().contains("#[swarm::worker(public)]"), "{call}");
    // Nor by the client of a type that is public.
    let wrong = AccountClient::at(name).on(&remote).balance().await.expect_err("it is no account");
    assert!(matches!(&wrong, CallError::WrongWorker { found, .. } if found == "Vault"), "{wrong:?}");
    VaultClient::at(name).on(&remote).shake().expect("that it is refused is not told");

    let register = VaultClient::register("vault/new", ()).on(&remote).await;
    let expected = RegisterError::NotPublic { name: "vault/new".into(), node, worker: "Vault".to_owned() };
    assert_eq!(register, Err(expected));
    let find = VaultClient::whereis_or_register(name, ()).on(&remote).await;
    assert!(matches!(find, Err(RegisterError::NotPublic { .. })), "{find:?}");
    let find = AccountClient::whereis_or_register(name, 1).on(&remote).await;
    assert!(matches!(find, Err(RegisterError::NotPublic { .. })), "{find:?}");
    let refused = RegistryError::NotPublic { node, worker: "Vault".to_owned() };
    assert_eq!(remote.whereis(name).await, Err(refused.clone()));
    assert_eq!(remote.unregister(name).await, Err(refused.clone()));
    assert_eq!(remote.group::<Everyone>().leave(name).await, Err(refused.clone()));
    assert_eq!(remote.group::<Vault>().multicall(vault::Touched).await, Err(refused.clone()));
    assert_eq!(remote.group::<Vault>().publish(vault::Shake).await, Err(refused.clone()));
    assert_eq!(remote.group::<Vault>().members().await, Err(refused));

    // In a group of both, only those that are public are met.
    let accounts = [account_on(&nodes[0]).await, account_on(&nodes[1]).await];
    for account in &accounts {
        remote.group::<Everyone>().join(account).await.expect("it is public");
    }
    let mut accounts = accounts.map(Name::from);
    accounts.sort();
    let asked = remote.group::<Everyone>().multicall(Count).await.expect("it is answered");
    assert_eq!(asked.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), accounts);
    assert_eq!(remote.group::<Everyone>().publish(Hear { cents: 1 }).await, Ok(2));
    let members = remote.group::<Everyone>().members().await.expect("it is answered");
    assert_eq!(members.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), accounts);
    let listed = remote.registered().await.expect("it is answered");
    assert!(!listed.is_empty() && listed.iter().all(|(_, at)| at.worker == "Account"), "{listed:?}");

    // A member meets all of them, and none of the vaults has been touched before.
    let all = nodes[1].group::<Everyone>().members().await.expect("it is answered");
    assert_eq!(all.len(), 2 + names.len());
    for (name, touched) in nodes[1].group::<Vault>().multicall(vault::Touched).await.expect("it is answered") {
        assert_eq!(touched, Ok(0), "{name}");
    }
    assert_eq!(remote.at::<Account>(accounts[0].clone()).balance().await, Ok(1));
}
