import { appendFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseProgressLine, ProgressTail } from './progress-tail.ts';

const STEPS = ['load', 'segment'];

describe('a progress line', () => {
  it.each([
    ['{"fraction":0,"step":"load"}', { fraction: 0, step: 'load' }],
    ['{"fraction":1,"step":"segment","more":true}', { fraction: 1, step: 'segment' }],
    ['{"fraction":1.01,"step":"load"}', null],
    ['{"fraction":-0.1,"step":"load"}', null],
    ['{"fraction":"0.5","step":"load"}', null],
    ['{"fraction":0.5,"step":"a patient"}', null],
    ['{"fraction":0.5}', null],
    ['[0.5,"load"]', null],
    ['null', null],
    ['', null],
    ['{', null],
    [`{"fraction":0.5,"step":"load","x":"${'x'.repeat(2_000)}"}`, null],
  ])('%.40s', (line, expected) => {
    expect(parseProgressLine(line, STEPS)).toEqual(expected);
  });
});

describe('the tail of a progress file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bpi-progress-'));
    path = join(folder, 'progress.jsonl');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('gives each newest line once, and a line only when it is whole', async () => {
    const tail = new ProgressTail(path, STEPS, 10_000);
    expect(await tail.read()).toBeNull();
    await writeFile(path, '{"fraction":0.1,"step":"load"}\n{"fraction":0.2,"step":"load"}\n{"fraction":0.3,');
    expect(await tail.read()).toEqual({ fraction: 0.2, step: 'load' });
    expect(await tail.read()).toBeNull();
    await appendFile(path, '"step":"segment"}\nnonsense\n');
    expect(await tail.read()).toEqual({ fraction: 0.3, step: 'segment' });
  });

  it('gives up an endless line and goes on behind it', async () => {
    const tail = new ProgressTail(path, STEPS, 1_000_000);
    await writeFile(path, 'x'.repeat(200_000));
    expect(await tail.read()).toBeNull();
    await appendFile(path, '\n{"fraction":0.5,"step":"load"}\n');
    expect(await tail.read()).toEqual({ fraction: 0.5, step: 'load' });
  });

  it('reads no more than its limit', async () => {
    const line = '{"fraction":0.1,"step":"load"}\n';
    const tail = new ProgressTail(path, STEPS, line.length);
    await writeFile(path, `${line}{"fraction":0.9,"step":"load"}\n`);
    expect(await tail.read()).toEqual({ fraction: 0.1, step: 'load' });
    expect(await tail.read()).toBeNull();
  });

  it('follows no link', async () => {
    await writeFile(join(folder, 'real'), '{"fraction":0.1,"step":"load"}\n');
    await symlink('real', path);
    expect(await new ProgressTail(path, STEPS, 10_000).read()).toBeNull();
  });
});
