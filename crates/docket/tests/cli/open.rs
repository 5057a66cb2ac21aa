//! `docket open`.

use serde_json::json;

use crate::fake_service::detail;
use crate::setup::Setup;

const ID: &str = "0190a5c1-0000-7000-8000-000000000001";

#[test]
fn open_prints_the_address_of_the_page_without_a_terminal() {
    let setup = Setup::signed_in();
    let path = format!("GET /jobs/{ID}");
    setup.service.respond_once(&path, 200, &detail(ID, "Ready"));
    setup.service.respond_once(
        "GET /configuration",
        200,
        &json!({"sign_in_url": "http://s", "client_id": "c", "web_socket_url": "ws://x", "page_url": "https://docket.example.com"}),
    );
    let output = setup.run(["open", ID]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(
        output.stdout,
        format!("https://docket.example.com/jobs/{ID}\n")
    );

    setup.service.respond_once(&path, 200, &detail(ID, "Ready"));
    let output = setup.run(["open", "--print", "--page", "http://127.0.0.1:8080/", ID]);
    assert_eq!(output.stdout, format!("http://127.0.0.1:8080/jobs/{ID}\n"));
}

#[test]
fn open_without_the_page_address_exits_with_2_and_names_docket_page() {
    let setup = Setup::signed_in();
    let path = format!("GET /jobs/{ID}");
    setup.service.respond_once(&path, 200, &detail(ID, "Ready"));
    let output = setup.run(["open", ID]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("DOCKET_PAGE"), "{output:?}");
}

#[test]
fn open_of_an_unknown_job_exits_with_4_and_of_a_blank_id_with_2() {
    let setup = Setup::signed_in();
    let path = format!("GET /jobs/{ID}");
    let refused = json!({"type": "urn:docket:problem:not-found", "title": "Not found", "status": 404, "detail": "there is no such job"});
    setup.service.respond_once(&path, 404, &refused);
    assert_eq!(setup.run(["open", ID]).code, Some(4));
    assert_eq!(setup.run(["open", " "]).code, Some(2));
}
