"""How a job may end without a mask."""

EXIT_MODEL_ERROR, EXIT_INPUT_REJECTED, EXIT_OUT_OF_MEMORY, EXIT_WEIGHTS, EXIT_DEVICE = 1, 10, 11, 12, 13

# Every reason there is, and the exit code that the platform knows it by.
REASONS = {
    "params_unreadable": EXIT_INPUT_REJECTED,
    "params_invalid": EXIT_INPUT_REJECTED,
    "input_unreadable": EXIT_INPUT_REJECTED,
    "imgs_missing": EXIT_INPUT_REJECTED,
    "imgs_shape": EXIT_INPUT_REJECTED,
    "imgs_dtype": EXIT_INPUT_REJECTED,
    "imgs_not_finite": EXIT_INPUT_REJECTED,
    "imgs_range": EXIT_INPUT_REJECTED,
    "imgs_normalized": EXIT_INPUT_REJECTED,
    "imgs_constant": EXIT_INPUT_REJECTED,
    "prompts_missing": EXIT_INPUT_REJECTED,
    "prompts_unreadable": EXIT_INPUT_REJECTED,
    "prompts_invalid": EXIT_INPUT_REJECTED,
    "prompts_too_long": EXIT_INPUT_REJECTED,
    "out_of_memory": EXIT_OUT_OF_MEMORY,
    "weights_not_pinned": EXIT_WEIGHTS,
    "weights_missing": EXIT_WEIGHTS,
    "weights_digest_mismatch": EXIT_WEIGHTS,
    "weights_unreadable": EXIT_WEIGHTS,
    "weights_keys_mismatch": EXIT_WEIGHTS,
    "tokenizer_missing": EXIT_WEIGHTS,
    "device_unavailable": EXIT_DEVICE,
    "too_many_instances": EXIT_MODEL_ERROR,
    "network_not_finite": EXIT_MODEL_ERROR,
    "unexpected_error": EXIT_MODEL_ERROR,
}


class Refusal(Exception):
    """An expected end. `reason` is one of the above: it never holds a value from the input."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason
        self.exit_code = REASONS[reason]
