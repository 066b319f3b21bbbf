// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The terminal, which is given back as it was however we end.

use std::io;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::DefaultTerminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

/// The screen of the terminal, which was the shell's.
#[derive(Debug)]
pub struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes it. A panic gives it back before it says anything.
    pub fn open() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(show_the_cursor_at_a_panic);
        Ok(Self(ratatui::try_init()?))
    }

    /// Draws.
    pub fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(|_| ())
    }

    /// Wipes it, so that everything is drawn.
    pub fn wipe(&mut self) -> io::Result<()> {
        self.0.clear()
    }

    /// Gives it back until somebody lets us go on, as a shell does by "fg".
    pub fn stop(self) -> io::Result<Self> {
        drop(self);
        signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
        Self::open()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // If it is gone there is nobody to tell.
        let _ = ratatui::try_restore();
    }
}

/// The library's own hook gives the screen back and not the cursor, which a terminal shows again when
/// it is dropped: at a panic of a release build nothing is.
fn show_the_cursor_at_a_panic() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // If it is gone there is nobody to tell.
        let _ = execute!(io::stdout(), Show);
        hook(info);
    }));
}

/// The signal that tells us to end, if one has come.
#[derive(Clone, Debug)]
pub struct Told(Arc<AtomicUsize>);

impl Told {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        let told = Arc::new(AtomicUsize::new(0));
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
            let number = usize::try_from(signal).unwrap_or(0);
            signal_hook::flag::register_usize(signal, Arc::clone(&told), number)?;
        }
        Ok(Self(told))
    }

    /// Which.
    pub fn which(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }

    /// Ends as if we had not listened: whoever waits for us is told by what.
    pub fn end(&self) {
        if let Some(signal) = self.which() {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::process::{Command, Stdio};

    use nix::pty::{openpty, Winsize};
    use nix::sys::termios::tcgetattr;

    use super::Terminal;

    /// The test that is no test, as the command line names it.
    const CHILD: &str = "top::terminal::tests::panics_in_a_terminal";

    #[test]
    #[ignore = "another test runs it, in a terminal of its own"]
    fn panics_in_a_terminal() {
        let mut terminal = Terminal::open().unwrap();
        terminal
            .draw(|frame| frame.render_widget("screen", frame.area()))
            .unwrap();
        // A release build aborts at a panic: nothing is dropped.
        std::mem::forget(terminal);
        panic!("these are the last words");
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([CHILD, "--exact", "--ignored", "--nocapture"])
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        // What it says must be taken, or it waits.
        let mut master = File::from(pty.master);
        let reader = std::thread::spawn(move || {
            let (mut seen, mut part) = (Vec::new(), [0; 4096]);
            // Linux tells the end by an error.
            while let Ok(length @ 1..) = master.read(&mut part) {
                seen.extend_from_slice(part.get(..length).unwrap_or_default());
            }
            String::from_utf8_lossy(&seen).into_owned()
        });
        assert!(!child.wait().unwrap().success());
        assert_eq!(tcgetattr(&pty.slave).unwrap(), before);
        drop(pty.slave);
        let seen = reader.join().unwrap();
        let place = |words: &str| {
            seen.rfind(words)
                .unwrap_or_else(|| panic!("no {words:?} in {seen:?}"))
        };
        let (taken, drawn) = (place("\x1b[?1049h"), place("screen"));
        let (given, shown) = (place("\x1b[?1049l"), place("\x1b[?25h"));
        let last = place("these are the last words");
        assert!(taken < drawn && drawn < given, "{seen:?}");
        assert!(given < last && drawn < shown, "{seen:?}");
    }
}
