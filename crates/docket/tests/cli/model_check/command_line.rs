//! Command lines and addresses that cannot be checked.

use std::io::Write;
use std::net::TcpListener;

use crate::setup::Setup;

#[test]
fn wrong_command_lines_are_refused_with_a_reason() {
    let setup = Setup::new();
    let missing = setup.home.join("missing.pdf");
    let text = setup.file("text.pdf", b"no document");
    let empty = setup.file("empty.pdf", b"");
    let url = "http://127.0.0.1:9";
    let (missing, text, empty) = (
        missing.to_str().unwrap(),
        text.to_str().unwrap(),
        empty.to_str().unwrap(),
    );
    for (arguments, words) in [
        (&[] as &[&str], "<URL>"),
        (&["127.0.0.1:8080"], "http://"),
        (&["https://127.0.0.1"], "plain http"),
        (&[url, "--pipeline", "none"], "legal-review"),
        (&[url, "--pipelines", missing], "cannot read"),
        (&[url, "--pipelines", text], "pipelines.toml"),
        (&[url, "--input", missing], "cannot read"),
        (&[url, "--input", text], "not a PDF"),
        (&[url, "--long-input", empty], "empty"),
        (&[url, "--concurrency", "0"], "1..=1000"),
        (&[url, "--timeout", "4000"], "3600"),
        (&[url, "--pid", "4194305"], "no such process"),
    ] {
        let output = setup.run(["model", "check"].iter().chain(arguments));
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(words), "{arguments:?}: {output:?}");
    }
}

#[test]
fn address_without_a_container_is_an_error() {
    let setup = Setup::new();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let output = setup.run(["model", "check", &refused]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.stderr.contains("cannot reach"), "{output:?}");
    let output = setup.run(["model", "check", "http://host.invalid"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    for (greeting, words) in [
        ("SSH-2.0-OpenSSH_9.7\r\n", "does not speak HTTP"),
        // The alert of a server that expects TLS.
        ("\u{15}\u{3}\u{1}\0\u{2}\u{2}\n", "does not speak HTTP"),
        ("", "answers nothing"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(greeting.as_bytes()).unwrap();
        });
        let output = setup.run(["model", "check", &url]);
        server.join().unwrap();
        assert_eq!(output.code, Some(5), "{greeting:?}: {output:?}");
        assert!(output.stderr.contains(words), "{greeting:?}: {output:?}");
    }
}
