/**
 * What has to hold after any run, however it went: pure functions over what clients saw and what is there in the end.
 * A platform that breaks one answers with a sentence per case; the names are those that the tests print.
 */
import { isTerminal, LIMITS, type JobRecord } from '@bpi/job-contract';
import { resultIn, statusIn, type Answer, type Order } from './history.ts';

/** What a quiet platform still has. Each list names what should not be there, or is empty. */
export type Remains = {
  runningContainers: readonly string[];
  /** Jobs that hold a slot of a pool. */
  slotHolders: readonly string[];
  queueMessages: number;
  /** Files that are nobody's, also after the time for which crashed writers' files are kept. */
  scratchFiles: readonly string[];
  /** Stopped containers and work folders that no record names, and all that are left after the time they are kept. */
  strayTasks: readonly string[];
  /** Files of deleted jobs. */
  deletedFiles: readonly string[];
  /** Processes that ended by themselves, lines of a log that are none of ours, and loops that hang. */
  complaints: readonly string[];
  /** Logs in which something that only clients know was found. */
  leaks: readonly string[];
  /** `jobId` of each line that says that a job ended. */
  loggedEnds: readonly string[];
  /** Before and after a load that no process died of, by name of the process. */
  usage: readonly { name: string; fds: readonly [number, number]; rssMiB: readonly [number, number] }[];
};

export type Evidence = {
  orders: readonly Order[];
  answers: readonly Answer[];
  records: readonly JobRecord[];
  remains: Remains;
  /** The digest that a job's mask must have, as somebody else computed it. */
  expectedMask: (order: Order, record: JobRecord) => string | undefined;
  attemptsMax: number;
};

export type Violation = string;

type Case = { order: Order; jobIds: readonly string[]; record: JobRecord | undefined; answers: readonly Answer[] };

/** Of clients' answers: what a client may be told to come again with, and never with what. */
const BUSY_HTTP: readonly number[] = [429, 503, 507];
const USAGE_GROWTH_MAX = 0.1;
const RANK = { pending: 0, running: 1, completed: 2, failed: 2 } as const;
const MASK = 'pred_mask.npz';

export function violationsOf(evidence: Evidence): Violation[] {
  const cases = casesOf(evidence);
  return Object.entries(INVARIANTS).flatMap(([name, broken]) =>
    broken(cases, evidence).map((sentence) => `${name}: ${sentence}`),
  );
}

/** By more than a tenth. */
export function grew({ fds, rssMiB }: Pick<Remains['usage'][number], 'fds' | 'rssMiB'>): boolean {
  return [fds, rssMiB].some(([before, after]) => after > before * (1 + USAGE_GROWTH_MAX));
}

type Invariant = (cases: readonly Case[], evidence: Evidence) => string[];

/** Numbered as in the test plan that they come from; H is about the answers themselves. */
export const INVARIANTS: Readonly<Record<string, Invariant>> = {
  'H every answer is one that a client can act on': (_, { answers }) =>
    answers
      .filter(({ http }) => http !== null && http >= 500 && !BUSY_HTTP.includes(http))
      .map(({ key, asked, http }) => `${asked} of ${key} was answered ${http}`),
  'I1 every accepted job ends': ofEach(({ order, jobIds, record }) => {
    if (jobIds.length === 0) return [`${order.key} was never accepted`];
    if (record === undefined) return [`${order.key} was accepted as ${jobIds[0]} and there is no such job`];
    return isTerminal(record.phase) ? [] : [`${record.jobId} is ${record.phase}`];
  }),
  'I2 a job ends once, and as it should': ofEach(oneEnd),
  'I3 a result never changes, and is the right one': ofEach(oneResult),
  'I4 one job for each key, and none besides': (cases, { records }) => {
    const known = new Set(cases.flatMap(({ jobIds }) => jobIds));
    return [
      ...cases.filter(({ jobIds }) => jobIds.length > 1).map(({ order, jobIds }) => `${order.key}: ${jobIds.join()}`),
      ...repeated(cases.flatMap(({ jobIds }) => jobIds)).map((jobId) => `${jobId} answers two keys`),
      ...records.filter(({ jobId }) => !known.has(jobId)).map(({ jobId }) => `${jobId} belongs to no key`),
    ];
  },
  'I5 a status never goes back': ofEach(({ answers }) =>
    pairs(answers.flatMap((answer) => statusIn(answer) ?? []))
      .filter(([before, after]) => RANK[after.status] < RANK[before.status] || after.attempt < before.attempt)
      .map(([before, after]) => `${JSON.stringify(before)} became ${JSON.stringify(after)}`),
  ),
  'I6 at most one attempt is published, and it is the last one': (cases, { remains }) => [
    ...ofEach(({ record }) =>
      record === undefined || record.result === null || record.result.epoch === record.attempt?.epoch
        ? []
        : [`${record.jobId} shows attempt ${record.result.epoch} of ${record.attempt?.epoch}`],
    )(cases),
    ...repeated(remains.loggedEnds).map((jobId) => `${jobId} ended twice in the logs`),
  ],
  'I7 nothing is left': (_, { remains }) => [
    ...remains.runningContainers.map((name) => `${name} runs`),
    ...remains.slotHolders.map((jobId) => `${jobId} holds a slot`),
    ...remains.scratchFiles.map((path) => `${path} is nobody’s`),
    ...remains.strayTasks.map((name) => `${name} is nobody’s task`),
    ...remains.deletedFiles.map((path) => `${path} belongs to a deleted job`),
    ...(remains.queueMessages === 0 ? [] : [`${remains.queueMessages} messages wait for nobody`]),
  ],
  'I8 attempts are bounded': (cases, { attemptsMax }) =>
    ofEach(({ record }) => {
      const attempts = record?.attempt?.epoch ?? 0;
      return attempts <= Math.min(attemptsMax, LIMITS.attemptsMax) ? [] : [`${record?.jobId} took ${attempts}`];
    })(cases),
  'I9 nothing of a client’s is in a log': (_, { remains }) => [...remains.leaks],
  'I10 no process ends or complains by itself': (_, { remains }) => [...remains.complaints],
  'I11 open files and memory go back': (_, { remains }) =>
    remains.usage
      .filter(grew)
      .map(({ name, fds, rssMiB }) => `${name}: files ${fds.join(' → ')}, MiB ${rssMiB.join(' → ')}`),
  'I12 what was cancelled or deleted shows no result': ofEach(noResultAfterward),
};

/** Whatever a client was told at an end is what it is told ever after, and what its order comes to. */
function oneEnd({ order, record, answers }: Case): string[] {
  const ends = answers.flatMap((answer) => statusIn(answer) ?? []).filter(({ phase }) => isTerminal(phase));
  const words = new Set(ends.map(({ phase, error }) => error ?? phase));
  const final = record === undefined ? undefined : (record.error?.code ?? record.phase);
  if (final !== undefined) words.add(final);
  if (words.size > 1) return [`${order.key} ended as ${[...words].join(' and as ')}`];
  if (final === undefined || final === order.outcome) return [];
  const wasStopped = answers.some(({ asked }) => asked === 'cancel' || asked === 'delete');
  return final === 'cancelled' && wasStopped
    ? []
    : [`${order.key} (${record?.jobId}) ended as ${final} instead of ${order.outcome}`];
}

function oneResult({ order, record, answers }: Case, { expectedMask }: Evidence): string[] {
  const results = answers.flatMap((answer) => resultIn(answer) ?? []);
  const [first] = results;
  if (first === undefined) {
    const shouldBeSeen = record?.phase === 'completed' && record.deletion === null;
    return shouldBeSeen ? [`${record.jobId} completed and nobody saw its result`] : [];
  }
  const changed = results.filter((result) => JSON.stringify(result) !== JSON.stringify(first));
  if (changed.length > 0) return [`${record?.jobId} changed: ${JSON.stringify([first, ...changed])}`];
  if (record?.result === null || record === undefined) return [`${order.key} showed a result that no record has`];
  const recorded = new Map<string, string>(record.result.manifest.map(({ name, sha256 }) => [name, sha256]));
  const isRecorded = Object.entries(first.artifacts).every(([name, sha256]) => recorded.get(name) === sha256);
  if (!isRecorded) return [`${record.jobId} is not what was recorded`];
  if (first.attempt !== record.result.epoch) return [`${record.jobId} shows attempt ${first.attempt}`];
  const expected = expectedMask(order, record);
  return first.artifacts[MASK] === expected ? [] : [`${record.jobId}: the mask of ${order.input} is wrong`];
}

function noResultAfterward({ order, answers }: Case): string[] {
  const deletedAt = answers.findIndex(({ asked, http }) => asked === 'delete' && isDone(http));
  const afterDeletion = deletedAt < 0 ? [] : answers.slice(deletedAt + 1);
  // Asking again for the deletion is answered as the first time.
  const notGone = afterDeletion.filter(({ asked, http, code }) =>
    asked === 'delete' ? false : http !== null && !BUSY_HTTP.includes(http) && code !== 'gone',
  );
  const failedAt = answers.findIndex((answer) => statusIn(answer)?.status === 'failed');
  const shownAfterFailure = failedAt < 0 ? [] : answers.slice(failedAt + 1).filter((answer) => resultIn(answer));
  return [
    ...notGone.map(({ asked, http }) => `${order.key} is deleted, and ${asked} was answered ${http}`),
    ...shownAfterFailure.map(() => `${order.key} failed and shows a result`),
  ];
}

function casesOf({ orders, answers, records }: Evidence): Case[] {
  const recordOf = new Map(records.map((record) => [record.jobId as string, record]));
  const answersOf = Map.groupBy(answers, ({ key }) => key);
  return orders.map((order) => {
    const own = answersOf.get(order.key) ?? [];
    const accepted = own.filter(({ asked, http }) => asked === 'submit' && isDone(http));
    const jobIds = [...new Set(accepted.flatMap(({ jobId }) => jobId ?? []))];
    return { order, jobIds, record: recordOf.get(jobIds[0] ?? ''), answers: own };
  });
}

function ofEach(
  broken: (one: Case, evidence: Evidence) => string[],
): (cases: readonly Case[], evidence?: Evidence) => string[] {
  return (cases, evidence) => cases.flatMap((one) => broken(one, evidence as Evidence)); // given to every invariant
}

function isDone(http: number | null): boolean {
  return http !== null && http >= 200 && http < 300;
}

function pairs<T>(values: readonly T[]): [T, T][] {
  return values.slice(1).map((value, at) => [values[at] as T, value]); // one for each but the first
}

function repeated(values: readonly string[]): string[] {
  return values.filter((value, at) => values.indexOf(value) !== at);
}
