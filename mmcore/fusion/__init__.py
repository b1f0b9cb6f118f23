"""What the Lab trains: features, labelled posts, the trainer of fusion heads and its metrics."""
