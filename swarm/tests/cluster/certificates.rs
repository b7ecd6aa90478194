//! Clusters with certificates: that they work as any other, that these can be changed under load, and who is kept out.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use swarm::prelude::*;
use swarm::{Config, StartError, Swarm, Tls, TlsError};

use crate::fixture::{PATIENCE, Tally, TallyClient, all_know, bind, patient, placed, trace, until};
use crate::secrets::{Load, call, more};
use crate::workers::{Hoard, HoardClient};

/// A CA.
struct Mint(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
struct Paper {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Mint {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("there is randomness");
        Self(CertifiedIssuer::self_signed(params, key).expect("a good CA"))
    }

    fn paper(&self, cluster: &str, change: impl FnOnce(&mut CertificateParams)) -> Paper {
        let mut params = CertificateParams::new(vec![format!("{cluster}.swarm")]).expect("a good name");
        change(&mut params);
        let key = KeyPair::generate().expect("there is randomness");
        Paper { certificate: params.signed_by(&key, &self.0).expect("a good certificate"), key }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a good CA");
        roots
    }
}

impl Paper {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }
}

/// The files of one node, which are gone at the end of the test.
struct Drawer(PathBuf);

impl Drawer {
    /// With a certificate for this cluster, and these CAs.
    fn with(mint: &Mint, cluster: &str, cas: &[&Mint]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let path = std::env::temp_dir().join(format!("swarm-certificates-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the directory for temporary files is writable");
        let drawer = Self(path);
        drawer.trust(cas);
        drawer.put(&mint.paper(cluster, |_| {}));
        drawer
    }

    fn put(&self, paper: &Paper) {
        self.write("node.pem", &paper.certificate.pem());
        self.write("node.key", &paper.key.serialize_pem());
    }

    fn trust(&self, cas: &[&Mint]) {
        self.write("ca.pem", &cas.iter().map(|ca| ca.0.pem()).collect::<String>());
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("it is ours");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        }
    }

    fn tls(&self) -> Tls {
        let path = |name| self.0.join(name);
        Tls::from_files(path("node.pem"), path("node.key"), path("ca.pem")).expect("good files")
    }
}

impl Drop for Drawer {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("it is still there");
    }
}

async fn join(cluster: &str, drawer: &Drawer, seeds: &[&Swarm]) -> Swarm {
    join_with(patient(), cluster, drawer, seeds).await
}

async fn join_with(config: Config, cluster: &str, drawer: &Drawer, seeds: &[&Swarm]) -> Swarm {
    trace();
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    let builder =
        Swarm::builder().cluster(cluster).bind(bind()).discovery(Seeds::new(seeds)).config(config).tls(drawer.tls());
    builder.start().await.expect("a node starts on a free loopback port")
}

#[tokio::test(flavor = "multi_thread")]
async fn large_states_move_whole_between_nodes_with_certificates() {
    const CLUSTER: &str = "certified-hoards";
    const COUNT: u8 = 6;
    let mint = Mint::new("ca");
    let drawers = [(); 3].map(|()| Drawer::with(&mint, CLUSTER, &[&mint]));
    let mut nodes = vec![join(CLUSTER, &drawers[0], &[]).await];
    let mut digests = Vec::new();
    for i in 0..COUNT {
        let name = format!("hoard-{i}");
        HoardClient::register(&name, (i, 3_000_000)).on(&nodes[0]).timeout(PATIENCE).await.expect("the name is free");
        let hoard = nodes[0].at::<Hoard>(&name);
        hoard.mark(u32::from(i) * 300_000, 255).timeout(PATIENCE).await.expect("it runs");
        digests.push(hoard.digest().timeout(PATIENCE).await.expect("it runs"));
    }
    for drawer in &drawers[1..] {
        nodes.push(join(CLUSTER, drawer, &[&nodes[0]]).await);
        all_know(&nodes).await;
        placed(&nodes, COUNT.into()).await;
        for (i, digest) in digests.iter().enumerate() {
            for node in &nodes {
                let now = node.at::<Hoard>(format!("hoard-{i}")).digest().timeout(PATIENCE).await;
                assert_eq!(now, Ok(*digest), "hoard-{i} through {node:?}");
            }
        }
    }
    for node in &nodes {
        assert_eq!(node.stats().refused_connections, 0, "{node:?}");
        assert_eq!(node.tls().name(), Ok("certified-hoards.swarm"));
    }
    nodes.remove(0).leave().await.expect("all of them are handed over");
    for (i, digest) in digests.into_iter().enumerate() {
        let now = nodes[0].at::<Hoard>(format!("hoard-{i}")).digest().timeout(PATIENCE).await;
        assert_eq!(now, Ok(digest), "hoard-{i} after its node has left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ca_changes_under_load_and_no_call_fails() {
    const CLUSTER: &str = "certified-rotation";
    let (old, new) = (Mint::new("old"), Mint::new("new"));
    let drawers = [(); 4].map(|()| Drawer::with(&old, CLUSTER, &[&old]));
    let mut nodes = vec![join(CLUSTER, &drawers[0], &[]).await];
    nodes.push(join(CLUSTER, &drawers[1], &[&nodes[0]]).await);
    nodes.push(join(CLUSTER, &drawers[2], &[&nodes[0]]).await);
    all_know(&nodes).await;
    for i in 0..24 {
        TallyClient::register(format!("tally-{i}"), ()).on(&nodes[0]).await.expect("the name is free");
    }
    let load = Arc::new(Load::default());
    let callers: Vec<_> = (0..3).map(|i| tokio::spawn(call(nodes[i].clone(), i as u64 * 8, load.clone()))).collect();
    more(&nodes, &load).await;
    for step in [
        &|drawer: &Drawer| drawer.trust(&[&old, &new]),
        &|drawer: &Drawer| drawer.put(&new.paper(CLUSTER, |_| {})),
        &|drawer: &Drawer| drawer.trust(&[&new]),
    ] as [&dyn Fn(&Drawer); 3]
    {
        for (node, drawer) in nodes.iter().zip(&drawers) {
            step(drawer);
            node.tls().reload().expect("its files are good");
            more(&nodes, &load).await;
        }
    }
    // What is broken changes nothing.
    drawers[0].write("node.pem", "");
    assert!(matches!(nodes[0].tls().reload(), Err(TlsError::File { what: "certificate", .. })));
    // Who comes now has never heard of the old CA; workers move to it meanwhile.
    drawers[3].put(&new.paper(CLUSTER, |_| {}));
    drawers[3].trust(&[&new]);
    nodes.push(join(CLUSTER, &drawers[3], &[&nodes[0]]).await);
    all_know(&nodes).await;
    more(&nodes, &load).await;

    load.stop.store(true, Ordering::SeqCst);
    let mut hits = Vec::new();
    for caller in callers {
        hits.extend(caller.await.expect("it does not panic"));
    }
    assert_eq!(load.failed.load(Ordering::SeqCst), 0);
    let counts_hold = async |node: &Swarm| {
        for (i, hits) in hits.iter().enumerate() {
            if node.at::<Tally>(format!("tally-{i}")).hit(0).timeout(PATIENCE).await != Ok(*hits) {
                return false;
            }
        }
        true
    };
    assert!(counts_hold(&nodes[3]).await);
    for node in &nodes {
        assert_eq!(node.stats().refused_connections, 0, "{node:?}");
    }

    // Everybody connects anew, and nobody is given up for that.
    for node in &nodes {
        node.tls().renew().expect("it has certificates");
    }
    for node in &nodes {
        until("all are connected again", &nodes, async || counts_hold(node).await).await;
        assert_eq!((node.nodes().len(), node.stats().refused_connections), (4, 0));
    }
    let late = Drawer::with(&old, CLUSTER, &[&old, &new]);
    let stranger = join(CLUSTER, &late, &[&nodes[0]]).await;
    until("the old CA opens nothing", &nodes, async || stranger.stats().refused_connections > 1).await;
    assert_eq!(stranger.nodes().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_outlive_their_certificates_until_they_are_made_anew() {
    const CLUSTER: &str = "certified-renewal";
    let (old, new) = (Mint::new("old"), Mint::new("new"));
    let drawers = [(); 2].map(|()| Drawer::with(&old, CLUSTER, &[&old]));
    let mut nodes = vec![join(CLUSTER, &drawers[0], &[]).await];
    nodes.push(join(CLUSTER, &drawers[1], &[&nodes[0]]).await);
    all_know(&nodes).await;
    for i in 0..8 {
        TallyClient::register(format!("kept-{i}"), ()).on(&nodes[0]).await.expect("the name is free");
    }
    drawers[0].put(&new.paper(CLUSTER, |_| {}));
    drawers[0].trust(&[&new]);
    nodes[0].tls().reload().expect("its files are good");
    for i in 0..8 {
        for node in &nodes {
            let hit = node.at::<Tally>(format!("kept-{i}")).hit(1).timeout(PATIENCE).await;
            assert!(hit.is_ok(), "{hit:?}");
        }
    }
    assert_eq!(nodes[0].stats().refused_connections + nodes[1].stats().refused_connections, 0);
    nodes[0].tls().renew().expect("it has certificates");
    until("they refuse each other", &nodes, async || nodes.iter().all(|node| node.stats().refused_connections > 0))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_protected_otherwise_are_alone_and_both_sides_count_it() {
    const CLUSTER: &str = "certified-strangers";
    let (mint, other) = (Mint::new("ca"), Mint::new("another"));
    let drawer = Drawer::with(&mint, CLUSTER, &[&mint]);
    let node = join(CLUSTER, &drawer, &[]).await;
    TallyClient::register("tally", ()).on(&node).await.expect("the name is free");
    let foreign = Drawer::with(&other, CLUSTER, &[&other, &mint]);
    let builder = || {
        let seeds = Seeds::new([node.local_addr().to_string()]);
        Swarm::builder().cluster(CLUSTER).discovery(seeds).config(patient())
    };
    let strangers = [builder().tls(foreign.tls()), builder().secret("only the secret of a cluster"), builder()];
    for stranger in strangers {
        let before = node.stats().refused_connections;
        let stranger = stranger.start().await.expect("a node starts on a free loopback port");
        let nodes = [node.clone(), stranger.clone()];
        until("dials are refused and counted", &nodes, async || {
            node.stats().refused_connections > before && stranger.stats().refused_connections > 0
        })
        .await;
        assert_eq!((node.nodes().len(), stranger.nodes().len()), (1, 1));
        assert_eq!(stranger.whereis("tally").await.expect("it is alone, and an answer is quick"), None);
    }
    // The same CA has given a certificate for a cluster with another name.
    let neighbour = Drawer::with(&mint, "certified-neighbours", &[&mint]);
    let before = node.stats().refused_connections;
    let neighbour = join("certified-neighbours", &neighbour, &[&node]).await;
    until("it is refused", &[node.clone(), neighbour.clone()], async || {
        node.stats().refused_connections > before && neighbour.stats().refused_connections > 0
    })
    .await;
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn protocols() -> Vec<Vec<u8>> {
    vec![format!("swarm/{}", swarm_net::wire::PROTOCOL_VERSION).into_bytes()]
}

/// What a stranger dials with: it accepts the cluster's CA, and shows this.
fn client(mint: &Mint, shown: Option<&Paper>) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.expect("TLS 1.3 is there").with_root_certificates(mint.roots());
    let mut config = match shown {
        Some(paper) => config.with_client_auth_cert(paper.chain(), paper.key()).expect("its key"),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = protocols();
    Arc::new(config)
}

fn session(config: &Arc<ClientConfig>, cluster: &str) -> ClientConnection {
    let name = ServerName::try_from(format!("{cluster}.swarm")).expect("a good name");
    ClientConnection::new(config.clone(), name).expect("there is randomness")
}

fn dial(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    stream
}

/// Waits until the other end has closed it, whatever it says before.
fn until_closed(mut stream: &TcpStream) {
    loop {
        match stream.read(&mut [0; 1_024]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "held: {error}");
                return;
            }
        }
    }
}

/// Shakes hands as far as that goes, and says something. What became of it.
fn intrude(to: SocketAddr, mut session: ClientConnection) -> std::io::Error {
    let mut stream = dial(to);
    let mut tls = rustls::Stream::new(&mut session, &mut stream);
    let said = tls.write_all(&[7; 64]);
    let heard = said.and_then(|()| tls.read(&mut [0; 1_024]));
    heard.expect_err("it is not let in")
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_without_a_good_certificate_are_refused_and_counted() {
    const CLUSTER: &str = "certified-programs";
    let (mint, other) = (Mint::new("ca"), Mint::new("another"));
    let drawers = [(); 2].map(|()| Drawer::with(&mint, CLUSTER, &[&mint]));
    let mut nodes = vec![join(CLUSTER, &drawers[0], &[]).await];
    nodes.push(join(CLUSTER, &drawers[1], &[&nodes[0]]).await);
    all_know(&nodes).await;
    let to = nodes[0].local_addr();
    let expired = mint.paper(CLUSTER, |params| params.not_after = date_time_ymd(2020, 1, 1));
    let foreign = other.paper(CLUSTER, |_| {});
    let misnamed = mint.paper("another-cluster", |_| {});
    for shown in [None, Some(&expired), Some(&foreign), Some(&misnamed)] {
        let before = nodes[0].stats().refused_connections;
        let session = session(&client(&mint, shown), CLUSTER);
        let error = tokio::task::spawn_blocking(move || intrude(to, session)).await.expect("it ends");
        // The alert may be lost with the connection, and then says nothing.
        eprintln!("{error}");
        until("it is counted", &nodes, async || nodes[0].stats().refused_connections == before + 1).await;
    }
    // Who has a certificate and says what no node says has got no further than that.
    let before = nodes[0].stats().broken_connections;
    let good = mint.paper(CLUSTER, |_| {});
    let session = session(&client(&mint, Some(&good)), CLUSTER);
    tokio::task::spawn_blocking(move || intrude(to, session)).await.expect("it ends");
    until("it is counted", &nodes, async || nodes[0].stats().broken_connections == before + 1).await;
    for node in &nodes {
        assert_eq!(node.nodes().len(), 2);
    }
}

/// Somebody sits at the address of a seed, and its certificate has expired.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_node_is_not_told_anything() {
    const CLUSTER: &str = "certified-impostor";
    let mint = Mint::new("ca");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let seed = listener.local_addr().expect("it is bound");
    let expired = mint.paper(CLUSTER, |params| params.not_after = date_time_ymd(2020, 1, 1));
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.expect("TLS 1.3 is there").with_no_client_auth();
    let mut config = config.with_single_cert(expired.chain(), expired.key()).expect("its key");
    config.alpn_protocols = protocols();
    let config = Arc::new(config);
    let impostor = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = listener.accept().expect("the node dials");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        let mut session = ServerConnection::new(config).expect("a good config");
        rustls::Stream::new(&mut session, &mut stream).read(&mut [0; 1_024]).expect_err("nothing is said to it")
    });
    let drawer = Drawer::with(&mint, CLUSTER, &[&mint]);
    trace();
    let builder = Swarm::builder().cluster(CLUSTER).discovery(Seeds::new([seed.to_string()])).config(patient());
    let node = builder.tls(drawer.tls()).start().await.expect("a node starts on a free loopback port");
    let told = impostor.await.expect("it ends").to_string();
    assert!(told.contains("CertificateExpired"), "it is told why: {told}");
    until("it is counted", std::slice::from_ref(&node), async || node.stats().refused_connections > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_are_not_completed_are_ended_in_time() {
    const CLUSTER: &str = "certified-half-open";
    const OPEN: u64 = 48;
    let mint = Mint::new("ca");
    let drawers = [(); 2].map(|()| Drawer::with(&mint, CLUSTER, &[&mint]));
    let mut hasty = patient();
    hasty.net.handshake_ms = 1_000;
    let mut nodes = vec![join_with(hasty.clone(), CLUSTER, &drawers[0], &[]).await];
    nodes.push(join_with(hasty, CLUSTER, &drawers[1], &[&nodes[0]]).await);
    all_know(&nodes).await;
    let (to, before) = (nodes[0].local_addr(), nodes[0].stats().broken_connections);
    let config = client(&mint, None);
    let half = tokio::task::spawn_blocking(move || {
        let open: Vec<_> = (0..OPEN)
            .map(|i| {
                let mut stream = dial(to);
                let mut hello = Vec::new();
                session(&config, CLUSTER).write_tls(&mut hello).expect("a vector takes all");
                // Some of them say all that who dials says first, and get an answer; the others less.
                let said = if i % 2 == 0 { hello.len() } else { i as usize };
                stream.write_all(&hello[..said]).expect("it is open");
                stream
            })
            .collect();
        open.iter().for_each(until_closed);
    });
    half.await.expect("none of them is held for ever");
    until("they are counted", &nodes, async || nodes[0].stats().broken_connections >= before + OPEN).await;
    for node in &nodes {
        assert_eq!(node.nodes().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_certificates_cannot_protect_is_said_before_the_node_starts() {
    const CLUSTER: &str = "certified-start";
    let mint = Mint::new("ca");
    let drawer = Drawer::with(&mint, CLUSTER, &[&mint]);
    let builder = || Swarm::builder().cluster(CLUSTER).tls(drawer.tls());
    let error = builder().bind("0.0.0.0:0").start().await.expect_err("its packets are open to all");
    assert!(matches!(error, StartError::NoPacketSecret { .. }), "{error}");
    assert!(error.to_string().contains("gossip") && error.to_string().contains(".secret(..)"), "{error}");
    let error = builder().cluster("another").start().await.expect_err("its certificate is not for that");
    assert!(matches!(&error, StartError::Tls(TlsError::Flawed { name, .. }) if name == "another.swarm"), "{error}");

    let open = Swarm::builder().cluster(CLUSTER).config(patient()).start().await.expect("a node starts");
    assert_eq!(open.tls().reload(), Err(TlsError::Without));
    assert_eq!(open.tls().renew(), Err(TlsError::Without));
}

/// The packets of a cluster with certificates are protected by its secret, if it has one.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_beside_certificates_protects_the_packets() {
    const CLUSTER: &str = "certified-packets";
    let mint = Mint::new("ca");
    let drawers = [(); 2].map(|()| Drawer::with(&mint, CLUSTER, &[&mint]));
    let join = async |drawer: &Drawer, secret: &str, seeds: &[&Swarm]| {
        let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
        let builder = Swarm::builder().cluster(CLUSTER).discovery(Seeds::new(seeds)).config(patient());
        builder.tls(drawer.tls()).secret(secret).start().await.expect("a node starts on a free loopback port")
    };
    let mut nodes = vec![join(&drawers[0], "the secret of the packets", &[]).await];
    nodes.push(join(&drawers[1], "the secret of the packets", &[&nodes[0]]).await);
    all_know(&nodes).await;
    for node in &nodes {
        let stats = node.stats();
        assert_eq!((stats.refused_connections, stats.refused_packets, stats.replayed_packets), (0, 0, 0));
    }
    // Who has a good certificate and another secret is let in, and says nothing that is heard by UDP.
    let other = join(&drawers[1], "another secret of the packets", &[&nodes[0]]).await;
    nodes.push(other);
    until("packets are refused", &nodes, async || nodes.iter().all(|node| node.stats().refused_packets > 0)).await;
    assert!(nodes.iter().all(|node| node.stats().refused_connections == 0));
}
