export { makeInput, type MadeInput } from './make-input.ts';
export { ApiProblem, Client, type InferRequest } from './run/client.ts';
export { LocalPlatform, type PlatformOptions } from './run/platform.ts';
