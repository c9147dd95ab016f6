/** An expected failure of a verification. The message is one sentence with the cause and what to do. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError';
}
