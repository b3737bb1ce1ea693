//! The guestbook that rehearsals deploy.
