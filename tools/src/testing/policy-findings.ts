import { z } from 'zod';

/** A rule that we break on purpose, and why. */
export type Skip = {
  /** As checkov numbers it: `CKV_AWS_18`. */
  check: string;
  /** Of `stack:type.name`, whole. */
  resources: RegExp;
  reason: string;
};

export type Finding = { check: string; resource: string; rule: string };

export type Verdict = {
  /** What nobody allowed. */
  findings: Finding[];
  /** Skips that met nothing: the rule is kept by now, so the skip must go. */
  idle: Skip[];
};

const reportSchema = z.object({
  summary: z.object({ resource_count: z.number(), parsing_errors: z.number() }),
  results: z.object({
    failed_checks: z.array(
      z.object({ check_id: z.string(), check_name: z.string(), resource: z.string(), file_path: z.string() }),
    ),
  }),
});

export type Report = { resources: number; unreadable: number; findings: Finding[] };

/** What checkov wrote about folders that are named after their stacks. */
export function parseReport(json: string): Report {
  const { summary, results } = reportSchema.parse(JSON.parse(json));
  const findings = results.failed_checks.map(({ check_id, check_name, resource, file_path }) => ({
    check: check_id,
    resource: `${file_path.split('/').at(-2) ?? ''}:${resource}`,
    rule: check_name,
  }));
  return { resources: summary.resource_count, unreadable: summary.parsing_errors, findings };
}

export function judge(findings: readonly Finding[], skips: readonly Skip[]): Verdict {
  const isSkipped = (finding: Finding) => skips.some((skip) => covers(skip, finding));
  return {
    findings: findings.filter((finding) => !isSkipped(finding)),
    idle: skips.filter((skip) => !findings.some((finding) => covers(skip, finding))),
  };
}

function covers({ check, resources }: Skip, finding: Finding): boolean {
  return check === finding.check && resources.exec(finding.resource)?.[0] === finding.resource;
}
