import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inputKey, logsKey, reportKey } from '@bpi/job-contract';
import type { ObjectStore } from '@bpi/jobs';
import { StoppableObjects } from './stoppable-objects.ts';
import { stagerBench, type StagerBench } from './testing/stager-bench.ts';

describe('objects that a signal stops', () => {
  let bench: StagerBench;
  let stop: AbortController;
  let inner: ObjectStore;
  let objects: StoppableObjects;
  beforeEach(async () => {
    bench = await stagerBench();
    stop = new AbortController();
    inner = bench.context.objects;
    objects = new StoppableObjects(inner, { signal: stop.signal, lastKey: reportKey(bench.task.job_id, 1) });
  });
  afterEach(() => bench.close());

  it('are as ever before it', async () => {
    const key = logsKey(bench.task.job_id, 1);
    expect(await objects.put(key, Buffer.from('log'), { ifAbsent: true })).toMatchObject({ kind: 'stored', bytes: 3 });
    expect(await objects.head(key)).toEqual(await inner.head(key));
    expect(await text(await objects.get(key))).toBe('log');
  });

  it('are not begun any more after it, but for the last one', async () => {
    stop.abort(new Error('stopped'));
    const key = logsKey(bench.task.job_id, 1);
    await expect(objects.put(key, Buffer.from('log'), { ifAbsent: true })).rejects.toThrow('stopped');
    await expect(objects.put(key, new PassThrough(), { ifAbsent: true })).rejects.toThrow('stopped');
    await expect(objects.get(inputKey(bench.task.job_id))).rejects.toThrow('stopped');
    await expect(objects.head(key)).rejects.toThrow('stopped');
    expect(await inner.head(key)).toBeNull();
    const last = await objects.put(reportKey(bench.task.job_id, 1), Buffer.from('{}'), { ifAbsent: true });
    expect(last.kind).toBe('stored');
  });

  it('are broken off by it on their way up', async () => {
    const key = logsKey(bench.task.job_id, 1);
    const body = new PassThrough();
    const putting = objects.put(key, body, { ifAbsent: true });
    body.write('half');
    stop.abort();
    await expect(putting).rejects.toThrow();
    expect(await inner.head(key)).toBeNull();
  });

  it('are broken off by it on their way down', async () => {
    const source = await objects.get(inputKey(bench.task.job_id));
    stop.abort();
    await expect(text(source)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
