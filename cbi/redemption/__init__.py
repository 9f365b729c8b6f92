"""Cash over the counter: codes, post offices, tellers, hand-over."""
