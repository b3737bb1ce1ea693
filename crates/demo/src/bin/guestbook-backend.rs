//! `guestbook-backend [migrate]`: serves the guestbook from the listener that it is given
//! (`LISTEN_FDS`), else on `PORT`; or prepares its store.
//!
//! `DATABASE_URL` is `file:/absolute/path`; `FRONTEND_ROOT`, if set, is served at `/`.
//! On its own port SIGTERM ends it at once: whoever deploys it drains its connections before.
//! With a listener it accepts nothing more then, and ends when it has answered everybody.

use std::env;
use std::net::TcpListener;
use std::process::ExitCode;

use listenfd::ListenFd;
use stagegate_demo::VERSION;
use stagegate_demo::handed_on;
use stagegate_demo::server::{Guestbook, serve};
use stagegate_demo::store::Store;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("<3>guestbook-backend: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let address =
        env::var("DATABASE_URL").map_err(|_| "set DATABASE_URL to file:/absolute/path")?;
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["migrate"] => {
            let created = Store::migrate(&address).map_err(|error| error.to_string())?;
            println!(
                "{}",
                if created {
                    "created the store"
                } else {
                    "the store is up to date"
                }
            );
            Ok(())
        }
        [] => listen(&address),
        other => Err(format!(
            "it understands `migrate` or nothing, not {other:?}"
        )),
    }
}

fn listen(address: &str) -> Result<(), String> {
    let port = env::var("PORT")
        .ok()
        .and_then(|port| port.parse::<u16>().ok());
    let port = port.ok_or("set PORT to the port to listen on")?;
    Store::migrate(address).map_err(|error| error.to_string())?;
    let store = Store::open(address).map_err(|error| error.to_string())?;
    let frontend = env::var_os("FRONTEND_ROOT").map(Into::into);
    let guestbook = Guestbook { store, frontend };
    let given = ListenFd::from_env().take_tcp_listener(0);
    if let Some(listener) = given.map_err(|error| format!("cannot take its listener: {error}"))? {
        println!("guestbook {VERSION} accepts from the listener that it was given");
        let told = handed_on::told_to_end().map_err(|error| error.to_string())?;
        return handed_on::serve(&listener, &told, guestbook).map_err(|error| error.to_string());
    }
    let listener = TcpListener::bind(("0.0.0.0", port))
        .map_err(|error| format!("cannot listen on port {port}: {error}"))?;
    println!("guestbook {VERSION} listens on port {port}");
    serve(&listener, guestbook).map_err(|error| error.to_string())
}
