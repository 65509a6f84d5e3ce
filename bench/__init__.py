"""Speed and memory, as ratios against a ceiling measured in the same run."""
