// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The resource manager, and the clock that it goes by.

use std::sync::Arc;
use std::time::Instant;

use switchyard_report::{Inventory, TargetKey, Timestamp};
use switchyard_resource::{Counters, Manager, Settings as ManagerSettings};
use tracing::warn;

use super::settings::Settings;
use crate::failure::Failure;
use switchyard_config::MasterSettings;

/// What collects load and health.
#[derive(Debug)]
pub struct Resource {
    manager: Manager,
    settings: MasterSettings,
    begin: Timestamp,
    started: Instant,
}

impl Resource {
    /// Starts it, with the destinations of the settings, which it takes out of them.
    pub async fn start(settings: &mut Settings) -> Result<Self, Failure> {
        let manager = manager(&settings.master).await?;
        let this = Self {
            // Its clock begins at the system's time and never jumps: so does ours.
            begin: Timestamp::now(),
            started: Instant::now(),
            settings: settings.master.clone(),
            manager,
        };
        this.set(settings)?;
        Ok(this)
    }

    /// Nobody else needs them, and there may be ten thousand.
    fn set(&self, settings: &mut Settings) -> Result<(), Failure> {
        self.manager
            .set_targets(std::mem::take(&mut settings.targets))
            .map_err(|e| Failure::Other(e.to_string()))
    }

    /// Takes other settings. What is known of destinations that stay is kept, unless
    /// keys or the listener change.
    pub async fn change(&mut self, settings: &mut Settings) -> Result<(), Failure> {
        let (old, new) = (&self.settings, &settings.master);
        self.manager.set_kept(new.kept_connections);
        if old.tls == new.tls && old.listen == new.listen {
            self.settings = settings.master.clone();
            return self.set(settings);
        }
        if old.listen.is_some() && old.listen == new.listen {
            // Two cannot listen in one place, and without the old one there would be
            // nothing to go back to.
            warn!("keys of a listener are changed by a restart");
            return self.set(settings);
        }
        *self = Self::start(settings).await?;
        Ok(())
    }

    /// What is known.
    pub fn inventory(&self) -> Arc<Inventory> {
        Arc::clone(&self.manager.inventory().borrow())
    }

    /// Hands on what the kernel has counted.
    pub fn observe(&self, counters: Vec<(TargetKey, Counters)>) {
        // If it has ended, there is no one to tell.
        let _ = self.manager.observe(counters);
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.begin + self.started.elapsed()
    }
}

async fn manager(settings: &MasterSettings) -> Result<Manager, Failure> {
    let settings = ManagerSettings {
        identity: Settings::identity(settings),
        listen: settings.listen,
        kept: settings.kept_connections,
        ..ManagerSettings::default()
    };
    Manager::start(settings)
        .await
        .map_err(|e| Failure::Other(e.to_string()))
}
