"""Extensions of the compiler, and the cache of compiled code."""
