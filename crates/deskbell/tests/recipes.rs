//! The files of `examples/` in front of a running server: Kamailio with phones behind it, nginx with a page that the state
//! of the desk is written into. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::http::Http;
use examples::peer;
use examples::peer::baresip::Baresip;
use examples::phone::{Account, TestPhone};
use examples::server::{Server, Setup};
use examples::site::Site;
use examples::unique::Folder;
use examples::wait;
use examples::wire::Protocol;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A program of a recipe; stopped when dropped.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    fn start(command: &mut Command, folder: &Folder) -> Self {
        let path = folder.path().join("program.log");
        let log = File::create(&path).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn();
        let child = child.unwrap();
        Self { child, log: path }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its workers end with it when it is asked to, and would outlive it if it were killed.
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        // It may have ended by itself.
        let _ = kill(id, Signal::SIGTERM);
        let child = &mut self.child;
        if wait::until("the program's end", LIMIT, || Ok(child.try_wait()?)).is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let log = fs::read(&self.log).unwrap_or_default();
            // The test has failed already; its log is all there is to add.
            let _ = std::io::stderr().write_all(&log);
        }
    }
}

fn recipe(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(file)
}

/// Kamailio in front of the server, and the address that phones know.
fn kamailio(server: &Server, folder: &Folder) -> Option<(Running, SocketAddr)> {
    let program = peer::find("kamailio")?;
    let address = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let running = Running::start(
        Command::new(program)
            .args(["-DD", "-E", "-m", "32", "-M", "4"])
            .arg("-Y")
            .arg(folder.path())
            .arg("-f")
            .arg(recipe("kamailio/kamailio.cfg"))
            .args(["-A", &format!("LISTEN=udp:{address}")])
            .args(["-A", &format!("DESKBELL=\"sip:{}\"", server.sip())]),
        folder,
    );
    // Its workers may not read yet: the first phone asks until one does.
    Some((running, address))
}

#[test]
fn behind_kamailio_phones_are_offered_tickets_and_answer() {
    let mut server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &Setup::default()).unwrap();
    let folder = Folder::new("kamailio").unwrap();
    let Some((proxy, front)) = kamailio(&server, &folder) else {
        return;
    };
    let account = |user: &str| Account {
        user: user.to_owned(),
        password: server.rep(user).unwrap().password.clone(),
        domain: server.demo().domain.clone(),
    };
    // A phone with the wrong password is no more let in than without a proxy.
    let mut stranger = TestPhone::connect(
        Protocol::Udp,
        front,
        Account {
            password: "wrong".to_owned(),
            ..account("bob")
        },
    )
    .unwrap();
    let refused = wait::until("Kamailio", LIMIT, || Ok(stranger.register(60).ok())).unwrap();
    assert_eq!(refused.status_code.code(), 401);

    let mut alice = TestPhone::connect(Protocol::Udp, front, account("alice")).unwrap();
    assert_eq!(alice.register(60).unwrap().status_code.code(), 200);
    let published = alice.publish(Basic::Open, Activity::None, 60).unwrap();
    assert_eq!(published.status_code.code(), 200);
    let site = Site::new(server.http(), "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();
    let ticket = site
        .ask("cameras", "Sam", "a question through the proxy")
        .unwrap();
    let offer = alice.next_text(LIMIT).unwrap().unwrap();
    assert!(
        offer.text.contains("a question through the proxy"),
        "{offer:?}"
    );
    let desk = format!("sip:{}@{}", ticket.id(), server.demo().domain);
    let taken = alice
        .send_text(&desk, "an answer through the proxy")
        .unwrap();
    assert_eq!(taken.status_code.code(), 200);
    let events = ticket.events().unwrap();
    events
        .wait_line("rep", "an answer through the proxy", LIMIT)
        .unwrap();
    ticket.say("one", "and back").unwrap();
    wait::until("the line at the phone", LIMIT, || {
        let text = alice.next_text(LIMIT)?;
        Ok(text.filter(|text| text.text.contains("and back")))
    })
    .unwrap();
    ticket.end().unwrap();

    alice.unpublish().unwrap();
    site.wait_state("cameras", "closed", LIMIT).unwrap();

    // A softphone that others wrote finds its way too, there and back.
    if let Some(program) = peer::find("baresip") {
        let password = server.rep("erin").unwrap().password.clone();
        let mut erin = Baresip::start(&program, front, "erin", &password).unwrap();
        erin.wait_registered().unwrap();
        site.wait_state("printing", "available", LIMIT).unwrap();
        let ticket = site.ask("printing", "Noor", "is matt paper in?").unwrap();
        erin.wait_text("is matt paper in?", LIMIT).unwrap();
        erin.say("it came this morning").unwrap();
        let events = ticket.events().unwrap();
        events
            .wait_line("rep", "it came this morning", LIMIT)
            .unwrap();
        ticket.say("one", "then I come by").unwrap();
        erin.wait_text("then I come by", LIMIT).unwrap();
        ticket.end().unwrap();
        erin.quit().unwrap();
    }
    server.check_alive().unwrap();
    drop(proxy);
}

#[test]
fn nginx_writes_the_state_of_the_desk_into_the_page() {
    let Some(program) = peer::find("nginx") else {
        return;
    };
    let server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &Setup::default()).unwrap();
    let folder = Folder::new("nginx").unwrap();
    let front = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    // The recipe as it is, but for the addresses and folders of this machine.
    let mut text = fs::read_to_string(recipe("nginx/nginx.conf")).unwrap();
    for (theirs, ours) in [
        ("/var/cache/nginx/deskbell", place("cache")),
        ("127.0.0.1:8080", server.demo().http.to_string()),
        ("listen 8000", format!("listen {front}")),
        ("/srv/shop", place("shop")),
    ] {
        assert!(text.contains(theirs), "the recipe has no {theirs}");
        text = text.replace(theirs, &ours);
    }
    let scratch: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", place(kind)))
        .concat();
    text = text.replace("http {", &format!("http {{\naccess_log off;\n{scratch}"));
    let text = format!(
        "daemon off;\nmaster_process off;\npid {};\n{text}",
        place("nginx.pid")
    );
    let config = folder.write("nginx.conf", &text).unwrap();
    fs::create_dir(folder.path().join("shop")).unwrap();
    fs::copy(
        recipe("nginx/index.html"),
        folder.path().join("shop/index.html"),
    )
    .unwrap();
    let _nginx = Running::start(
        Command::new(program)
            .arg("-e")
            .arg(place("error.log"))
            .arg("-c")
            .arg(config),
        &folder,
    );
    let shop = Http::new(front);
    let page = wait::until("nginx", LIMIT, || Ok(shop.get("/index.html").ok())).unwrap();
    assert_eq!(page.status, 200, "{}", page.body);
    let fragment = |http: Http| http.get("/v1/sites/shop/fragment?skill=cameras").unwrap();
    let closed = fragment(server.http()).body;
    assert!(closed.contains("data-state=\"closed\""), "{closed}");
    assert!(page.body.contains(&closed), "{}", page.body);
    // Through the shop's own origin: the widget, presence and a click.
    for script in ["widget", "conversation", "rating", "texts/de"] {
        assert_eq!(shop.get(&format!("/{script}.js")).unwrap().status, 200);
    }
    let mut alice = server.phone(Protocol::Udp, "alice").unwrap();
    alice.register(60).unwrap();
    alice.publish(Basic::Open, Activity::None, 60).unwrap();
    let site = Site::new(shop, "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();
    let ticket = site.ask("cameras", "Sam", "through nginx").unwrap();
    alice.next_text(LIMIT).unwrap().unwrap();
    assert_eq!(ticket.view().unwrap()["state"], "offered");
    ticket.end().unwrap();
    // nginx keeps the fragment for five seconds, then shows the new one.
    let open = fragment(server.http()).body;
    assert_ne!(open, closed);
    wait::until("the new fragment in the page", LIMIT, || {
        Ok(shop.get("/index.html")?.body.contains(&open).then_some(()))
    })
    .unwrap();
    // And the last one while Deskbell is away.
    server.stop().unwrap();
    let page = shop.get("/index.html").unwrap();
    assert!(page.body.contains(&open), "{}", page.body);
    assert_eq!(shop.get("/v1/sites/shop/presence").unwrap().status, 502);
}
