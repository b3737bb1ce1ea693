//! Cargo registry index and web API with typed outcomes.
