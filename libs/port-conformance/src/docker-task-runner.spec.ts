import { describeTaskRunner } from './task-runner.conformance.ts';
import { makeDockerHarness } from './docker/docker-harness.ts';

describeTaskRunner('docker', makeDockerHarness);
