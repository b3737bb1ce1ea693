//! A release pipeline for Cargo workspaces: gates, publish, GitHub release and staged deploy that can be rehearsed and resumed.
