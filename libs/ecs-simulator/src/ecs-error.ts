/** The names of ECS's own errors that the simulator answers with; the SDK makes its classes from them. */
export type EcsErrorCode =
  | 'ClientException'
  | 'ClusterNotFoundException'
  | 'ConflictException'
  | 'InvalidParameterException'
  | 'LimitExceededException'
  | 'ServerException'
  | 'ThrottlingException'
  | 'UnknownOperationException'
  | 'UnsupportedFeatureException'
  | 'ValidationError';

/** An answer other than 200. `resourceIds` belongs to ConflictException only. */
export class EcsError extends Error {
  override readonly name = 'EcsError';
  readonly code: EcsErrorCode;
  readonly resourceIds: readonly string[] | null;

  constructor(code: EcsErrorCode, message: string, resourceIds: readonly string[] | null = null) {
    super(message);
    this.code = code;
    this.resourceIds = resourceIds;
  }

  get httpStatus(): number {
    return this.code === 'ServerException' ? 500 : 400;
  }
}

export const clientError = (message: string): EcsError => new EcsError('ClientException', message);
export const invalidParameter = (message: string): EcsError => new EcsError('InvalidParameterException', message);
