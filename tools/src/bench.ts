/**
 * Measures what is said to be fast: `./tools/bench [NAME…] [--small] [--built] [--data DIR]`; names are those of
 * MEASUREMENTS. Prints Markdown for docs/performance.md. `--small` runs everything in seconds on tiny data, to show that
 * it works: its figures mean nothing. `--built` takes the bundles that are there. DIR (default `data`) lies on the disk
 * that is measured, with 6 GB free; all but its `cache` is left as it was.
 */
import { mkdir } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildApps } from './build.ts';
import type { Finding } from './bench/finding.ts';
import { describeMachine } from './bench/machine.ts';
import { measureMemory } from './bench/measure-memory.ts';
import { measureOverhead } from './bench/measure-overhead.ts';
import { measureScale } from './bench/measure-scale.ts';
import { measureStageOut } from './bench/measure-stage-out.ts';
import { measureStatus } from './bench/measure-status.ts';
import { measureSubmit } from './bench/measure-submit.ts';
import { measureUpload } from './bench/measure-upload.ts';
import { ensurePeerPython, ensureHead } from './bench/peers.ts';
import { tableOf } from './bench/table.ts';
import { Workshop, type WorkshopOptions } from './bench/workshop.ts';

const MEASUREMENTS: Readonly<Record<string, (shop: Workshop) => Promise<Finding[]>>> = {
  upload: measureUpload,
  memory: measureMemory,
  status: measureStatus,
  submit: measureSubmit,
  overhead: measureOverhead,
  'stage-out': measureStageOut,
  scale: measureScale,
};
const USAGE = `usage: ./tools/bench [${Object.keys(MEASUREMENTS).join(' | ')}]… [--small] [--built] [--data DIR]`;
/** One that takes longer is given up, and the next one begins. */
const MEASUREMENT_MS_MAX = 15 * 60_000;

const repoRoot = join(import.meta.dirname, '../..');
const say = (line: string) => process.stdout.write(`${line}\n`);
const log = (line: string) => process.stderr.write(`${line}\n`);

type Arguments = { names: string[]; isSmall: boolean; isBuilt: boolean; dataDir: string };

function parse(argv: string[]): Arguments {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { small: { type: 'boolean' }, built: { type: 'boolean' }, data: { type: 'string' } },
  });
  if (positionals.some((name) => !Object.hasOwn(MEASUREMENTS, name))) throw new Error(USAGE);
  return {
    names: positionals.length === 0 ? Object.keys(MEASUREMENTS) : positionals,
    isSmall: values.small === true,
    isBuilt: values.built === true,
    dataDir: resolve(values.data ?? join(repoRoot, 'data')),
  };
}

/** What is open at this moment; an interruption closes it, and nothing is opened after it. */
let open: Workshop | null = null;
let isInterrupted = false;

/** All lines of one measurement, or the reason why there are none. Leaves nothing running. */
async function measure(name: string, options: WorkshopOptions): Promise<Finding[]> {
  const startedMs = performance.now();
  const shop = await Workshop.open(options);
  open = shop;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const give = () => reject(new Error(`it took longer than ${MEASUREMENT_MS_MAX / 60_000} minutes`));
    timer = setTimeout(give, MEASUREMENT_MS_MAX);
  });
  try {
    const work = MEASUREMENTS[name]?.(shop) ?? Promise.reject(new Error(USAGE));
    work.catch(() => undefined); // given up, it fails once more when its processes end
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
    await shop.close();
    open = null;
    log(`${name}: ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  }
}

async function main(argv: string[]): Promise<boolean> {
  const { names, isSmall, isBuilt, dataDir } = parse(argv);
  const cacheDir = join(dataDir, 'cache');
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  if (!isBuilt) await buildApps(repoRoot);
  const python = await ensurePeerPython({ cacheDir, log });
  const headNifti = await ensureHead({ repoRoot, cacheDir, log });
  const options = { repoRoot, parentDir: dataDir, python, headNifti, isSmall, log };
  const machine = await describeMachine({ folder: dataDir, python });
  const findings: Finding[] = [];
  const failed: string[] = [];
  for (const name of names) {
    if (isInterrupted) break;
    try {
      findings.push(...(await measure(name, options)));
    } catch (error) {
      failed.push(`${name} was not measured: ${error instanceof Error ? error.message : 'unknown error'}`);
    }
  }
  say(`\`./tools/bench${argv.map((arg) => ` ${arg}`).join('')}\`, ${new Date().toISOString().slice(0, 10)}.`);
  say(`${machine}, at its end ${(loadavg()[0] ?? 0).toFixed(2)}.`);
  say(['', ...tableOf(findings), ...failed.map((line) => `\n${line}`)].join('\n'));
  return failed.length === 0;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    void (open?.close() ?? Promise.resolve()).finally(() => process.exit(1));
  });
}
try {
  process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  log(error instanceof Error ? error.message : 'unknown error');
  process.exitCode = 1;
}
process.exit(process.exitCode);
