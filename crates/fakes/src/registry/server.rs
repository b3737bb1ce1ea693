//! Connections: every request is answered by the routes and logged, and a
//! connection can be cut instead of an answer.

use std::future::poll_fn;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::routes;
use super::state::RegistryState;

/// A request that the registry was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `PUT`, `DELETE`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The status of the answer; none if the connection was cut instead.
    pub status: Option<u16>,
}

/// Marks an answer that is not to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut;

impl Cut {
    pub(crate) fn response() -> Response {
        let mut response = ().into_response();
        response.extensions_mut().insert(Cut);
        response
    }
}

/// Why a connection ends without an answer, in the words of hyper's interface.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut, as ordered")]
struct CutOff;

/// Serves until it is aborted; its connections end with it.
pub(crate) async fn serve(listener: TcpListener, state: Arc<RegistryState>) {
    let router = routes::router(Arc::clone(&state));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that is gone before it is accepted is no trouble of others.
                if let Ok((stream, _)) = accepted {
                    // What Nagle's algorithm holds back is lost when a connection is closed
                    // with data unread, and an early answer is such a case. Without the
                    // option the answer still comes, most of the time.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection(stream, router.clone(), Arc::clone(&state)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, router: axum::Router, state: Arc<RegistryState>) {
    let routes = TowerToHyperService::new(router);
    let answer = |request: hyper::Request<hyper::body::Incoming>| {
        let method = request.method().to_string();
        let path = request
            .uri()
            .path_and_query()
            .map_or_else(|| request.uri().path().to_owned(), ToString::to_string);
        let (routes, state) = (routes.clone(), Arc::clone(&state));
        Box::pin(async move {
            let response: Response = match routes.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let is_cut = response.extensions().get::<Cut>().is_some();
            state.log(Request {
                method,
                path,
                status: (!is_cut).then(|| response.status().as_u16()),
            });
            if is_cut { Err(CutOff) } else { Ok(response) }
        })
    };
    let mut connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    let end = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut stream = connection.into_parts().io.into_inner();
    // How a connection ends is the client's to notice, and what it was asked
    // stands in the log; so the results of both are of no use here.
    let _ = match end {
        // Closed without lingering, a connection is reset.
        Err(error) if error.is_user() => stream.set_zero_linger(),
        _ => stream.shutdown().await,
    };
}
