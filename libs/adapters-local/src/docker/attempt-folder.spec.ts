import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isJobId, type TaskFile } from '@bpi/job-contract';
import { AttemptFolder, attemptOfFolderName } from './attempt-folder.ts';

const jobId = '6a8e2c1d-4b3f-4c5a-9d7e-0f1a2b3c4d5e';
if (!isJobId(jobId)) throw new Error('the id above is version 4');
const TASK: TaskFile = {
  schema_version: 1,
  job_id: jobId,
  epoch: 2,
  model: { name: 'm', version: '1.0.0' },
  pool: 'cpu',
  shrunk: false,
  image_digest: null,
};

describe('the folder of an attempt', () => {
  let root: string;
  let folder: AttemptFolder;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bpi-folder-'));
    folder = new AttemptFolder(root, { jobId, epoch: 2 });
  });
  afterEach(() => rm(root, { recursive: true }));

  it.each([
    [`${jobId}-2`, { jobId, epoch: 2 }],
    [`${jobId}-2.old`, null],
    [jobId, null],
    ['..', null],
    [`.${jobId}-2`, null],
  ])('is told by its name: %s', (name, expected) => {
    expect(attemptOfFolderName(name)).toEqual(expected);
  });

  it('keeps others out and lets any uid of the container in', async () => {
    await folder.create(TASK);
    const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
    expect(await modeOf(folder.path)).toBe(0o700);
    expect(await modeOf(folder.file('inputs'))).toBe(0o755);
    expect(await modeOf(folder.file('outputs'))).toBe(0o777);
  });

  it('keeps what was written first, however many write, and leaves no half files', async () => {
    await Promise.all([TASK, { ...TASK, pool: 'gpu' }, { ...TASK, shrunk: true }].map((task) => folder.create(task)));
    const first = await folder.task();
    await folder.create({ ...TASK, pool: 'other' });
    expect(await folder.task()).toEqual(first);
    expect(await folder.end({ cause: 'exited', exitCode: 0 })).toEqual({ cause: 'exited', exitCode: 0 });
    expect(await folder.end({ cause: 'unknown', exitCode: null })).toEqual({ cause: 'exited', exitCode: 0 });
    expect((await readdir(folder.path)).sort()).toEqual(['ended.json', 'gate', 'inputs', 'outputs', 'task.json']);
  });

  it('never looks at work once it ended, also to one who reads it while another one removes it', async () => {
    /** Whatever is read, all is gone at the next look. */
    class Vanishing extends AttemptFolder {
      override async task() {
        return super.task().finally(() => rm(this.path, { recursive: true, force: true }));
      }
      override async ended() {
        return super.ended().finally(() => rm(this.path, { recursive: true, force: true }));
      }
    }
    await folder.create(TASK);
    expect(await folder.isAtWork()).toBe(true);
    await folder.end({ cause: 'exited', exitCode: 0 });
    expect(await folder.isAtWork()).toBe(false);
    expect(await new Vanishing(root, folder.id).isAtWork()).toBe(false);
  });

  it('reads a file that a power cut left empty as none, so that the attempt can still end', async () => {
    await folder.create(TASK);
    await folder.noteStager({ stage: 'stage-in', pid: 1, born: null, crashes: { 'stage-in': 0, 'stage-out': 0 } });
    await truncate(folder.file('stager'));
    expect((await folder.stagerNote()).pid).toBeNull();
    await truncate(folder.file('task'));
    expect(await folder.task()).toBeNull();
  });

  it('is none as long as only a stop was wanted', async () => {
    await folder.wantStop();
    expect(await folder.stopWanted()).toBe(true);
    expect(await folder.task()).toBeNull();
  });
});
