//! Owns a terminal that the program runs on: what is typed, and what stands on its screen.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::{Parser, Screen};

use super::fixture::{Dir, PATIENCE};

/// The smallest terminal that has to do.
const SIZE: PtySize = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };

/// The program on a terminal.
pub(crate) struct Tty {
    /// Nothing once it has ended.
    child: Option<Box<dyn Child + Send + Sync>>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    seen: Arc<Seen>,
    /// How the terminal was set before.
    before: String,
}

#[derive(Default)]
struct Seen {
    now: Mutex<Now>,
    changed: Condvar,
}

struct Now {
    parser: Parser,
    ended: bool,
}

impl Default for Now {
    fn default() -> Self {
        Self { parser: Parser::new(SIZE.rows, SIZE.cols, 0), ended: false }
    }
}

impl Tty {
    pub(crate) fn start(dir: &Dir, words: &[&str]) -> Self {
        let pair = native_pty_system().openpty(SIZE).expect("the system has a terminal");
        let before = settings(&*pair.master);
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_swarmctl"));
        command.args(words);
        command.env("XDG_RUNTIME_DIR", dir.path());
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).expect("it can be started");
        // The terminal ends with the last who has it open.
        drop(pair.slave);
        let keyboard = pair.master.take_writer().expect("it can be typed on");
        let mut reader = pair.master.try_clone_reader().expect("it can be looked at");
        let seen = Arc::<Seen>::default();
        std::thread::spawn({
            let seen = seen.clone();
            move || {
                let mut bytes = [0; 4096];
                loop {
                    let read = reader.read(&mut bytes).unwrap_or(0);
                    let mut now = seen.now.lock().unwrap_or_else(PoisonError::into_inner);
                    now.parser.process(&bytes[..read]);
                    now.ended = read == 0;
                    seen.changed.notify_all();
                    if read == 0 {
                        return;
                    }
                }
            }
        });
        Self { child: Some(child), master: pair.master, keyboard, seen, before }
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("it is read");
        self.keyboard.flush().expect("it is read");
    }

    /// Makes its window larger or smaller.
    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        // The screen first: what comes after is drawn for it.
        self.seen.now.lock().unwrap_or_else(PoisonError::into_inner).parser.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, ..SIZE }).expect("it is a terminal");
    }

    /// Waits until what stands on the screen is as it should be, and gives it. All that it should be is asked at once, for a look may come
    /// while a picture is half drawn.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        self.until_screen(what, |screen| is(&screen.contents()))
    }

    #[track_caller]
    fn until_screen(&self, what: &str, is: impl Fn(&Screen) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        let mut now = self.seen.now.lock().unwrap_or_else(PoisonError::into_inner);
        while !is(now.parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            let text = now.parser.screen().contents();
            assert!(!left.is_zero() && !now.ended, "not in time: {what}; the screen is\n{text}");
            now = self.seen.changed.wait_timeout(now, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        now.parser.screen().contents()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().and_then(|child| child.process_id()).expect("it runs")
    }

    /// Waits for its end. The terminal must be as it was before.
    #[track_caller]
    pub(crate) fn ends(mut self) {
        let mut child = self.child.take().expect("it has not ended");
        let status = child.wait().expect("it ends");
        assert!(status.success(), "{status:?}");
        assert_eq!(settings(&*self.master), self.before, "keys are shown and lines are read as before");
        let mut now = self.seen.now.lock().unwrap_or_else(PoisonError::into_inner);
        while !now.ended {
            now = self.seen.changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
        let screen = now.parser.screen();
        assert!(!screen.alternate_screen(), "what stood there before is there again");
        assert!(!screen.hide_cursor(), "and so is the cursor");
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended.
            let _ = child.kill();
        }
    }
}

fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("it is a terminal"))
}
