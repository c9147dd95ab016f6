"""Running out of memory, on the device or beside it: telling it from other errors, and going on with smaller batches."""

import gc

from .refusal import Refusal

# torch has a class of its own for CUDA's allocator since 1.13; its others raise RuntimeError with these words.
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "_STATUS_ALLOC_FAILED", "std::bad_alloc")


def is_out_of_memory(error):
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


def with_back_off(attempt, batch_size, free=lambda: None):
    """Calls `attempt(batch_size)`, after running out of memory with half of it, down to 1.

    Each attempt begins anew, so that a result depends on the batch size it was made with and not on where memory ended.
    Returns (result, batch size it was made with, how often memory ran out). `free` gives back what the device caches.
    """
    count = 0
    while True:
        try:
            return attempt(batch_size), batch_size, count
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            count += 1
        # Only here, past the handler, is nothing of the failed attempt held any more by the error's frames.
        gc.collect()
        free()
        if batch_size == 1:
            raise Refusal("out_of_memory")
        batch_size //= 2
