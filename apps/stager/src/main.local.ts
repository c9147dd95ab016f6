/**
 * The stager of the local composition: `stager stage-in|stage-out --work FOLDER --data FOLDER --models FOLDER…`.
 * Started by the worker's Docker runner, once per stage. Exit 0 = the verdict or the report is written.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FsObjectStore, readCatalogue, systemClock } from '@bpi/adapters-local';
import { createLog, errorFields } from '@bpi/job-contract';
import { Catalogue } from '@bpi/jobs';
import { stageIn } from './stage-in.ts';
import { stageOut } from './stage-out.ts';
import type { StagerContext } from './stager-context.ts';
import { WorkFolder } from './work-folder.ts';

const STAGES = ['stage-in', 'stage-out'] as const;
const USAGE = 'usage: stager stage-in|stage-out --work FOLDER --data FOLDER --models FOLDER [--models FOLDER]';

const log = createLog((line) => process.stdout.write(`${line}\n`), systemClock.nowMs);

async function main(argv: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { work: { type: 'string' }, data: { type: 'string' }, models: { type: 'string', multiple: true } },
  });
  const stage = STAGES.find((name) => name === positionals[0]);
  if (stage === undefined || values.work === undefined || values.data === undefined || values.models === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const context: StagerContext = {
    objects: new FsObjectStore(values.data),
    catalogue: new Catalogue(await readCatalogue(values.models)),
    clock: systemClock,
    log,
  };
  await runStage(stage, context, new WorkFolder(join(values.work)));
  return 0;
}

async function runStage(stage: (typeof STAGES)[number], context: StagerContext, work: WorkFolder): Promise<void> {
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
