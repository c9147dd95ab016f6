/**
 * checkov over every synthesized stack: `node tools/src/testing/policy-scan.ts`. Fails for a finding that no skip allows,
 * for a skip that allows nothing, and when checkov misses a bucket that was planted for it or reads fewer resources than
 * there are. Its rules see what the text says: references between resources are followed, such as from a bucket to its
 * public access block (CKV2_AWS_6), but values that only AWS knows are not. No network: `--skip-download`.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execFile } from 'node:child_process';
import { ensureLinters } from './linters.ts';
import { judge, parseReport, type Finding, type Report } from './policy-findings.ts';
import { SKIPS } from './policy-skips.ts';
import { synthesizeStacks } from './synthesized-stacks.ts';
import { countResources, terraformText } from './terraform-text.ts';

const SCAN_TIMEOUT_MS = 5 * 60_000;
const REPORT_BYTES_MAX = 64 * 1024 * 1024;

/** Anybody could read it, and nothing else of this project is like that. */
const PLANTED = { resource: { aws_s3_bucket: { public: { bucket: 'planted', acl: 'public-read' } } } };
/** One rule about the bucket itself, and one about what it should be connected with. */
const PLANTED_FINDINGS = ['CKV_AWS_20', 'CKV2_AWS_6'];
const isPlanted = ({ resource }: Finding) => resource.startsWith('planted:');

const repoRoot = join(import.meta.dirname, '../../..');
const cacheDir = join(repoRoot, 'data/test-cache');
const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const bin = await ensureLinters({ cacheDir, log: say });
  const stacks = [...(await synthesizeStacks(repoRoot)), { name: 'planted', stack: PLANTED }];
  const folder = join(cacheDir, 'policy-scan');
  await rm(folder, { recursive: true, force: true });
  for (const { name, stack } of stacks) {
    const file = join(folder, name, 'main.tf');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, terraformText(stack));
  }
  const report = await scan(join(bin, 'checkov'), folder);
  const resources = stacks.reduce((sum, { stack }) => sum + countResources(stack), 0);
  return verdictOf(report, resources);
}

/** Exits with 1 when it finds something, which it always does. */
function scan(checkov: string, folder: string): Promise<Report> {
  const args = ['--directory', folder, '--framework', 'terraform', '--skip-download', '--compact', '--output', 'json'];
  const options = {
    timeout: SCAN_TIMEOUT_MS,
    maxBuffer: REPORT_BYTES_MAX,
    env: { ...process.env, LOG_LEVEL: 'ERROR' },
  };
  return new Promise((resolve, reject) => {
    execFile(checkov, args, options, (error, stdout, stderr) => {
      try {
        resolve(parseReport(stdout));
      } catch (cause) {
        reject(new Error(`checkov wrote no report: ${stderr.slice(-1_000) || error?.message}`, { cause }));
      }
    });
  });
}

function verdictOf(report: Report, resources: number): number {
  const { findings, idle } = judge(
    report.findings.filter((finding) => !isPlanted(finding)),
    SKIPS,
  );
  const planted = new Set(report.findings.filter(isPlanted).map(({ check }) => check));
  const complaints = [
    ...findings.map(({ check, resource, rule }) => `${check} ${resource}: ${rule}`),
    ...idle.map(({ check, resources: which }) => `The skip of ${check} for ${which.source} skips nothing: remove it.`),
    ...PLANTED_FINDINGS.filter((check) => !planted.has(check)).map((check) => `The planted bucket passed ${check}.`),
  ];
  if (report.unreadable > 0) complaints.push(`checkov could not read ${report.unreadable} stacks.`);
  if (report.resources !== resources) complaints.push(`checkov saw ${report.resources} of ${resources} resources.`);
  for (const complaint of complaints) say(complaint);
  say(`checkov: ${report.resources} resources, ${SKIPS.length} skips, ${complaints.length} complaints`);
  return complaints.length === 0 ? 0 : 1;
}

process.exitCode = await main();
