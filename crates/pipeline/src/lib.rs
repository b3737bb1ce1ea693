//! Survey, plan and run of a release: steps, probes, journal, events, configuration.
