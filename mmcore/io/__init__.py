"""What people hand in: files and texts become RGB pictures, float32 mono sound, clean text and tables; limits first."""
