"""Hold the Qt front end; importing the package alone loads neither Qt nor the network."""
