"""Does image quality cost a diagnosis, and does super-resolution give it back?"""
