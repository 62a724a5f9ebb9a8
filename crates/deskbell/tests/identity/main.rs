//! Who may do what: security rows S1 to S3, S7 to S9, S24 and S26, and the registrar, against the running server.
//! Must not know the server's inside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]
#![expect(clippy::indexing_slicing, reason = "what is not there fails the test")]

mod caller;
mod configs;
mod guessing;
mod impersonation;
mod registering;
mod replaying;
mod strangers;
mod wires;

use examples::serve::Serve;

/// What every rep's password is made of.
fn password(rep: &str) -> String {
    format!("the password of {rep}")
}

/// A shop with these reps; `sip` holds more lines for `[sip]`.
fn shop(reps: &[String], sip: &str) -> Serve {
    shop_with(reps, sip, &[])
}

fn shop_with(reps: &[String], sip: &str, files: &[(&str, &str)]) -> Serve {
    let listen = match files {
        [] => "",
        [..] => "\"tls://127.0.0.1:0\", ",
    };
    let mut config = format!(
        "[sip]\ndomain = \"shop.example\"\naliases = [\"127.0.0.1\"]\n{sip}\n\
         listen = [{listen}\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"ws://127.0.0.1:0\"]\n"
    );
    if !files.is_empty() {
        config.push_str("[sip.tls]\ncertificate = \"sip.crt\"\nkey = \"sip.key\"\n");
    }
    config.push_str(
        "[http]\nlisten = \"127.0.0.1:0\"\n[[skill]]\nid = \"cameras\"\n[[site]]\nid = \"shop\"\n",
    );
    for rep in reps {
        let password = password(rep);
        config.push_str(&format!(
            "[[rep]]\nid = \"{rep}\"\npassword = \"{password}\"\nskills = {{ cameras = 50 }}\n"
        ));
    }
    Serve::start_with(env!("CARGO_BIN_EXE_deskbell"), &config, files).unwrap()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("rep{n}")).collect()
}
