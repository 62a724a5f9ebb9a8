//! The table `[sip.tls]`: files of a certificate and its key. Must not know what listens.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use sip_transport::{TlsError, TlsIdentity, TlsTrust};

use super::document::{Section, Value};
use super::secret::is_open_to_all;

const KEYS: [&str; 3] = ["certificate", "key", "client_authorities"];

/// Whatever is longer is no certificate.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Who vouches for the servers that we connect to, by the file that a value names.
pub(super) fn read_trust(value: &Value<'_>, directory: &Path) -> Option<TlsTrust> {
    let (authorities, _) = read_file(value, directory)?;
    TlsTrust::from_pem(&authorities)
        .inspect_err(|error| match error {
            TlsError::Authorities(text) => value.mistake(format!("cannot be used: {text}")),
            other => value.mistake(format!("cannot be used: {other}")),
        })
        .ok()
}

/// What the table names, if it can be served.
pub(super) fn read(value: &Value<'_>, directory: &Path) -> Option<TlsIdentity> {
    let table = value.table(&KEYS)?;
    let certificate = table.required("certificate", "name the file of the certificate in PEM");
    let key = table.required("key", "name the file of the certificate's key in PEM");
    let authorities = table.value("client_authorities");
    let chain = certificate.and_then(|value| read_file(&value, directory));
    let secret = key.and_then(|value| {
        let read = read_file(&value, directory)?;
        if is_open_to_all(&read.1) {
            value.warning("can be read by every user of this machine; run chmod 600 on it");
        }
        Some(read)
    });
    let trusted = authorities
        .as_ref()
        .map(|value| read_file(value, directory));
    let ((chain, _), (secret, _)) = (chain?, secret?);
    let identity = match trusted {
        None => TlsIdentity::from_pem(&chain, &secret),
        Some(trusted) => TlsIdentity::from_pem_with_authorities(&chain, &secret, &trusted?.0),
    };
    identity
        .inspect_err(|error| explain(error, &table, authorities.as_ref()))
        .ok()
}

/// Notes the mistake where the file at fault is named.
fn explain(error: &TlsError, table: &Section<'_>, authorities: Option<&Value<'_>>) {
    let (key, text) = match error {
        TlsError::NoCertificate => (
            "certificate",
            "holds no PEM block CERTIFICATE that can be read".to_owned(),
        ),
        TlsError::NoKey => (
            "key",
            "holds no PEM block PRIVATE KEY that can be read".to_owned(),
        ),
        TlsError::WrongKey => ("key", "does not belong to the certificate".to_owned()),
        TlsError::Unusable(error) => ("certificate", format!("cannot be used: {error}")),
        TlsError::Authorities(text) => {
            if let Some(value) = authorities {
                value.mistake(format!("cannot be used: {text}"));
            }
            return;
        }
    };
    if let Some(value) = table.value(key) {
        value.mistake(text);
    }
}

/// The file that a value names, relative to `directory`.
fn read_file(value: &Value<'_>, directory: &Path) -> Option<(Vec<u8>, Metadata)> {
    let path = directory.join(value.text()?);
    read_short(&path)
        .inspect_err(|error| {
            value.mistake(format!("{} cannot be read: {error}", path.display()));
        })
        .ok()
}

fn read_short(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(io::Error::other(format!(
            "it is longer than {FILE_LIMIT} bytes"
        )));
    }
    Ok((bytes, metadata))
}
