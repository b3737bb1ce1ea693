//! What keeps a version from being released, apart from the preconditions.
