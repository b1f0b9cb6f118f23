"""The retrieval tab."""
