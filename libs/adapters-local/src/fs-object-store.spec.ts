import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ObjectNotFound } from '@bpi/jobs';
import { FsObjectStore } from './fs-object-store.ts';

const HOUR_MS = 60 * 60 * 1_000;

describe('FsObjectStore', () => {
  let root: string;
  let objects: FsObjectStore;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bpi-objects-'));
    objects = new FsObjectStore(root);
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  const temporaries = () => readdir(join(root, '.tmp'));

  it('lays an object under the root as its key says', async () => {
    await objects.put('jobs/a/report.json', Buffer.from('{}'), { ifAbsent: true });
    expect(await readFile(join(root, 'jobs/a/report.json'), 'utf8')).toBe('{}');
  });

  it('leaves no temporary file, whether it stored, found the key taken, or failed', async () => {
    await objects.put('a', Buffer.from('1'), { ifAbsent: true });
    await objects.put('a', Buffer.from('2'), { ifAbsent: true });
    await objects.put('a', Buffer.from('3'), { ifAbsent: false });
    await objects.copy('a', 'b');
    await objects.copy('a', 'b');
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('half');
        throw new Error('broken');
      })(),
    );
    await expect(objects.put('c', broken, { ifAbsent: false })).rejects.toThrow('broken');
    expect(await temporaries()).toEqual([]);
  });

  it('copies by a second link, without a second copy of the bytes', async () => {
    await objects.put('a', Buffer.from('bytes'), { ifAbsent: true });
    await objects.copy('a', 'b');
    expect((await stat(join(root, 'b'))).ino).toBe((await stat(join(root, 'a'))).ino);
  });

  it('sweeps what crashed writers left an hour ago, files and folders, and nothing younger', async () => {
    await objects.put('a', Buffer.from('bytes'), { ifAbsent: true });
    await mkdir(join(root, '.tmp/deleted-folder/below'), { recursive: true });
    await writeFile(join(root, '.tmp/half-written'), 'half');
    expect(await objects.sweepTemp(Date.now() + HOUR_MS / 2)).toBe(0);
    expect(await temporaries()).toHaveLength(2);
    expect(await objects.sweepTemp(Date.now() + 2 * HOUR_MS)).toBe(2);
    expect(await temporaries()).toEqual([]);
    expect(await objects.head('a')).not.toBeNull();
  });

  it('removes folders of jobs in which no file came to lie, an hour after a crash left them, and no others', async () => {
    for (const folder of ['crashed/input', 'kept/attempts/1'])
      await mkdir(join(root, 'jobs', folder), { recursive: true });
    await objects.put('jobs/kept/input/input.npz', Buffer.from('x'), { ifAbsent: true });
    expect(await objects.sweepTemp(Date.now() + HOUR_MS / 2)).toBe(0);
    expect(await readdir(join(root, 'jobs'))).toHaveLength(2);
    expect(await objects.sweepTemp(Date.now() + 2 * HOUR_MS)).toBe(1);
    expect(await readdir(join(root, 'jobs'))).toEqual(['kept']);
    expect(await objects.head('jobs/kept/input/input.npz')).not.toBeNull();
  });

  it('ends a deletion that a crash broke off between the move and the removal', async () => {
    for (const prefix of ['jobs/a/', 'jobs/b/'])
      await objects.put(`${prefix}input`, Buffer.from('x'), { ifAbsent: true });
    const movedName = (prefix: string) => `deleted-${createHash('sha256').update(prefix).digest('hex')}-crashed`;
    await rename(join(root, 'jobs/a'), join(root, '.tmp', movedName('jobs/a/')));
    await rename(join(root, 'jobs/b'), join(root, '.tmp', movedName('jobs/b/')));
    await objects.deletePrefix('jobs/a/');
    expect(await temporaries()).toEqual([movedName('jobs/b/')]);
  });

  it('has nothing to sweep in a new folder', async () => {
    expect(await new FsObjectStore(join(root, 'new')).sweepTemp(Date.now())).toBe(0);
  });

  it('does not follow a symbolic link, nor list it', async () => {
    await writeFile(join(root, 'secret'), 'secret');
    await mkdir(join(root, 'jobs'));
    await symlink(join(root, 'secret'), join(root, 'jobs/link'));
    await expect(objects.get('jobs/link')).rejects.toBeInstanceOf(ObjectNotFound);
    for await (const { key } of objects.list('jobs/')) throw new Error(`listed ${key}`);
  });

  it('never changes a file that has its place: other links keep their bytes', async () => {
    await objects.put('a', Buffer.from('first'), { ifAbsent: true });
    await link(join(root, 'a'), join(root, 'other-name'));
    await objects.put('a', Buffer.from('second'), { ifAbsent: false });
    expect(await readFile(join(root, 'other-name'), 'utf8')).toBe('first');
  });

  it('leaves files beside the objects out of a list', async () => {
    await objects.put('jobs/a/x', Buffer.from('x'), { ifAbsent: true });
    await writeFile(join(root, 'jobs/a/.status.txt.tmp'), 'pending');
    await writeFile(join(root, 'jobs/a/UPPER'), 'x');
    const keys: string[] = [];
    for await (const { key } of objects.list('jobs/')) keys.push(key);
    expect(keys).toEqual(['jobs/a/x']);
  });
});
