import type { ImgDtype } from './dtype.ts';

/** What a model takes, and what the platform allows. */
export type InputPolicy = {
  readonly dtypes: readonly ImgDtype[];
  /** Closed range of values, and how many different values an image must have at least. */
  readonly intensity: { readonly min: number; readonly max: number; readonly distinctMin: number };
  /** `optional`: may be absent, but is checked whenever it is there. */
  readonly prompts: 'required' | 'optional';
  readonly limits: InputLimits;
};

export type InputLimits = {
  /** The client's file as it arrived. */
  readonly uploadBytesMax: number;
  /** Decoded `imgs`, without its header. */
  readonly imgsBytesMax: number;
  readonly voxelsMax: number;
  /** Each of depth, height, width. */
  readonly dimMax: number;
  /** Decoded `text_prompts`, with its header. */
  readonly promptsBytesMax: number;
  readonly promptCountMax: number;
  /** Unicode code points of one prompt. */
  readonly promptCharsMax: number;
  /** Arrays in the file, the ignored ones included. */
  readonly membersMax: number;
};

export const DEFAULT_INPUT_LIMITS: InputLimits = Object.freeze({
  uploadBytesMax: 1024 ** 3,
  imgsBytesMax: 2 * 1024 ** 3,
  voxelsMax: 512 * 1024 ** 2,
  dimMax: 2048,
  promptsBytesMax: 256 * 1024,
  promptCountMax: 64,
  promptCharsMax: 1000,
  membersMax: 16,
});
