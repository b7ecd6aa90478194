//! Owns how a worker type is shown to people: its messages, with what their JSON may be.

use swarm::registration::{FieldInfo, KindInfo, MessageInfo, VariantInfo};

use crate::words::plain;

/// How far what belongs to something stands behind it.
const INDENT: &str = "    ";

pub(crate) fn page(kind: &KindInfo) -> String {
    let public = if kind.public { ", public" } else { "" };
    let mut text = format!("{}{public}\n", plain(&kind.kind));
    if !kind.json {
        text.push_str("It is not marked `#[swarm::worker(json)]`: its messages cannot be sent from here.\n");
    } else {
        text.push_str("\ninit\n");
        text.push_str(&docs(&kind.docs, 1));
        text.push_str(&fields(&kind.init, 1));
    }
    kind.messages.iter().for_each(|message| text.push_str(&self::message(message)));
    for found in &kind.types {
        text.push_str(&format!("\ntype {}\n{}", plain(&found.name), takes(&found.takes)));
    }
    text
}

fn message(message: &MessageInfo) -> String {
    let how = if message.cast { "cast" } else { "call" };
    let reply = if message.reply.is_empty() { String::new() } else { format!(" -> {}", plain(&message.reply)) };
    // What is written on the command line, and what it is called elsewhere.
    let mut text = match message.method.as_str() {
        "" => format!("\n{how} {}\n", plain(&message.message)),
        method => format!("\n{how} {}{reply}    ({})\n", plain(method), plain(&message.message)),
    };
    text.push_str(&docs(&message.docs, 1));
    match message.takes.as_deref() {
        None if message.method.is_empty() => {}
        None => text.push_str(&format!("{INDENT}as its own serde traits have it\n")),
        Some(variants) => text.push_str(&takes(variants)),
    }
    text
}

/// What a struct consists of, or an enum may be.
fn takes(variants: &[VariantInfo]) -> String {
    match variants {
        [only] if only.name.is_empty() => variant(only, 1),
        variants => format!("{INDENT}one of\n") + &variants.iter().map(alternative).collect::<String>(),
    }
}

/// A variant of an enum.
fn alternative(found: &VariantInfo) -> String {
    let name = plain(&found.name);
    let head = match (found.fields.is_empty(), found.named, found.fields.len()) {
        (true, ..) => format!("\"{name}\""),
        (false, true, _) => format!("{{\"{name}\": {{..}}}}"),
        (false, false, 1) => format!("{{\"{name}\": ..}}"),
        (false, false, _) => format!("{{\"{name}\": [..]}}"),
    };
    let indent = INDENT.repeat(2);
    format!("{indent}{head}\n{}{}", docs(&found.docs, 3), variant(found, 3))
}

fn variant(found: &VariantInfo, depth: usize) -> String {
    let indent = INDENT.repeat(depth);
    match (&found.fields[..], found.named) {
        (all, true) => fields(all, depth),
        ([only], false) => format!("{indent}{}\n", plain(&only.ty)),
        (all, false) => {
            let types: Vec<_> = all.iter().map(|field| plain(&field.ty)).collect();
            format!("{indent}[{}]\n", types.join(", "))
        }
    }
}

fn fields(fields: &[FieldInfo], depth: usize) -> String {
    let line = |field: &FieldInfo| {
        let first = field.docs.lines().next().map(|line| format!("    {}", plain(line))).unwrap_or_default();
        format!("{}{}: {}{first}\n", INDENT.repeat(depth), plain(&field.name), plain(&field.ty))
    };
    fields.iter().map(line).collect()
}

fn docs(docs: &str, depth: usize) -> String {
    docs.lines().map(|line| format!("{}{}", INDENT.repeat(depth), plain(line)).trim_end().to_owned() + "\n").collect()
}
