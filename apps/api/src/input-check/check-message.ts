import type { errorFields } from '@bpi/job-contract';
import type { InputGeometry, InputPolicy, InputSummary, VolumeErrorCode } from '@bpi/volumes';

/** What a check thread is asked: check the upload at `sourcePath`, write the canonical input to `targetPath`. */
export type CheckRequest = { sourcePath: string; targetPath: string; policy: InputPolicy; geometry: InputGeometry };

export type CheckReply =
  | { kind: 'rebuilt'; summary: InputSummary }
  | { kind: 'refused'; code: VolumeErrorCode }
  /** Not the client's fault. Only what may be logged crosses over. */
  | ({ kind: 'failed' } & ReturnType<typeof errorFields>);
