//! Owns what is typed, as it comes from the terminal. Never knows what it means.

use std::thread;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::Sender;

/// Something typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Tab,
    Backspace,
    /// Ctrl-C.
    Interrupt,
    /// The terminal has another size.
    Resized,
}

/// Reads what is typed, on a thread of its own that ends with the program: reading cannot be given up.
pub(super) fn keys(typed: Sender<Key>) {
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            // One that comes while too many wait is lost; who has typed it sees that.
            if key(&event).is_some_and(|key| matches!(typed.try_send(key), Err(error) if is_closed(&error))) {
                return;
            }
        }
    });
}

fn is_closed(error: &tokio::sync::mpsc::error::TrySendError<Key>) -> bool {
    matches!(error, tokio::sync::mpsc::error::TrySendError::Closed(_))
}

fn key(event: &Event) -> Option<Key> {
    let key = match event {
        Event::Resize(..) => return Some(Key::Resized),
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        Event::Key(_) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => return None,
    };
    if let KeyCode::Char(letter) = key.code {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        return if control { (letter == 'c').then_some(Key::Interrupt) } else { Some(Key::Letter(letter)) };
    }
    // There are many more, none of which means anything here.
    let known = [
        (KeyCode::Up, Key::Up),
        (KeyCode::Down, Key::Down),
        (KeyCode::PageUp, Key::PageUp),
        (KeyCode::PageDown, Key::PageDown),
        (KeyCode::Home, Key::Home),
        (KeyCode::End, Key::End),
        (KeyCode::Enter, Key::Enter),
        (KeyCode::Esc, Key::Escape),
        (KeyCode::Tab, Key::Tab),
        (KeyCode::BackTab, Key::Tab),
        (KeyCode::Backspace, Key::Backspace),
    ];
    known.into_iter().find(|(code, _)| *code == key.code).map(|(_, key)| key)
}
