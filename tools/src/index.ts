export { AwsPlatform, POOLS as AWS_POOLS, type AwsPlatformOptions } from './aws/aws-platform.ts';
export { emulatorSettings } from './aws/aws-resources.ts';
export { makeInput, type MadeInput } from './make-input.ts';
export { ApiProblem, Client, type InferRequest } from './run/client.ts';
export { freePort } from './run/free-port.ts';
export { LocalPlatform, type PlatformOptions } from './run/platform.ts';
