//! Reads template.yaml.
