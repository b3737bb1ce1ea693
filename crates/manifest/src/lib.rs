//! Cargo workspaces: graph, publish order, and version edits as byte splices.
