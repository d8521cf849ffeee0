// SPDX-License-Identifier: ISC
//! The peer that the article of 2017 measured: hyper, each thread with an event loop and a listening
//! socket of its own (SO_REUSEPORT), so that a connection belongs to one thread.
//!
//!     peer-hyper article|tuned PORT THREADS WAIT_US ROUNDS
//!
//! "article" does the work as the article's code does: a new string each round, members that the object owns.
//! "tuned" writes all rounds over one buffer and lends it to the object, which is as C does it.  WAIT_US is time to
//! sleep in each request; it blocks the thread, as work would.
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::Http;
use hyper::service::service_fn;
use hyper::{Body, Request, Response};
use socket2::{Domain, Socket, Type};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

type Work = fn(u64) -> Vec<u8>;

mod article {
    #[derive(serde::Serialize)]
    struct Data {
        street: String,
        city: String,
    }

    pub fn work(rounds: u64) -> Vec<u8> {
        let mut data = Data { street: "10 Downing Street".to_string(), city: "X".to_string() };
        for round in 0..rounds {
            data.city = format!("Value: {}", round);
        }
        serde_json::to_vec(&data).unwrap()
    }
}

mod tuned {
    use std::fmt::Write;

    #[derive(serde::Serialize)]
    struct Data<'a> {
        street: &'static str,
        city: &'a str,
    }

    pub fn work(rounds: u64) -> Vec<u8> {
        let mut city = String::with_capacity(32);
        city.push('X');
        for round in 0..rounds {
            city.clear();
            write!(city, "Value: {}", round).unwrap();
            // Every round's string is really made (std::hint::black_box is younger than Debian 12's compiler).
            unsafe { std::arch::asm!("/* {0} */", in(reg) city.as_ptr(), options(nostack, preserves_flags)) };
        }
        serde_json::to_vec(&Data { street: "10 Downing Street", city: &city }).unwrap()
    }
}

fn data(work: Work, wait: Duration, rounds: u64) -> Response<Body> {
    let answer = work(rounds);
    if wait > Duration::ZERO {
        std::thread::sleep(wait);
    }
    Response::builder().header(CONTENT_TYPE, "application/json").body(Body::from(answer)).unwrap()
}

fn listener(port: u16) -> std::net::TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    socket.listen(4096).unwrap();
    socket.into()
}

async fn serve(listener: std::net::TcpListener, work: Work, wait: Duration, rounds: u64) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => continue,
        };
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let service =
                service_fn(move |_: Request<Body>| async move { Ok::<_, Infallible>(data(work, wait, rounds)) });
            let _ = Http::new().http1_only(true).serve_connection(stream, service).await;
        });
    }
}

fn main() {
    let work: Work = match std::env::args().nth(1).as_deref() {
        Some("article") => article::work,
        Some("tuned") => tuned::work,
        _ => panic!("usage: peer-hyper article|tuned PORT THREADS WAIT_US ROUNDS"),
    };
    let numbers: Vec<u64> = std::env::args().skip(2).map(|n| n.parse().unwrap()).collect();
    let (port, wait, rounds) = (numbers[0] as u16, Duration::from_micros(numbers[2]), numbers[3]);
    let threads: Vec<_> = (0..numbers[1])
        .map(|_| listener(port))
        .map(|listener| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
                runtime.block_on(serve(listener, work, wait, rounds))
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
