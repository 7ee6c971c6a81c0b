//! What every activation of the registry keeps.
