//! Owns the terminal while it is the program's: it is given back as it was, however the program ends. Never decides what is drawn.

use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::Once;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};

/// The terminal, taken.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    left: bool,
}

impl Screen {
    /// Takes it. What a panic says is written after it is given back, where it can be read.
    pub(super) fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                // Nothing can be done if that fails, and the program ends anyway.
                let _ = give_back(&mut io::stdout());
                before(info);
            }));
        });
        enable_raw_mode()?;
        // From here on it is given back, also if what follows fails.
        let mut screen = Self { terminal: Terminal::new(CrosstermBackend::new(io::stdout()))?, left: false };
        // Not cleared by the `Terminal`, which would ask where the cursor is: not every terminal answers that.
        execute!(screen.terminal.backend_mut(), EnterAlternateScreen, Clear(ClearType::All))?;
        Ok(screen)
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Gives it back.
    pub(super) fn leave(mut self) -> io::Result<()> {
        self.left = true;
        give_back(&mut io::stdout())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if !self.left {
            // As above.
            let _ = give_back(&mut io::stdout());
        }
    }
}

/// The terminal is as it was, with its cursor and what stood on it.
fn give_back(out: &mut impl Write) -> io::Result<()> {
    let raw = disable_raw_mode();
    execute!(out, LeaveAlternateScreen, Show)?;
    raw
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    use super::*;

    /// Set where the test runs on a terminal, to panic there.
    const INSIDE: &str = "SWARMCTL_TEST_PANICS";

    /// It starts itself once more, on a terminal.
    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(INSIDE).is_some() {
            let _screen = Screen::enter().expect("it is a terminal");
            panic!("as it was told to");
        }
        let pair = native_pty_system().openpty(PtySize::default()).expect("the system has a terminal");
        let settings = || format!("{:?}", pair.master.get_termios());
        let before = settings();
        let mut command = CommandBuilder::new(std::env::current_exe().expect("it runs from a file"));
        command.args([
            "--exact",
            "top::screen::tests::a_panic_gives_the_terminal_back_before_it_is_told",
            "--nocapture",
        ]);
        command.env(INSIDE, "1");
        let mut child = pair.slave.spawn_command(command).expect("it can be started");
        let mut reader = pair.master.try_clone_reader().expect("it can be looked at");
        let read = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // A terminal that nobody has open any more ends with an error.
            let _ = reader.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        assert!(!child.wait().expect("it ends").success(), "it has panicked");
        assert_eq!(settings(), before);
        drop(pair.slave);
        let text = read.join().expect("it does not panic");
        let (taken, given) = (text.find("\x1b[?1049h"), text.find("\x1b[?1049l"));
        let told = text.find("as it was told to");
        assert!(taken.is_some() && taken < given && given < told, "{text:?}");
        assert!(text.contains("\x1b[?25h"), "the cursor is shown: {text:?}");
    }
}
