"""Configuration files -> typed, cross-checked values. `loader.load` is the way in; errors are ConfigError."""
