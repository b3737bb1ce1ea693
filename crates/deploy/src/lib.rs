//! Deploys over SSH that no user notices: slots, switch, health gate, dead man's switch.
