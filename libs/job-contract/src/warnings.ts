/** Things a client should know about a job that was accepted all the same. Closed list. */
export const WARNINGS = {
  intensity_scaled: 'The volume lay within 0 to 1 and was taken as normalized: it was multiplied by 255.',
  spacing_missing: 'No spacing was given: volumes in millilitres are unknown.',
  orientation_unknown: 'No affine was given: left and right are unknown in the NIfTI mask.',
  prompts_ignored: 'This model has fixed labels: the prompts were checked and not used.',
  spacing_differs_from_affine: 'The spacing differs from the affine: the affine was used.',
  smaller_settings_used: 'The model ran out of memory and was run again with its smaller settings.',
  memory_back_off: 'The model ran out of memory and went on in smaller batches.',
  metrics_unreadable: 'What the model reported beside the mask could not be read: existence scores are unknown.',
} as const;
export type WarningCode = keyof typeof WARNINGS;
export const WARNING_CODES = Object.keys(WARNINGS) as [WarningCode, ...WarningCode[]]; // keys of a literal
