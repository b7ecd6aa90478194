//! The document of what a node serves.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{Request, get};
use super::fixture::one;

/// Everything that a document refers to is in it.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_tells_of_every_public_message() {
    let (_node, addr) = one("http-document").await;
    let answer = get("/openapi.json").send(addr).await;
    assert_eq!((answer.status, answer.field("content-type")), (200, "application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], json!("3.1.0"));
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 4, "{found:?}");
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some_and(Value::is_object), "{reference}");
    }
    let paths: BTreeSet<&str> = document["paths"].as_object().expect("an object").keys().map(String::as_str).collect();
    for path in [
        "/openapi.json",
        "/v1/workers/{name}",
        "/v1/workers/{name}/book",
        "/v1/workers/{name}/fee",
        "/v1/workers/{name}/count",
        "/v1/groups/{group}/deposit",
        "/v1/kinds/Account/balance",
        "/v1/kinds/Trouble/hold",
    ] {
        assert!(paths.contains(path), "{path} of {paths:?}");
    }
    let text = document.to_string();
    assert!(!text.contains("Vault") && !text.contains("Plain"), "what is not for all is not told of");
    let mut ids = BTreeSet::new();
    for item in document["paths"].as_object().expect("an object").values() {
        for operation in item.as_object().expect("an object").values() {
            assert!(ids.insert(operation["operationId"].as_str().expect("each has an id")), "{operation}");
            assert!(operation["responses"]["default"].is_object(), "{operation}");
        }
    }
    assert_eq!(document.get("security"), None, "nobody is asked for a token");
    // The whole of a type within a type within a message.
    let book = &document["paths"]["/v1/workers/{name}/book"]["post"];
    assert_eq!(book["description"], json!("Account: Writes lines into its book."));
    let body = &book["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!((&body["required"], &body["additionalProperties"]), (&json!(["lines"]), &json!(false)));
    assert_eq!(body["properties"]["lines"]["items"]["$ref"], json!("#/components/schemas/Line"));
    let line = &document["components"]["schemas"]["Line"];
    assert_eq!(line["required"], json!(["cents", "means"]));
    assert_eq!(
        line["properties"]["cents"],
        json!({"type": "integer", "minimum": 0, "maximum": u32::MAX, "description": "In cents."})
    );
    let tag = &document["components"]["schemas"]["Means"]["oneOf"];
    assert_eq!(tag[0]["enum"], json!(["Cash"]));
    assert_eq!(tag[1]["properties"]["Card"]["properties"]["holder"]["type"], json!("string"));
    assert_eq!(tag[1]["description"], json!("By whom."));
    assert_eq!(tag[2]["properties"]["Other"]["type"], json!("string"));
    let reply =
        &document["paths"]["/v1/workers/{name}/withdraw"]["post"]["responses"]["200"]["content"]["application/json"];
    let overdrawn = &reply["schema"]["oneOf"][1]["properties"]["Err"]["$ref"];
    assert_eq!(overdrawn, &json!("#/components/schemas/Overdrawn"));
    let registration =
        &document["paths"]["/v1/workers/{name}"]["put"]["requestBody"]["content"]["application/json"]["schema"];
    let kinds = registration["oneOf"].as_array().expect("one for each type");
    let accounts = kinds.iter().find(|one| one["properties"]["kind"]["enum"] == json!(["Account"]));
    let accounts = &accounts.expect("it is among them")["properties"];
    assert_eq!(accounts["init"]["required"], json!(["opening"]));
    assert_eq!(accounts["init"]["description"], json!("Opens it."));
    let head = Request::new("HEAD", "/openapi.json").send(addr).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}
