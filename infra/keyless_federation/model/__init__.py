"""The desired state as plain values, and every rule of Google's and AWS's about what they may be."""
