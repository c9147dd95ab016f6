import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { runCommandIn } from './run-command.ts';

/** What is read of `jest --json`. */
const resultSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numRuntimeErrorTestSuites: z.number(),
  testResults: z.array(
    z.object({
      assertionResults: z.array(
        z.object({ ancestorTitles: z.array(z.string()), title: z.string(), status: z.string() }),
      ),
    }),
  ),
});

export type TestOutcome = { ancestorTitles: readonly string[]; title: string; status: string };

/** A skipped test and a spec file that cannot be loaded count as failed. */
export type JestRun = { passed: number; failed: number; tests: readonly TestOutcome[] };

export type JestPart = {
  repoRoot: string;
  /** The result is kept here, as `<name>.json`. */
  cacheDir: string;
  name: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  output?: 'live' | 'held';
};

/** Runs some of the spec files. */
export async function runJest({ repoRoot, cacheDir, name, args, env, output }: JestPart): Promise<JestRun> {
  const resultPath = join(cacheDir, `${name}.json`);
  await rm(resultPath, { force: true });
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const jestEntry = join(repoRoot, 'node_modules/jest/bin/jest.js');
  const jestArgs = [jestEntry, '--json', `--outputFile=${resultPath}`, '--passWithNoTests', ...args];
  const code = await runCommandIn(repoRoot, process.execPath, [...flags, ...jestArgs], {
    env,
    ...(output && { output }),
  });
  const result = resultSchema.safeParse(
    await readFile(resultPath, 'utf8')
      .then(JSON.parse)
      .catch(() => null),
  );
  if (!result.success) return { passed: 0, failed: 1, tests: [] };
  const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites, testResults } = result.data;
  const failed = numFailedTests + numPendingTests + numRuntimeErrorTestSuites;
  return {
    passed: numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    tests: testResults.flatMap(({ assertionResults }) => assertionResults),
  };
}
