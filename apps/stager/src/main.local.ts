/**
 * The stager of the local composition: `stager stage-in|stage-out --work FOLDER --data FOLDER --models FOLDER…`.
 * Started by the worker's Docker runner, once per stage. Exit 0 = the verdict or the report is written.
 * With `--spare` instead of a stage and a folder it waits for them: one line `{"stage", "work"}` on stdin.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { FsObjectStore } from '@bpi/adapters-local';
import { createLog, errorFields } from '@bpi/job-contract';
import { Catalogue, systemClock } from '@bpi/jobs';
import { readCatalogue } from '@bpi/model-files';
import { z } from 'zod';
import { stageIn } from './stage-in.ts';
import { stageOut } from './stage-out.ts';
import type { StagerContext } from './stager-context.ts';
import { WorkFolder } from './work-folder.ts';

const STAGES = ['stage-in', 'stage-out'] as const;
const USAGE =
  'usage: stager (stage-in|stage-out --work FOLDER | --spare) --data FOLDER --models FOLDER [--models FOLDER]';
const orderSchema = z.strictObject({ stage: z.enum(STAGES), work: z.string() });
type Order = z.infer<typeof orderSchema>;

const log = createLog((line) => process.stdout.write(`${line}\n`), systemClock.nowMs);

async function main(argv: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      work: { type: 'string' },
      spare: { type: 'boolean' },
      data: { type: 'string' },
      models: { type: 'string', multiple: true },
    },
  });
  const given = orderSchema.safeParse({ stage: positionals[0], work: values.work });
  if (given.success === (values.spare === true) || values.data === undefined || values.models === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const context: StagerContext = {
    objects: new FsObjectStore(values.data),
    catalogue: new Catalogue(await readCatalogue(values.models)),
    clock: systemClock,
    log,
  };
  const order = given.success ? given.data : await nextOrder();
  if (order !== null) await runStage(order.stage, context, new WorkFolder(order.work));
  return 0;
}

/** Null when stdin closes without an order: the worker is gone, or has no use for a spare. */
async function nextOrder(): Promise<Order | null> {
  for await (const line of createInterface({ input: process.stdin })) return orderSchema.parse(JSON.parse(line));
  return null;
}

async function runStage(stage: Order['stage'], context: StagerContext, work: WorkFolder): Promise<void> {
  const startedMs = context.clock.monotonicMs();
  const { job_id: jobId, epoch } = await work.task();
  const result = stage === 'stage-in' ? (await stageIn(context, work)).result : await stageOut(context, work);
  context.log('stager.done', { jobId, epoch, stage, result, durationMs: context.clock.monotonicMs() - startedMs });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  log('service.failed', { service: 'stager', ...errorFields(error) });
  process.exitCode = 1;
}
