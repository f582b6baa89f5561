//! Hub and agents in the namespaces.
