"""A live page: frames of a clip or a camera, graded on the left and enhanced on the right."""
