//! The table `[sip]`.

use super::*;

#[test]
fn domains_realms_and_aliases_are_checked() {
    check_with(
        "[sip]\ndomain = \"sip:shop.example\"\nrealm = 'say \"hi\"'\n",
        expect![[r#"
            deskbell.toml:2:10: [sip] domain: "sip:shop.example" is no domain; write a name such as "shop.example" or an IP address, without port
            deskbell.toml:3:9: [sip] realm: must hold neither quotes nor backslashes: some phones cannot read them
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"Shop.Example\"\naliases = [\"shop.example\", \"10.0.0.1\", \"10.0.0.1\", \"a:5060\", 7]\n",
        expect![[r#"
            deskbell.toml:3:12: [sip] aliases: names shop.example twice
            deskbell.toml:3:40: [sip] aliases: names 10.0.0.1 twice
            deskbell.toml:3:52: [sip] aliases: "a:5060" is no domain; write a name such as "shop.example" or an IP address, without port
            deskbell.toml:3:62: [sip] aliases: must be text in quotes, not a number
        "#]],
    );
    check_with(
        "[sip]\ndomain = 5\n",
        expect![[r#"
        deskbell.toml:2:10: [sip] domain: must be text in quotes, not a number
    "#]],
    );
    check_with(
        "[sip]\nrealm = \"\"\n",
        expect![[r#"
        deskbell.toml:1:1: [sip] domain: is missing; write the domain of the reps' addresses
        deskbell.toml:2:9: [sip] realm: is empty
    "#]],
    );
}

#[test]
fn listeners_are_checked() {
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = [\n \"udp://0.0.0.0:5060\",\n \"udp://0.0.0.0:5060\",\n \"tls://0.0.0.0:5061\",\n \
         \"ws://0.0.0.0:80\",\n \"wss://0.0.0.0:443\",\n \"sctp://0.0.0.0:5060\",\n \"0.0.0.0:5060\",\n \"udp://localhost:5060\",\n \
         \"tcp://0.0.0.0\",\n \"tcp://[::1]:5060\",\n 5060,\n]\n",
        expect![[r#"
            deskbell.toml:1:1: [sip] tls: is missing; write [sip.tls] and below it certificate = "…" and key = "…"
            deskbell.toml:5:2: [sip] listen: names udp://0.0.0.0:5060 twice
            deskbell.toml:9:2: [sip] listen: SIP is not served over sctp; write udp://, tcp://, tls://, ws:// or wss://
            deskbell.toml:10:2: [sip] listen: "0.0.0.0:5060" is no listener; write "udp://0.0.0.0:5060" or "tcp://0.0.0.0:5060"
            deskbell.toml:11:2: [sip] listen: "localhost:5060" is no address to listen on; write IP:PORT, where 0.0.0.0 means every address of this machine and 127.0.0.1 this machine only
            deskbell.toml:12:2: [sip] listen: "0.0.0.0" is no address to listen on; write IP:PORT, where 0.0.0.0 means every address of this machine and 127.0.0.1 this machine only
            deskbell.toml:14:2: [sip] listen: must be text in quotes, not a number
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = []\n",
        expect![[r#"
        deskbell.toml:3:10: [sip] listen: is empty: no softphone could reach the server
    "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = \"udp://0.0.0.0:5060\"\n",
        expect![[r#"
            deskbell.toml:3:10: [sip] listen: must be a list in brackets, not text
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = [\"udp://127.0.0.1:0\", \"udp://127.0.0.1:0\"]\n",
        expect![[r#"
            served
        "#]],
    );
    check_with(
        "[http]\nlisten = \"*:8080\"\n",
        expect![[r#"
            deskbell.toml:2:10: [http] listen: "*:8080" is no address to listen on; write IP:PORT, where 0.0.0.0 means every address of this machine and 127.0.0.1 this machine only
        "#]],
    );
}

#[test]
fn name_servers_are_addresses() {
    let text = "[sip]\ndomain = \"a.b\"\nname_servers = [\"192.0.2.53\", \"192.0.2.53:5353\", \"2001:db8::53\", \"[2001:db8::53]:5353\"]\n";
    let settings = read(&completed(text), Path::new("deskbell.toml"), &environment).unwrap();
    let read: Vec<_> = settings
        .sip
        .name_servers
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        read,
        [
            "192.0.2.53:53",
            "192.0.2.53:5353",
            "[2001:db8::53]:53",
            "[2001:db8::53]:5353"
        ]
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nname_servers = [\"ns.example\", \"192.0.2.53:0x\", 53]\n",
        expect![[r#"
            deskbell.toml:3:17: [sip] name_servers: "ns.example" is no name server; write its IP address, with a port where it is not 53
            deskbell.toml:3:31: [sip] name_servers: "192.0.2.53:0x" is no name server; write its IP address, with a port where it is not 53
            deskbell.toml:3:48: [sip] name_servers: must be text in quotes, not a number
        "#]],
    );
}

/// A certificate and its key in PEM.
pub(super) fn certificate() -> (String, String) {
    let names = vec!["sip.shop.example".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
pub(super) fn certificates_are_checked() {
    let scratch = Scratch::new();
    let (chain, key) = certificate();
    let (_, other_key) = certificate();
    for (name, text) in [
        ("sip.crt", &chain),
        ("sip.key", &key),
        ("other.key", &other_key),
        ("open.key", &key),
    ] {
        scratch.write(name, text);
    }
    let open = Permissions::from_mode(0o644);
    fs::set_permissions(scratch.0.join("open.key"), open).unwrap();
    let check = |tls: &str, expected: Expect| {
        let sip = "[sip]\ndomain = \"a.b\"\nlisten = [\"tls://0.0.0.0:5061\"]\n";
        scratch.check_with(&format!("{sip}[sip.tls]\n{tls}"), expected);
    };
    check(
        "certificate = \"sip.crt\"\nkey = \"sip.key\"\nclient_authorities = \"sip.crt\"\n",
        expect![[r#"
            served
        "#]],
    );
    check(
        "certificate = \"sip.crt\"\nkey = \"open.key\"\n",
        expect![[r#"
            served
            DIR/deskbell.toml:6:7: [sip] tls.key: can be read by every user of this machine; run chmod 600 on it
        "#]],
    );
    check(
        "certificate = \"sip.crt\"\nkey = \"other.key\"\n",
        expect![[r#"
            DIR/deskbell.toml:6:7: [sip] tls.key: does not belong to the certificate
        "#]],
    );
    check(
        "certificate = \"sip.key\"\nkey = \"sip.key\"\n",
        expect![[r#"
            DIR/deskbell.toml:5:15: [sip] tls.certificate: holds no PEM block CERTIFICATE that can be read
        "#]],
    );
    check(
        "certificate = \"sip.crt\"\nkey = \"sip.crt\"\n",
        expect![[r#"
            DIR/deskbell.toml:6:7: [sip] tls.key: holds no PEM block PRIVATE KEY that can be read
        "#]],
    );
    check(
        "certificate = \"gone.crt\"\nkey = \"gone.key\"\n",
        expect![[r#"
            DIR/deskbell.toml:5:15: [sip] tls.certificate: DIR/gone.crt cannot be read: No such file or directory (os error 2)
            DIR/deskbell.toml:6:7: [sip] tls.key: DIR/gone.key cannot be read: No such file or directory (os error 2)
        "#]],
    );
    check(
        "certificate = \"sip.crt\"\nkey = \"sip.key\"\nclient_authorities = \"sip.key\"\n",
        expect![[r#"
            DIR/deskbell.toml:7:22: [sip] tls.client_authorities: cannot be used: there is no PEM block CERTIFICATE that can be read
        "#]],
    );
    check(
        "certificat = \"sip.crt\"\n",
        expect![[r#"
        DIR/deskbell.toml:4:1: [sip] tls.certificate: is missing; name the file of the certificate in PEM
        DIR/deskbell.toml:4:1: [sip] tls.key: is missing; name the file of the certificate's key in PEM
        DIR/deskbell.toml:5:1: [sip] tls.certificat: is unknown; did you mean certificate?
    "#]],
    );
}

#[test]
fn challenges_lifetimes_and_tries_are_checked() {
    check_with(
        "[sip]\ndomain = \"a.b\"\ndigest = [\"md5\", \"MD5\", \"MD5\", \"SHA-512\"]\nlogin_tries = 0\n",
        expect![[r#"
            deskbell.toml:3:11: [sip] digest: cannot be "md5"; did you mean MD5?
            deskbell.toml:3:25: [sip] digest: names MD5 twice
            deskbell.toml:3:32: [sip] digest: cannot be "SHA-512"; did you mean SHA-256?
            deskbell.toml:4:15: [sip] login_tries: is 0 but must be from 1 to 1000
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\ndigest = []\n",
        expect![[r#"
        deskbell.toml:3:10: [sip] digest: is empty: nobody could log in; write ["SHA-256", "MD5"]
    "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\ndigest = [\"MD5\", \"SHA-256\"]\n",
        expect![[r#"
            served
            deskbell.toml:3:10: [sip] digest: put SHA-256 first: most phones take the first challenge they know
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nexpires = { min = \"20m\" }\n",
        expect![[r#"
            deskbell.toml:3:11: [sip] expires: min 20m, default 10m and max 1h must not descend; raise or lower one
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nexpires = { min = \"0s\", default = 60, max = \"2d\" }\n",
        expect![[r#"
            deskbell.toml:3:19: [sip] expires.min: is 0s but must be from 1s to 1d
            deskbell.toml:3:35: [sip] expires.default: must be a duration in quotes, such as "20s", not a number
            deskbell.toml:3:45: [sip] expires.max: is 2d but must be from 1s to 1d
        "#]],
    );
}

#[test]
fn hosts_are_written_as_sip_addresses_write_them() {
    for (written, kept) in [
        ("Shop.Example", "shop.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("[2001:DB8::0:1]", "[2001:db8::1]"),
    ] {
        let text = format!("sip.domain = \"{written}\"");
        let settings = read(&text, Path::new("deskbell.toml"), &environment).unwrap();
        assert_eq!(
            (settings.sip.domain.as_str(), settings.sip.realm.as_str()),
            (kept, kept)
        );
    }
}
