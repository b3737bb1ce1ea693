//! A webhook is told of a run, and a run does not depend on it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::process::run;
use crate::within_a_rehearsal;
use crate::world::World;

/// A webhook that answers its first message badly; what it was sent.
fn webhook() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook/a-secret", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let keeps = Arc::clone(&heard);
    // It ends with the test's own process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let mut heard = keeps.lock().unwrap();
            heard.push(String::from_utf8(body).unwrap());
            let status = if heard.len() == 1 { "500 Oh" } else { "200 OK" };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, heard)
}

#[test]
fn a_webhook_is_told_and_nothing_depends_on_it() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::start("notify");
    let (address, heard) = webhook();
    let overlay = std::fs::read_to_string(world.overlay()).unwrap();
    let told =
        "[notify]\non = [\"started\", \"completed\"]\nwebhook = { env = \"RELEASE_WEBHOOK\" }\n";
    std::fs::write(world.overlay(), format!("{overlay}\n{told}")).unwrap();
    let deploy = ["deploy", "backend", "--yes"];
    let mut command = world.command(&deploy);
    command.env("RELEASE_WEBHOOK", &address);
    let ran = run(command).must_end_with(0);
    let complaint = "the webhook of RELEASE_WEBHOOK did not take the message: it answers 500";
    assert!(ran.stderr.contains(complaint), "{}", ran.stderr);
    assert!(!ran.words().contains("a-secret"), "{}", ran.words());
    let texts: Vec<String> = heard
        .lock()
        .unwrap()
        .iter()
        .map(|body| {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            body["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert_eq!(texts[0], "▶ deploy backend in production: 0.1.0 started");
    assert!(texts[1].starts_with("✅ deploy backend in production: 0.1.0 is done"));
    // Not set: it is said, and that is all.
    let ran = world.run(&deploy).must_end_with(0);
    assert!(
        ran.stderr.contains("RELEASE_WEBHOOK is not set"),
        "{}",
        ran.stderr
    );
}
