import { lstat, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskEvent, TaskSpec } from '@bpi/jobs';
import { makeDockerHarness, OUTPUT_BYTES_MAX, type DockerHarness } from './docker-harness.ts';

describe('a model container', () => {
  let harness: DockerHarness;
  beforeAll(async () => {
    harness = await makeDockerHarness();
  }, 60_000);
  afterAll(() => harness.close(), 60_000);

  it('has no network, no root, no capabilities, no writable root, and limits on all it uses', async () => {
    const script = `exec > outputs/facts 2>&1
      echo "uid=$(id -u)"; echo "interfaces=$(ls /sys/class/net | tr '\\n' ' ')"
      grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
      (touch /here || touch /workspace/here || touch inputs/here || touch /etc/here) 2>/dev/null && echo WROTE
      echo ok > /tmp/here && echo tmp=writable
      perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(PeerAddr => "1.1.1.1:53", Timeout => 2) ? "CONNECTED\\n" : "tcp=refused\\n"'
      perl -e 'print gethostbyname("example.org") ? "RESOLVED\\n" : "dns=refused\\n"'
      echo "core=$(ulimit -c)"; tr '\\0' ' ' < /proc/1/cmdline | cut -d' ' -f1
      env | sort | grep -E '^(JOB|INPUT|OUTPUT|CUDA|OMP)' | sed 's/^JOB_ID=.*/JOB_ID/'
      exit 0`;
    const spec = await harness.plan({ script });
    const { end } = await harness.run(spec);
    expect(end).toMatchObject({ cause: 'exited', exit_code: 0 });
    const facts = (await harness.output(spec, 'facts'))
      .trim()
      .split('\n')
      .map((line) => line.replaceAll('\t', ''));
    expect(facts.filter((fact) => !fact.startsWith('uid=') && !fact.startsWith('OMP_'))).toEqual(
      [
        'interfaces=lo ',
        'CapBnd:0000000000000000',
        'CapEff:0000000000000000',
        'NoNewPrivs:1',
        'Seccomp:2',
        'tmp=writable',
        'tcp=refused',
        'dns=refused',
        'core=0',
        '/sbin/docker-init',
        'CUDA_VISIBLE_DEVICES=',
        'INPUT_DIR=/workspace/inputs',
        'JOB_ATTEMPT=1',
        'JOB_ID',
        'OUTPUT_DIR=/workspace/outputs',
      ].sort((a, b) => order(facts, a) - order(facts, b)),
    );
    expect(facts).not.toContain('uid=0');
  });

  it('leaves nothing on the host that other users can reach', async () => {
    const spec = await harness.plan({ script: 'echo secret > outputs/mask; exit 0' });
    await harness.run(spec);
    expect((await lstat(harness.work(spec, '.'))).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['its main process', 'exec tail /dev/zero'],
    ['a child of it', 'tail /dev/zero; exit 7'],
  ])('that runs out of memory in %s is reported so', async (_where, script) => {
    const { seen, end } = await harness.run(await harness.plan({ script }));
    expect(end.cause).toBe('out_of_memory');
    expect(seen.cause).toBe('out_of_memory');
  });

  it('that forks without end is held by its limit and ends', async () => {
    const { end } = await harness.run(await harness.plan({ script: 'while :; do sleep 100 & done' }));
    expect(end.cause).toBe('exited');
    expect(end.exit_code).not.toBe(0);
  });

  it.each([
    ['one growing file', 'head -c 100000000 /dev/zero > outputs/a; exec sleep 100'],
    [
      'many files',
      'i=0; while [ $i -lt 100 ]; do head -c 200000 /dev/zero > outputs/$i; i=$((i+1)); done; exec sleep 100',
    ],
    ['a sparse file', `truncate -s ${OUTPUT_BYTES_MAX + 1} outputs/a; exec sleep 100`],
    ['very many entries', `perl -e 'for (1 .. 10_001) { open my $f, ">", "outputs/$_" }'; exec sleep 100`],
    [
      'folders in folders',
      `perl -e 'chdir "outputs"; for (1 .. 2_000) { mkdir "aaaa"; chdir "aaaa" }'; exec sleep 100`,
    ],
  ])('that writes too much, as %s, is ended', async (_how, script) => {
    const spec = await harness.plan({ script });
    const { seen, end } = await harness.run(spec);
    expect(end).toMatchObject({ cause: 'output_too_large', exit_code: 137 });
    expect(seen.cause).toBe('exited');
    await harness.runner.remove({ ...spec, ref: null });
    expect(await harness.runner.inspect({ ...spec, ref: null })).toEqual({ state: 'missing' });
    await expect(lstat(harness.work(spec, '.'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('has its output captured, the newest part of it, and no more than its cap', async () => {
    const script = 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo "the reason" >&2; exit 3';
    const spec = await harness.plan({ script });
    const { seen, end } = await harness.run(spec);
    expect(end).toMatchObject({ cause: 'exited', exit_code: 3 });
    expect(seen).toMatchObject({ cause: 'exited', exitCode: 3 });
    const logs = await readFile(harness.work(spec, 'logs.txt'), 'utf8');
    expect(logs.length).toBeLessThanOrEqual(4_096);
    expect(logs).toContain('line 2999');
    expect(logs).toContain('the reason');
  });

  it('that floods its output without a newline fills no disk', async () => {
    const spec = await harness.plan({ script: 'head -c 20000000 /dev/zero; exit 0' });
    const { end } = await harness.run(spec);
    expect(end).toMatchObject({ cause: 'exited', exit_code: 0 });
    expect((await lstat(harness.work(spec, 'logs.txt'))).size).toBeLessThanOrEqual(4_096);
  });

  it('tells its progress while it runs', async () => {
    const script = `p=outputs/progress.jsonl
      echo '{"fraction":0.25,"step":"load"}' >> $p; sleep 0.4
      echo 'nonsense' >> $p; echo '{"fraction":7,"step":"load"}' >> $p; echo '{"fraction":0.3,"step":"patient name"}' >> $p
      echo '{"fraction":0.75,"step":"segment"}' >> $p; sleep 0.2; exit 0`;
    const events = await eventsOf(harness, await harness.plan({ script }));
    expect(events.flatMap((event) => (event.kind === 'progress' ? [[event.fraction, event.step]] : []))).toEqual([
      [0.25, 'load'],
      [0.75, 'segment'],
    ]);
    expect(events.filter(({ kind }) => kind === 'changed').length).toBeGreaterThanOrEqual(2);
  });

  it.each([
    [
      'a link',
      'echo \'{"fraction":0.5,"step":"load"}\' > outputs/real; ln -s real outputs/progress.jsonl; sleep 0.3; exit 0',
    ],
    ['a pipe', 'mkfifo outputs/progress.jsonl; sleep 0.3; exit 0'],
    ['a folder', 'mkdir outputs/progress.jsonl; sleep 0.3; exit 0'],
  ])('whose progress file is %s tells none and does no harm', async (_what, script) => {
    const events = await eventsOf(harness, await harness.plan({ script }));
    expect(events.filter(({ kind }) => kind === 'progress')).toEqual([]);
  });

  it('of a model that needs a GPU is refused on a host without, and runs on the CPU where that is allowed', async () => {
    const info = (await harness.docker.info()) as { Runtimes: Record<string, unknown> };
    const required = await harness.runner.launch(await harness.plan({ script: 'exit 0', model: 'shell-gpu' }));
    if ('nvidia' in info.Runtimes) return expect(required.kind).toBe('launched');
    expect(required).toEqual({ kind: 'refused', code: 'model_unavailable' });
    const { end } = await harness.run(await harness.plan({ script: 'exit 0', model: 'shell-gpu-or-cpu' }));
    expect(end).toMatchObject({ cause: 'exited', exit_code: 0 });
  });
});

function order(facts: string[], fact: string): number {
  const at = facts.indexOf(fact);
  return at < 0 ? facts.length : at;
}

async function eventsOf(harness: DockerHarness, spec: TaskSpec): Promise<TaskEvent[]> {
  const abort = new AbortController();
  const events: TaskEvent[] = [];
  const reading = (async () => {
    for await (const event of harness.runner.events(abort.signal)) if (event.jobId === spec.jobId) events.push(event);
  })();
  await harness.run(spec);
  await harness.settle(async () => events.filter(({ kind }) => kind === 'changed').length >= 2);
  abort.abort();
  await reading;
  return events;
}
