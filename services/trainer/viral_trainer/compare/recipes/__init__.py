"""Train each contender of a comparison."""
