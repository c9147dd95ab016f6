export type DockerErrorCode =
  | 'engine_missing'
  | 'engine_not_permitted'
  | 'engine_start_failed'
  | 'base_image_failed'
  | 'build_failed'
  | 'image_missing'
  | 'samples_failed';

/** An expected failure around Docker. The message is one sentence with the cause and what to do. */
export class DockerError extends Error {
  readonly code: DockerErrorCode;

  constructor(code: DockerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DockerError';
    this.code = code;
  }
}
