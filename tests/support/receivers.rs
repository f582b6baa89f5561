//! What notifications are sent to in tests: a real HTTP receiver and a real SMTP server, on free ports, that do as they are
//! told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What came in one request.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub json: Value,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A server that keeps what is posted to it, and answers with the statuses that it was given, then with 200.
#[derive(Clone)]
pub struct HttpReceiver {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl HttpReceiver {
    pub async fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let receiver = Self { address, got: Arc::default(), answers };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

async fn take(State(receiver): State<HttpReceiver>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let json = serde_json::from_str(&body).unwrap_or(Value::String(body));
    receiver.got.lock().unwrap().push(Got { path: uri.path().to_owned(), headers, json });
    let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
    match status {
        // A status that means: never.
        0 => std::future::pending().await,
        302 => (StatusCode::FOUND, [(header::LOCATION, "http://10.0.0.1/internal")]).into_response(),
        status => (StatusCode::from_u16(status).unwrap(), "what the server says").into_response(),
    }
}

/// A server that does one thing with each connection.
pub async fn raw(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.readable().await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

/// A mail that a server took.
#[derive(Debug, Clone)]
pub struct GotMail {
    pub sign_in: String,
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body, without the soft line breaks of quoted-printable.
    pub data: String,
}

impl GotMail {
    pub fn header(&self, name: &str) -> String {
        let (head, _) = self.data.split_once("\n\n").unwrap();
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    }
}

/// How an SMTP server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    Good,
    /// Takes a whole mail and hangs up in place of an answer: nobody can know whether it was taken. The next goes well.
    DropsFirst,
    /// Takes no password.
    RefusesSignIn,
}

/// An SMTP server (RFC 5321) as far as a client of it can tell.
#[derive(Clone)]
pub struct SmtpServer {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<GotMail>>>,
}

impl SmtpServer {
    pub async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), got: Arc::default() };
        let got = server.got.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that hangs up is no concern of the server.
                let _ = serve(stream, manners, &got).await;
            }
        });
        server
    }

    pub fn got(&self) -> Vec<GotMail> {
        self.got.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, manners: Manners, got: &Mutex<Vec<GotMail>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut mail = GotMail { sign_in: String::new(), from: String::new(), to: Vec::new(), data: String::new() };
    stream.write_all(b"220 mail.test ESMTP\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" if manners == Manners::RefusesSignIn => "535 5.7.8 wrong password",
            "AUTH" => {
                line.rsplit(' ').next().unwrap_or_default().clone_into(&mut mail.sign_in);
                "235 welcome"
            }
            "MAIL" => {
                line.clone_into(&mut mail.from);
                "250 go on"
            }
            "RCPT" => {
                mail.to.push(line.to_owned());
                "250 go on"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                read_data(&mut stream, &mut mail.data).await?;
                let mut got = got.lock().unwrap();
                got.push(mail.clone());
                if manners == Manners::DropsFirst && got.len() == 1 {
                    return Ok(());
                }
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "502 what?",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

async fn read_data(stream: &mut BufReader<TcpStream>, data: &mut String) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            // Lines of headers end as they are, `=` or not.
            let (head, body) = data.split_once("\n\n").unwrap_or((data, ""));
            *data = format!("{head}\n\n{}", body.replace("=\n", "").replace("=3D", "="));
            return Ok(());
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line).trim_end_matches(['\r', '\n']));
        data.push('\n');
    }
}
