// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The terminal, which is given back as it was however we end.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use ratatui::DefaultTerminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

/// The screen of the terminal, which was the shell's.
#[derive(Debug)]
pub struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes it. A panic gives it back before it says anything.
    pub fn open() -> io::Result<Self> {
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
