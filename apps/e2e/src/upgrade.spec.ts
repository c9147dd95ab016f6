import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildCommit, commitOf, type EarlierBuild } from './earlier-build.ts';
import { ownContainers, repoRoot, until } from './harness.ts';
import { ALL_JOBS, ENDED_JOBS, namesOf, RUNNING_JOBS, WAITING_JOBS, type JobName } from './upgrade-jobs.ts';
import { UpgradeMachine } from './upgrade-machine.ts';

/**
 * The commit before this one differs little from it, most of the time. So there is a second one, from when the database had
 * one step of its schema less (`platform-schema.ts`): the oldest with all the routes that are asked here.
 */
const OLDER_COMMIT = '5c7a20b';
const AUDIT = 'SELECT event_id, at_ms, client_id, key_id, action, job_id FROM audit_events ORDER BY event_id';
const START_TIMEOUT_MS = 180_000;

const previous = await commitOf('HEAD^');
const older = await commitOf(OLDER_COMMIT);
const commits = [...new Set([previous, older])].filter((commit) => commit !== null);

it('comes from the previous commit and from an older one, where the clone has them', () => {
  const missing = [...(previous === null ? ['HEAD^'] : []), ...(older === null ? [OLDER_COMMIT] : [])];
  for (const name of missing) process.stdout.write(`upgrade from ${name}: NOT RUN, this clone has no such commit\n`);
  expect(commits).toHaveLength(new Set([previous ?? 'HEAD^', older ?? OLDER_COMMIT]).size - missing.length);
});

describe.each(commits.map((commit) => [commit.slice(0, 12), commit]))('after the build of %s', (_, commit) => {
  const jobs = new Map<JobName, string>();
  const downloads = new Map<JobName, Record<string, string>>();
  let earlier: EarlierBuild;
  let machine: UpgradeMachine;
  let audit: Record<string, unknown>[];
  let schemaBefore: unknown;
  let revokedKey: string;

  const idOf = (name: JobName) => jobs.get(name) ?? '';
  const schemaVersion = () => machine.rows('PRAGMA user_version')[0]?.['user_version'];
  const containersOf = async (name: JobName) =>
    (await ownContainers(machine.docker, machine.dataDir)).filter((container) =>
      container.Names.some((containerName) => containerName.includes(idOf(name))),
    );

  beforeAll(async () => {
    earlier = await buildCommit(commit);
    machine = await UpgradeMachine.make();
    machine.useKey(await machine.keys(earlier.root, 'create', 'clinic-a'));
    revokedKey = await machine.keys(earlier.root, 'create', 'clinic-a');
    await machine.keys(earlier.root, 'revoke', revokedKey.split('_')[1] ?? '');
    await machine.start(earlier.root);
    await endJobs();
    await leaveJobsUnderWay();
    await machine.kill();
    audit = machine.rows(AUDIT);
    schemaBefore = schemaVersion();
    await machine.start(repoRoot);
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await machine.close();
    await earlier.remove();
  });

  async function submit(name: JobName): Promise<void> {
    jobs.set(name, await machine.submit(name));
  }

  async function endJobs(): Promise<void> {
    for (const name of namesOf(ENDED_JOBS)) await submit(name);
    for (const name of namesOf(ENDED_JOBS)) {
      const outcome = await machine.outcome(idOf(name));
      if (outcome === 'completed') downloads.set(name, await machine.download(idOf(name)));
    }
    await machine.order('DELETE', `/jobs/${idOf('deleted after it was completed')}`);
    downloads.delete('deleted after it was completed');
  }

  /** Leaves attempts that run, one that was lost, wishes that nobody has fulfilled, and a queue. */
  async function leaveJobsUnderWay(): Promise<void> {
    for (const name of namesOf(RUNNING_JOBS)) await submit(name);
    for (const name of namesOf(RUNNING_JOBS)) {
      await until(
        () => machine.status(idOf(name)),
        ({ phase }) => phase === 'running',
      );
    }
    for (const name of namesOf(WAITING_JOBS)) await submit(name);
    await machine.order('POST', `/jobs/${idOf('cancelled while it waited')}/cancel`);
    const [lost] = await containersOf('whose container was killed');
    await machine.docker.getContainer(lost?.Id ?? '').kill();
    await machine.order('POST', `/jobs/${idOf('with a wish to be cancelled')}/cancel`);
    await machine.order('DELETE', `/jobs/${idOf('with a wish to be deleted')}`);
  }

  it(
    'every accepted job comes to its end',
    async () => {
      const outcomes: Partial<Record<JobName, string>> = {};
      for (const name of namesOf(ALL_JOBS)) outcomes[name] = await machine.outcome(idOf(name));
      expect(outcomes).toEqual(Object.fromEntries(namesOf(ALL_JOBS).map((name) => [name, ALL_JOBS[name].outcome])));
    },
    START_TIMEOUT_MS,
  );

  it('an attempt that ran is finished, not run again; one that was lost is', async () => {
    for (const name of ['running', 'running too'] as const) {
      expect([name, (await machine.client().status(idOf(name))).attempt]).toEqual([name, 1]);
      expect([name, (await containersOf(name)).length]).toEqual([name, 1]);
    }
    const { attempt, ended_attempts: ended } = await machine.client().status(idOf('whose container was killed'));
    // The one while anybody watched its container, the other for what is found dead: which, depends on the moment of the kill.
    const [lost, ...others] = ended?.map(({ code }) => code) ?? [];
    expect([attempt, others]).toEqual([2, [undefined]]);
    expect(['platform_error', 'capacity_interrupted']).toContain(lost);
  });

  it('what was published earlier is the same, byte for byte, and read as this release documents it', async () => {
    const completed = namesOf(ENDED_JOBS).filter((name) => ALL_JOBS[name].outcome === 'completed');
    expect([...downloads.keys()]).toEqual(completed);
    for (const [name, digests] of downloads) {
      expect(await machine.download(idOf(name))).toEqual(digests);
      const { artifacts, metadata } = await machine.client().result(idOf(name));
      expect(Object.fromEntries(artifacts.map(({ name: artifact, sha256 }) => [artifact, sha256]))).toEqual(digests);
      expect(metadata.job_id).toBe(idOf(name));
    }
  });

  it('a submission that is repeated answers the same job', async () => {
    for (const name of namesOf(ALL_JOBS)) {
      if (ALL_JOBS[name].outcome === 'deleted') continue;
      expect([name, await machine.submit(name)]).toEqual([name, idOf(name)]);
    }
  });

  it('what was deleted is gone, with its files', async () => {
    for (const name of ['deleted after it was completed', 'with a wish to be deleted'] as const) {
      await expect(machine.client().result(idOf(name))).rejects.toMatchObject({ code: 'gone' });
      await until(
        async () => existsSync(join(machine.dataDir, 'jobs', idOf(name))),
        (isThere) => !isThere,
      );
    }
    expect((await readdir(join(machine.dataDir, 'jobs'))).sort()).toEqual(
      namesOf(ALL_JOBS)
        .filter((name) => ALL_JOBS[name].outcome !== 'deleted')
        .map(idOf)
        .sort(),
    );
  });

  it('keys open what they opened, and the audit trail goes on', async () => {
    const probe = idOf('completed');
    await expect(machine.client(revokedKey).status(probe)).rejects.toMatchObject({ code: 'unauthorized' });
    const second = await machine.keys(repoRoot, 'create', 'clinic-a');
    expect((await machine.client(second).status(probe)).status).toBe('completed');
    const other = await machine.keys(repoRoot, 'create', 'clinic-b');
    await expect(machine.client(other).status(probe)).rejects.toMatchObject({ code: 'not_found' });
    const now = machine.rows(AUDIT);
    expect(now.slice(0, audit.length)).toEqual(audit);
    expect(now.length).toBeGreaterThan(audit.length);
  });

  it('nothing runs any more, and no slot is held', async () => {
    const containers = await ownContainers(machine.docker, machine.dataDir);
    expect(containers.filter(({ State }) => State === 'running')).toEqual([]);
    expect(machine.rows('SELECT * FROM pool_holders')).toEqual([]);
  });

  it(
    'the earlier build goes on where the schema is its own, and refuses the database where it is not',
    async () => {
      await machine.stop();
      if (schemaVersion() !== schemaBefore) {
        const refused = expect.stringContaining('newer release');
        expect(await machine.refusals(earlier.root)).toEqual([refused, refused]);
        return;
      }
      await machine.start(earlier.root);
      const [[name, digests] = ['completed', {}] as const] = downloads;
      expect(await machine.download(idOf(name))).toEqual(digests);
      for (const each of namesOf(ALL_JOBS)) {
        expect([each, await machine.outcome(idOf(each))]).toEqual([each, ALL_JOBS[each].outcome]);
      }
    },
    START_TIMEOUT_MS,
  );
});
