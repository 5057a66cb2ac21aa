//! A fake of the service's WebSocket API.

use std::net::TcpListener;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

/// Serves WebSocket connections one after the other. Each answers `sync` with its messages; all but the last are then closed.
pub(crate) fn serve_web_sockets(connections: Vec<Vec<Value>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/?ticket=t", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let last = connections.len() - 1;
            for (at, frames) in connections.into_iter().enumerate() {
                let (stream, _) = listener.accept().await.unwrap();
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let request = socket.next().await.unwrap().unwrap();
                assert_eq!(request, Message::text(r#"{"action":"sync"}"#));
                for frame in frames {
                    socket.send(Message::text(frame.to_string())).await.unwrap();
                }
                if at < last {
                    socket.close(None).await.unwrap();
                }
                // Wait until the client has closed the connection.
                while let Some(Ok(_)) = socket.next().await {}
            }
        });
    });
    url
}
