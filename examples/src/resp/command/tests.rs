//! What words come to, by a table.

use super::*;

fn words(line: &str) -> Vec<Bytes> {
    line.split_whitespace().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

#[track_caller]
fn check(line: &str, expected: Command) {
    assert_eq!(read(&words(line)), expected, "{line}");
}

#[track_caller]
fn check_error(line: &str, expected: &str) {
    check(line, Command::Reply(Reply::Error(expected.to_owned())));
}

fn one(op: Op) -> Command {
    Command::One("k".into(), op)
}

fn set(life: Life, when: When, previous: bool) -> Command {
    one(Op::Set { value: b"v".to_vec(), life, when, previous })
}

#[test]
fn commands_of_one_key() {
    check("GET k", one(Op::Get));
    check("get k", one(Op::Get));
    check("INCR k", one(Op::Add(1)));
    check("INCRBY k -5", one(Op::Add(-5)));
    check("DECR k", one(Op::Add(-1)));
    check("DECRBY k -5", one(Op::Add(5)));
    check("EXPIRE k 10", one(Op::Expire(10_000)));
    check("EXPIRE k -10", one(Op::Expire(-10_000)));
    check("PEXPIRE k 10", one(Op::Expire(10)));
    check("TTL k", one(Op::TimeLeft(Unit::Seconds)));
    check("PTTL k", one(Op::TimeLeft(Unit::Millis)));
}

#[test]
fn set_and_its_options() {
    check("SET k v", set(Life::Unlimited, When::Always, false));
    check("SET k v EX 10", set(Life::Millis(10_000), When::Always, false));
    check("SET k v px 10 nx", set(Life::Millis(10), When::Absent, false));
    check("SET k v XX GET KEEPTTL", set(Life::Kept, When::Present, true));
    check("SET k v NX GET", set(Life::Unlimited, When::Absent, true));
    for line in [
        "SET k v NX XX",
        "SET k v EX",
        "SET k v EX 1 PX 1",
        "SET k v KEEPTTL EX 1",
        "SET k v EX 1 KEEPTTL",
        "SET k v w",
    ] {
        check_error(line, "ERR syntax error");
    }
    check_error("SET k v EX x", "ERR value is not an integer or out of range");
    for span in ["EX 0", "PX -1", "EX 9223372036854775807", "PX 9223372036854775807"] {
        check_error(&format!("SET k v {span}"), "ERR invalid expire time in 'set' command");
    }
    check_error("SET k", "ERR wrong number of arguments for 'set' command");
}

#[test]
fn commands_of_several_keys() {
    let keys: Vec<Name> = vec!["a".into(), "b".into(), "a".into()];
    check("MGET a b a", Command::Each(keys.clone(), Op::Get));
    check("DEL a b a", Command::Sum(keys.clone(), Op::Delete));
    check("EXISTS a b a", Command::Sum(keys, Op::Exists));
    check_error("DEL", "ERR wrong number of arguments for 'del' command");
}

#[test]
fn commands_of_no_key() {
    check("PING", Command::Reply(Reply::Simple("PONG")));
    check("PING hi", Command::Reply(Reply::text("hi")));
    check_error("PING a b", "ERR wrong number of arguments for 'ping' command");
    check("ECHO hi", Command::Reply(Reply::text("hi")));
    check("SELECT 0", Command::Reply(Reply::OK));
    check_error("SELECT 1", "ERR DB index is out of range");
    check_error("SELECT x", "ERR value is not an integer or out of range");
    check("QUIT", Command::Quit);
    check("INFO server", Command::Info);
    check("COMMAND COUNT", Command::Reply(Reply::Number(FORMS.len() as i64)));
    check("COMMAND DOCS", Command::Reply(Reply::Array(vec![])));
    check("COMMAND INFO get nope", Command::Reply(Reply::Array(vec![FORMS[0].described(), Reply::Nil])));
    let save = vec![Reply::text("save"), Reply::text("")];
    check("CONFIG GET SAVE", Command::Reply(Reply::Array(save)));
    check("CONFIG GET nope", Command::Reply(Reply::Array(vec![])));
    check_error("CONFIG SET save x", "ERR unknown subcommand 'SET'");
}

#[test]
fn mistakes_in_numbers() {
    check_error("INCRBY k 1.5", "ERR value is not an integer or out of range");
    check_error("INCRBY k 9223372036854775808", "ERR value is not an integer or out of range");
    check_error("DECRBY k -9223372036854775808", "ERR decrement would overflow");
    check_error("EXPIRE k x", "ERR value is not an integer or out of range");
    check_error("EXPIRE k 9223372036854775807", "ERR invalid expire time in 'expire' command");
    check_error("PEXPIRE k 9223372036854775807", "ERR invalid expire time in 'pexpire' command");
    check_error("EXPIRE k 1 NX", "ERR Unsupported option NX");
}

#[test]
fn what_is_no_command() {
    check_error("HELLO 3", "ERR unknown command 'HELLO', with args beginning with: '3' ");
    check("POST / HTTP/1.1", Command::HangUp);
    check("Host: localhost", Command::HangUp);
    let long = format!("GET {}", "k".repeat(Name::BYTES_MAX + 1));
    check_error(&long, "ERR a key may be 1024 bytes long, and half of it if it is no text");
}
