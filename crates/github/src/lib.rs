//! GitHub releases and assets for a release pipeline.
