//! An AWS that answers every call as it is told to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// A status and a body.
pub(crate) type Answer = (u16, String);

/// Listens, and answers each request by its operation and body; `GET` is the operation of a plain request. Answers the
/// address, which stands in answers for `HERE`. It ends with the test's process.
pub(crate) fn aws(answer: impl Fn(&str, &str) -> Answer + Send + 'static) -> String {
    aws_that_hears(move |operation, body, _| answer(operation, body))
}

/// The same, and answers also by the header `Authorization`.
pub(crate) fn aws_that_hears(
    answer: impl Fn(&str, &str, &str) -> Answer + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let here = endpoint.clone();
    let answer = move |operation: &str, body: &str, authorization: &str| {
        let (status, text) = answer(operation, body, authorization);
        (status, text.replace("HERE", &here))
    };
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), &answer);
        }
    });
    endpoint
}

fn serve(mut stream: TcpStream, answer: &impl Fn(&str, &str, &str) -> Answer) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut target, mut length, mut authorization) = (None, 0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => target = value.rsplit('.').next().map(str::to_owned),
            "authorization" => authorization = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let action = body
        .strip_prefix("Action=")
        .and_then(|rest| rest.split('&').next());
    let operation = target.or(action.map(str::to_owned)).unwrap_or("GET".into());
    let (status, text) = answer(&operation, &body, &authorization);
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all((head + &text).as_bytes()).unwrap();
}
