//! A name server for one test, made of a socket and a table.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{NAPTR, SOA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _task: JoinHandle<()>,
}

/// What it knows, by name.
#[derive(Default)]
pub(crate) struct Zone(HashMap<Name, Vec<RData>>);

impl Zone {
    pub(crate) fn service(self, domain: &str, order: u16, service: &str, at: &str) -> Self {
        let boxed = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
        let record = NAPTR::new(order, 0, boxed("s"), boxed(service), boxed(""), name(at));
        self.with(domain, RData::NAPTR(record))
    }

    pub(crate) fn listing(self, at: &str, priority: u16, port: u16, host: &str) -> Self {
        let record = SRV::new(priority, 0, port, name(host));
        self.with(at, RData::SRV(record))
    }

    pub(crate) fn address(self, host: &str, address: &str) -> Self {
        let address: IpAddr = address.parse().unwrap();
        self.with(host, RData::from(address))
    }

    fn with(mut self, at: &str, data: RData) -> Self {
        self.0.entry(name(at)).or_default().push(data);
        self
    }

    pub(crate) async fn serve(self) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, source) = socket.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(buffer.get(..length).unwrap()).unwrap();
                let answer = self.answer(&question, &noted);
                let bytes = answer.to_vec().unwrap();
                socket.send_to(&bytes, source).await.unwrap();
            }
        });
        NameServer {
            address,
            asked,
            _task: task,
        }
    }

    fn answer(&self, question: &Message, asked: &Mutex<Vec<String>>) -> Message {
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        for query in &question.queries {
            let line = format!("{} {}", query.query_type(), query.name());
            asked.lock().unwrap().push(line);
            match self.0.get(query.name()) {
                None => answer.metadata.response_code = ResponseCode::NXDomain,
                Some(all) => {
                    let fitting = all
                        .iter()
                        .filter(|data| data.record_type() == query.query_type());
                    for data in fitting {
                        let record = Record::from_rdata(query.name().clone(), 60, data.clone());
                        answer.add_answer(record);
                    }
                }
            }
            answer.add_query(query.clone());
            if answer.answers.is_empty() {
                // It says how long the absence may be believed.
                let root = Name::root();
                let absence = SOA::new(root.clone(), root.clone(), 1, 60, 60, 60, 60);
                answer.add_authority(Record::from_rdata(root, 60, RData::SOA(absence)));
            }
        }
        answer
    }
}

impl NameServer {
    /// What was asked so far, sorted.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}
