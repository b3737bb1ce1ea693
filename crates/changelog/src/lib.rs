//! Keep a Changelog as text: read, promote, mark yanked, byte for byte.
