//! What a workspace already does, learned from its manifests, tags and registry.
